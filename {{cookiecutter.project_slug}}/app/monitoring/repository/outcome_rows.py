from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.monitoring.domain.outcomes import StoredOutcome
from app.monitoring.tables import business_outcomes

_ANSWERS = text(
    """
    select id, created_at, key_id, unit, question, release_id, model,
        coalesce((body->'timings_ms'->>'total')::float8, 0) as latency_ms,
        (body->>'groundedness')::float8 as groundedness, coalesce((body->>'cost_micro_usd')::bigint, 0) as micro_usd
    from answers
    where tenant_id = :tenant and environment = 'production' and created_at >= :since and created_at < :until
    order by created_at desc, id limit :limit
    """
)
_OUTCOMES = text(
    """
    select o.answer_id, o.outcome, o.amount, o.at
    from business_outcomes o join answers a on a.tenant_id = o.tenant_id and a.id = o.answer_id
    where o.tenant_id = :tenant and a.created_at >= :since and a.created_at < :until
    """
)


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """The part of a stored answer that outcomes are compared with."""

    id: UUID
    created_at: datetime
    key_id: UUID | None
    unit: str
    question: str
    release_id: str
    model: str
    latency_ms: float
    groundedness: float | None
    micro_usd: int


async def find_outcome(connection: AsyncConnection, answer_id: UUID, outcome: str) -> StoredOutcome | None:
    """The outcome of this kind. Until the end of the transaction, nobody else stores one of this answer."""
    lock = text("select pg_advisory_xact_lock(hashtextextended(:key, 27))")
    await connection.execute(lock, {"key": f"{answer_id} {outcome}"})
    row = business_outcomes.c
    columns = (row.answer_id, row.outcome, row.amount, row.at)
    found = await connection.execute(select(*columns).where(row.answer_id == answer_id, row.outcome == outcome))
    stored = found.first()
    return StoredOutcome(*stored) if stored else None


async def store_outcome(
    connection: AsyncConnection, tenant_id: UUID, outcome: StoredOutcome, reported_by: UUID, now: datetime
) -> None:
    """Replaces one of the same kind on the same answer."""
    changed = {"amount": outcome.amount, "at": outcome.at, "reported_at": now, "reported_by": reported_by}
    new = insert(business_outcomes).values(tenant_id=tenant_id, **{**asdict(outcome), **changed})
    keys = ["tenant_id", "answer_id", "outcome"]
    await connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changed))


async def list_answered(
    connection: AsyncConnection, tenant_id: UUID, since: datetime, until: datetime, limit: int
) -> Sequence[AnsweredRow]:
    """Answers of production, the newest first."""
    parameters = {"tenant": tenant_id, "since": since, "until": until, "limit": limit}
    return [AnsweredRow(*row) for row in await connection.execute(_ANSWERS, parameters)]


async def list_outcomes(
    connection: AsyncConnection, tenant_id: UUID, since: datetime, until: datetime
) -> Sequence[StoredOutcome]:
    """Of the answers of a window."""
    parameters = {"tenant": tenant_id, "since": since, "until": until}
    return [StoredOutcome(*row) for row in await connection.execute(_OUTCOMES, parameters)]
