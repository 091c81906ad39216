from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, Table, Text, Uuid

from app.core.database import metadata

approvals = Table(
    "approvals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("environment", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("report", Text),
    Column("approver", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    CheckConstraint("kind in ('approval', 'first_release', 'break_glass')", name="kind"),
    CheckConstraint("approver <> '' and reason <> ''", name="named"),
    CheckConstraint(
        "kind <> 'approval' or (report ~ '^[0-9a-f]{64}$' and expires_at is not null and expires_at > at)",
        name="evidence",
    ),
)
Index("ix_approvals_release_id", approvals.c.release_id, approvals.c.at)

break_glass_reviews = Table(
    "break_glass_reviews",
    metadata,
    Column("approval_id", Uuid, ForeignKey("approvals.id"), primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("reviewer <> '' and reason <> ''", name="named"),
)
