from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table
from sqlalchemy.types import Text, Uuid

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
