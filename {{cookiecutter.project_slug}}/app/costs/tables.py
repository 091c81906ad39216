from sqlalchemy import CheckConstraint, Index, Table
from sqlalchemy.types import BigInteger, Boolean, Date, Numeric, SmallInteger, Text, Uuid

from app.core.columns import Timestamp, one_of, optional, primary_key, required
from app.core.database import metadata

ledger = Table(
    "ledger",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(at=Timestamp, kind=Text, feature=Text),
    *optional(subject_id=Uuid, key_id=Uuid, release_id=Text),
    *required(provider=Text, model=Text),
    *required(input_tokens=BigInteger, cached_tokens=BigInteger),
    *required(output_tokens=BigInteger, reasoning_tokens=BigInteger),
    *required(input_price=Numeric, cached_price=Numeric, output_price=Numeric, call_price=Numeric, price_table=Text),
    *required(micro_usd=BigInteger, environment=Text),
    *one_of(kind=("charge",)),
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

budget_limits = Table(
    "budget_limits",
    metadata,
    *primary_key(scope=Uuid, span=Text),
    *required(micro_usd=BigInteger, changed_at=Timestamp),
    *one_of(span=("day", "month")),
    CheckConstraint("micro_usd >= 0", name="amount"),
)

budget_own_limits = Table(
    "budget_own_limits",
    metadata,
    *primary_key(scope=Uuid, span=Text),
    *required(micro_usd=BigInteger, changed_at=Timestamp),
    *one_of(span=("day", "month")),
    CheckConstraint("micro_usd >= 0", name="amount"),
    CheckConstraint("scope <> '00000000-0000-0000-0000-000000000000'", name="scope"),
)

budget_windows = Table(
    "budget_windows",
    metadata,
    *primary_key(scope=Uuid, span=Text, starts=Date),
    *required(granted=BigInteger, handed_out=BigInteger),
    *one_of(span=("day", "month")),
)

# Up to 16 shares of a tenant's budget of a day; a call reserves from one of them, so that calls do not wait for others.
budget_shards = Table(
    "budget_shards",
    metadata,
    *primary_key(scope=Uuid, day=Date, stripe=SmallInteger),
    *required(free=BigInteger, held=BigInteger, committed=BigInteger, used_percent=SmallInteger),
    CheckConstraint("held >= 0 and committed >= 0", name="amounts"),
    Index("ix_budget_shards_by_day", "day"),
)

budget_holds = Table(
    "budget_holds",
    metadata,
    *primary_key(id=Uuid),
    *required(scope=Uuid, day=Date, stripe=SmallInteger, micro_usd=BigInteger, spent=BigInteger),
    *required(shared=Boolean, expires_at=Timestamp),
    CheckConstraint("micro_usd > 0", name="amount"),
)
