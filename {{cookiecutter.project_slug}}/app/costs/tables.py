from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

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

SPANS = "span in ('day', 'month')"

budget_limits = Table(
    "budget_limits",
    metadata,
    Column("scope", Uuid, primary_key=True),
    Column("span", Text, primary_key=True),
    Column("micro_usd", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(SPANS, name="span"),
    CheckConstraint("micro_usd >= 0", name="amount"),
)

budget_own_limits = Table(
    "budget_own_limits",
    metadata,
    Column("scope", Uuid, primary_key=True),
    Column("span", Text, primary_key=True),
    Column("micro_usd", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(SPANS, name="span"),
    CheckConstraint("micro_usd >= 0", name="amount"),
    CheckConstraint("scope <> '00000000-0000-0000-0000-000000000000'", name="scope"),
)

budget_windows = Table(
    "budget_windows",
    metadata,
    Column("scope", Uuid, primary_key=True),
    Column("span", Text, primary_key=True),
    Column("starts", Date, primary_key=True),
    Column("granted", BigInteger, nullable=False),
    Column("handed_out", BigInteger, nullable=False),
    CheckConstraint(SPANS, name="span"),
)

# A purse is the share of a budget that one stripe of calls reserves from; the table keeps its first name.
budget_purses = Table(
    "budget_purses",
    metadata,
    Column("scope", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("stripe", SmallInteger, primary_key=True, autoincrement=False),
    Column("free", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("committed", BigInteger, nullable=False),
    Column("used_percent", SmallInteger, nullable=False),
    CheckConstraint("held >= 0 and committed >= 0", name="amounts"),
    Index("ix_budget_purses_by_day", "day"),
)

budget_holds = Table(
    "budget_holds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("scope", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("stripe", SmallInteger, nullable=False),
    Column("micro_usd", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("micro_usd > 0", name="amount"),
)
