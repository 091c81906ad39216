from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import ARRAY, BigInteger, Boolean, Integer, LargeBinary, SmallInteger, Text, Uuid

from app.core.columns import (
    Timestamp,
    digest_of,
    documents_column,
    not_empty,
    one_of,
    optional,
    primary_key,
    references,
    required,
)
from app.core.database import metadata

review_items = Table(
    "review_items",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(kind=Text, subject_id=Uuid, question=Text, rule=Text, timing=Text, risk_tier=Text),
    *required(payload=LargeBinary, digest=Text, version=Integer, state=Text),
    *optional(outcome=Text),
    *required(needed=SmallInteger, self_approval=Boolean, asker=Text, groups=ARRAY(Text)),
    *required(level=SmallInteger, note=Text, created_at=Timestamp, due_at=Timestamp),
    *optional(escalate_at=Timestamp),
    *required(fence=BigInteger),
    *optional(lease_by=Text, lease_until=Timestamp, decided_at=Timestamp),
    Column("seen_by", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *optional(original=LargeBinary),
    documents_column(),
    UniqueConstraint("tenant_id", "subject_id", "kind"),
    *one_of(kind=("answer", "overlap", "action"), state=("open", "decided", "expired")),
    *one_of(outcome=("approved", "edited", "rejected", "denied")),
    CheckConstraint("(state = 'open') = (outcome is null and decided_at is null)", name="ended"),
    CheckConstraint("(lease_by is null) = (lease_until is null)", name="leased"),
    digest_of("payload"),
    Index("ix_review_items_by_due", "tenant_id", "state", "due_at", "id"),
    Index("ix_review_items_open", "due_at", postgresql_where=text("state = 'open'")),
)

review_decisions = Table(
    "review_decisions",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(item_id=Uuid, subject_id=Uuid, kind=Text, version=Integer, fence=BigInteger),
    *required(reviewer=Text, decision=Text, reason=Text, digest=Text, at=Timestamp),
    *required(idempotency_key=Text, request=LargeBinary, result=JSONB),
    references(item_id="review_items.id"),
    UniqueConstraint("tenant_id", "item_id", "fence"),
    UniqueConstraint("tenant_id", "item_id", "idempotency_key"),
    *one_of(decision=("approve", "edit", "reject", "request_changes", "escalate")),
    not_empty("reviewer", "reason"),
    Index("ix_review_decisions_subject_id", "subject_id"),
)
