from sqlalchemy import CheckConstraint, Column, Index, Table, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, not_empty, one_of, optional, primary_key, required
from app.core.database import metadata

privacy_requests = Table(
    "privacy_requests",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(kind=Text, selector=Text, subject=Text),
    *optional(sealed=LargeBinary),
    *required(master_key=Text, reason=Text, requested_by=Text, requested_at=Timestamp),
    *required(targets=JSONB, counters=JSONB, state=Text),
    *optional(blocked_by=Text, ended_at=Timestamp, closed_at=Timestamp),
    Column("reapplied", Boolean, nullable=False, server_default=false()),
    *one_of(kind=("export", "erase"), selector=("subject", "document", "conversation", "asker", "key", "tenant")),
    *one_of(state=("running", "done", "blocked")),
    CheckConstraint("(state = 'done') = (ended_at is not null)", name="ended"),
    CheckConstraint("(state = 'blocked') = (blocked_by is not null)", name="held"),
    Index("ix_privacy_requests_by_time", "tenant_id", "requested_at"),
    Index("ix_privacy_requests_closed_at", "tenant_id", "closed_at"),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(kind=Text, subject_id=Uuid, reason=Text, placed_by=Text, placed_at=Timestamp),
    *optional(lifted_by=Text, lifted_at=Timestamp),
    *one_of(kind=("document", "answer", "key", "tenant")),
    CheckConstraint("(lifted_by is null) = (lifted_at is null)", name="lifted"),
    not_empty("reason", "placed_by"),
    Index("ix_legal_holds_subject_id", "tenant_id", "subject_id"),
)
