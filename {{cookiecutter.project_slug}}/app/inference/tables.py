from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import ARRAY, BigInteger, Boolean, Double, Float, Integer, LargeBinary, SmallInteger, Text, Uuid

from app.core.columns import Timestamp, digest_of, documents_column, one_of, optional, primary_key, references, required
from app.core.database import metadata

answers = Table(
    "answers",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *optional(key_id=Uuid),
    *required(created_at=Timestamp, question=Text, status=Text, model=Text, release_id=Text),
    *required(corpus_version=BigInteger, trace_id=Text, body=JSONB),
    *required(environment=Text, arm=Text, unit=Text, conditions=JSONB),
    *optional(request_id=Text, cost_micro_usd=BigInteger, latency_ms=Double, degraded=Boolean, findings=SmallInteger),
    *optional(refusal=Text, helpful=Boolean),
    documents_column(),
    *one_of(arm=("live", "control", "canary"), status=("answered", "refused")),
    CheckConstraint("release_id <> '' and trace_id <> ''", name="accounted_for"),
    Index("ix_answers_by_time", "tenant_id", "created_at"),
    Index("ix_answers_by_release", "tenant_id", "release_id", "created_at"),
    Index("ix_answers_by_key", "tenant_id", "key_id", "created_at"),
    Index("ix_answers_by_model", "tenant_id", "model", "created_at"),
    Index("ix_answers_by_trace", "tenant_id", "trace_id"),
    Index("ix_answers_by_request", "tenant_id", "request_id"),
    Index("ix_answers_refused", "tenant_id", "created_at", postgresql_where=text("status = 'refused'")),
    Index("ix_answers_degraded", "tenant_id", "created_at", postgresql_where=text("degraded")),
    Index("ix_answers_with_findings", "tenant_id", "created_at", postgresql_where=text("findings > 0")),
    Index("ix_answers_helpful", "tenant_id", "created_at", postgresql_where=text("helpful")),
    Index("ix_answers_unhelpful", "tenant_id", "created_at", postgresql_where=text("not helpful")),
)

conversations = Table(
    "conversations",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(key_id=Uuid, name=Text, created_at=Timestamp, last_at=Timestamp, turns=Integer),
    UniqueConstraint("tenant_id", "key_id", "name"),
    Index("ix_conversations_by_time", "tenant_id", "key_id", "last_at"),
)

conversation_turns = Table(
    "conversation_turns",
    metadata,
    *primary_key(tenant_id=Uuid, conversation_id=Uuid, number=Integer),
    *required(answer_id=Uuid),
    references(answer_id="answers.id"),
    ForeignKeyConstraint(
        ["tenant_id", "conversation_id"], ["conversations.tenant_id", "conversations.id"], ondelete="cascade"
    ),
    UniqueConstraint("tenant_id", "answer_id"),
)

feedback = Table(
    "feedback",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(answer_id=Uuid, key_id=Uuid, helpful=Boolean, comment=Text),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    references(answer_id="answers.id"),
    UniqueConstraint("tenant_id", "answer_id", "key_id"),
)

answer_failures = Table(
    "answer_failures",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(at=Timestamp, environment=Text, release_id=Text, arm=Text, unit=Text, code=Text),
    Index("ix_answer_failures_by_release", "tenant_id", "release_id", "at"),
)

reviewed_answers = Table(
    "reviewed_answers",
    metadata,
    *primary_key(tenant_id=Uuid, answer_id=Uuid),
    *required(rule=Text, timing=Text, state=Text, risk_tier=Text),
    *required(created_at=Timestamp, due_at=Timestamp),
    *optional(escalate_at=Timestamp),
    *required(decisions=SmallInteger, self_approval=Boolean, asker_key=Uuid, asker=Text),
    *required(groups=ARRAY(Text), overlap=Float, payload=LargeBinary, digest=Text),
    Column("edited", Boolean, nullable=False, server_default=false()),
    *optional(decided_at=Timestamp, webhook=Text, outcome=Text, reason=Text, review_id=Uuid),
    Column("blind", Boolean, nullable=False, server_default=false()),
    references(answer_id="answers.id"),
    *one_of(timing=("before", "after"), state=("held", "delivered", "rejected")),
    CheckConstraint("timing = 'before' or state = 'delivered'", name="left_before"),
    CheckConstraint("timing = 'after' or (state = 'held') = (decided_at is null)", name="decided"),
    digest_of("payload"),
    *one_of(outcome=("approved", "edited", "rejected")),
    CheckConstraint("(outcome is null) = (reason is null)", name="reasoned"),
)
