from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, Text, Uuid

from app.core.columns import Timestamp, not_empty, one_of, optional, primary_key, required
from app.core.database import metadata

approvals = Table(
    "approvals",
    metadata,
    *primary_key(id=Uuid),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *required(environment=Text, kind=Text),
    *optional(report=Text),
    *required(approver=Text, role=Text, at=Timestamp),
    *optional(expires_at=Timestamp),
    *required(reason=Text),
    *one_of(kind=("approval", "first_release", "break_glass")),
    not_empty("approver", "reason"),
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
    *required(reviewer=Text, at=Timestamp, reason=Text),
    not_empty("reviewer", "reason"),
)

readiness_statements = Table(
    "readiness_statements",
    metadata,
    *primary_key(id=Uuid),
    *required(kind=Text, check_id=Text, owner=Text, actor=Text, reason=Text, subject=Text),
    *required(at=Timestamp, expires_at=Timestamp, withdrawn=Boolean),
    CheckConstraint("kind in ('attestation', 'waiver')", name="kind"),
    CheckConstraint("owner <> '' and actor <> '' and reason <> ''", name="named"),
    CheckConstraint("withdrawn or expires_at > at", name="expiry"),
)
"""Append-only: the newest row of a kind and a check counts."""
Index("ix_readiness_statements_check", readiness_statements.c.kind, readiness_statements.c.check_id, "at")

readiness_plans = Table(
    "readiness_plans",
    metadata,
    *primary_key(id=Uuid),
    *required(at=Timestamp, actor=Text, statuses=JSONB),
)
"""The status of each check when a plan was written. Append-only."""
Index("ix_readiness_plans_at", readiness_plans.c.at)
