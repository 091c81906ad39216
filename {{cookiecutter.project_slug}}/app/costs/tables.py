from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Numeric, Table, Text, Uuid

from app.core.database import metadata

ledger = Table(
    "ledger",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("subject_id", Uuid),
    Column("key_id", Uuid),
    Column("release_id", Text),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("input_price", Numeric, nullable=False),
    Column("cached_price", Numeric, nullable=False),
    Column("output_price", Numeric, nullable=False),
    Column("call_price", Numeric, nullable=False),
    Column("price_table", Text, nullable=False),
    Column("micro_usd", BigInteger, nullable=False),
    Column("environment", Text, nullable=False),
    CheckConstraint("kind in ('charge')", name="kind"),
    CheckConstraint(
        "input_tokens >= cached_tokens and cached_tokens >= 0 and output_tokens >= reasoning_tokens "
        "and reasoning_tokens >= 0",
        name="tokens",
    ),
    CheckConstraint(
        "micro_usd = ceil((input_tokens - cached_tokens) * input_price + cached_tokens * cached_price "
        "+ output_tokens * output_price + call_price * 1000000)",
        name="adds_up",
    ),
    Index("ix_ledger_by_time", "tenant_id", "at"),
    Index("ix_ledger_by_subject", "tenant_id", "subject_id"),
)
