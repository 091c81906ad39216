from sqlalchemy import CheckConstraint, Column, Index, Table, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, optional, primary_key, required
from app.core.database import metadata

privacy_requests = Table(
    "privacy_requests",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(kind=Text, selector=Text, subject=Text),
    *optional(sealed=LargeBinary),
    *required(master_key=Text, reason=Text, requested_by=Text, requested_at=Timestamp),
    *required(targets=JSONB, counters=JSONB, state=Text),
    *optional(blocked_by=Text, ended_at=Timestamp),
    Column("reapplied", Boolean, nullable=False, server_default=false()),
    CheckConstraint("kind in ('export', 'erase')", name="kind"),
    CheckConstraint("selector in ('subject', 'document', 'conversation', 'asker', 'key', 'tenant')", name="selector"),
    CheckConstraint("state in ('running', 'done', 'blocked')", name="state"),
    CheckConstraint("(state = 'done') = (ended_at is not null)", name="ended"),
    CheckConstraint("(state = 'blocked') = (blocked_by is not null)", name="held"),
    Index("ix_privacy_requests_by_time", "tenant_id", "requested_at"),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(kind=Text, subject_id=Uuid, reason=Text, placed_by=Text, placed_at=Timestamp),
    *optional(lifted_by=Text, lifted_at=Timestamp),
    CheckConstraint("kind in ('document', 'answer', 'key', 'tenant')", name="kind"),
    CheckConstraint("(lifted_by is null) = (lifted_at is null)", name="lifted"),
    CheckConstraint("reason <> '' and placed_by <> ''", name="named"),
    Index("ix_legal_holds_subject_id", "tenant_id", "subject_id"),
)
