from sqlalchemy import ARRAY, Column, DateTime, Index, LargeBinary, SmallInteger, Table, Text, Uuid, text

from app.core.database import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("key_id", Uuid, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("claim_id", Uuid, nullable=False),
    Column("claimed_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("status", SmallInteger),
    Column("body", LargeBinary),
    Column("documents", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Index("ix_idempotency_keys_by_time", "tenant_id", "created_at"),
)
