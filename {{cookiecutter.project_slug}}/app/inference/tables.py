from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.database import metadata

answers = Table(
    "answers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("key_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("question", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("corpus_version", BigInteger, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("environment", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("conditions", JSONB, nullable=False),
    CheckConstraint("arm in ('live', 'control', 'canary')", name="arm"),
    CheckConstraint("status in ('answered', 'refused')", name="status"),
    CheckConstraint("release_id <> '' and trace_id <> ''", name="accounted_for"),
    Index("ix_answers_by_time", "tenant_id", "created_at"),
    Index("ix_answers_by_release", "tenant_id", "release_id", "created_at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("answer_id", Uuid, ForeignKey("answers.id"), nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("helpful", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("answer_id", "key_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("claim_id", Uuid, nullable=False),
    Column("claimed_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("status", SmallInteger),
    Column("body", LargeBinary),
    Index("ix_idempotency_keys_by_time", "tenant_id", "created_at"),
)

answer_failures = Table(
    "answer_failures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("environment", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("code", Text, nullable=False),
    Index("ix_answer_failures_by_release", "tenant_id", "release_id", "at"),
)
