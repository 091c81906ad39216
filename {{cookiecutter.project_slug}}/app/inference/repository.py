from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import Row, and_, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.access import readable_by
from app.core.database import AS_TENANT, Database
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.costs.domain import LedgerRow
from app.costs.domain.budgets import Settlement
from app.costs.service import (
    LEDGER_AS_TENANT,
    LEDGER_SQL,
    SETTLE_AS_TENANT,
    SETTLE_SQL,
    ledger_parameters,
    settle_parameters,
)
from app.identity.domain import Principal
from app.inference.domain.answers import Answer
from app.inference.domain.conditions import Conditions
from app.inference.domain.exposure import Exposure
from app.inference.domain.idempotency import KEPT_HOURS, Claim, Settled, Stored, Superseded
from app.inference.domain.outcomes import Outcome
from app.inference.domain.review import SENT_JOB, SENT_QUEUE, Delivered, Opinion, Sent, State, Waiter
from app.inference.tables import answers, feedback, idempotency_keys, reviewed_answers
from app.releases.domain import digest_of

# Positional and typed, because it is the hot path: psycopg's named parameters are put in order on every call.
_COLUMNS = (
    "id, tenant_id, key_id, created_at, question, status, model, release_id, corpus_version, trace_id, body, "
    "environment, arm, unit, conditions, documents"
)
_PLACES = "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s::jsonb, %s::uuid[]"
_ANSWER = f"insert into answers ({_COLUMNS}) values ({_PLACES})"  # noqa: S608

# One statement for an answer and what it cost: nearly every request ends with it.
_ANSWER_AS_TENANT = f"insert into answers ({_COLUMNS}) select {_PLACES} from as_tenant"  # noqa: S608

_FAILURE = f"""
{AS_TENANT}
insert into answer_failures (id, tenant_id, at, environment, release_id, arm, unit, code)
select %s, %s, now(), %s, %s, %s, %s, %s from as_tenant
"""  # noqa: S608

# Divides by zero, and so undoes the whole transaction, when the claim is no longer ours.
_SETTLE = """
with settled as (
    update idempotency_keys set status = %s, body = %s, documents = %s::uuid[]
    where tenant_id = %s and key_id = %s and route = %s and key = %s and claim_id = %s and status is null returning 1
) select 1 / count(*) from settled
"""

_CLAIM = """
insert into idempotency_keys (tenant_id, key_id, route, key, digest, claim_id, claimed_until, created_at)
values (%s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s), now())
on conflict (tenant_id, key_id, route, key) do update
set claim_id = excluded.claim_id, claimed_until = excluded.claimed_until, created_at = excluded.created_at
where idempotency_keys.status is null and idempotency_keys.claimed_until < now()
  and idempotency_keys.digest = excluded.digest
"""

_FORGET = """
delete from idempotency_keys where tenant_id = %s and created_at < now() - make_interval(hours => %s)
"""

_CLAIMED = """
select claim_id, digest, status, body, extract(epoch from claimed_until - now())::float8,
       readable(documents, %s::text[])
from idempotency_keys where tenant_id = %s and key_id = %s and route = %s and key = %s
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer with all that is kept of it. body: the answer as it is delivered. documents: see `sources_of`."""

    caller: Principal
    question: str
    answer: Answer
    body: bytes
    exposure: Exposure
    conditions: Conditions
    documents: tuple[UUID, ...]


Also = Callable[[AsyncConnection], Awaitable[None]]


async def record(
    database: Database,
    kept: Kept,
    rows: Sequence[LedgerRow],
    settled: Settled | None,
    paid: Settlement,
    also: Sequence[Also] = (),
) -> None:
    """One transaction, one round trip: the answer, what it cost, the end of its holds and of its claim; or none of it.
    also: what is written with it; then it takes more than one round trip, and is still one transaction.

    Errors: Superseded when the claim was taken over in the meantime.
    """
    tenant_id = kept.caller.tenant_id
    if not settled and not also:
        written = [each for row in rows for each in ledger_parameters(row)]
        ending = settle_parameters(paid) if paid else ()
        await database.insert(tenant_id, _recording(len(rows), bool(paid)), (*_values(kept), *written, *ending))
        return
    try:
        if not also:
            async with database.pipeline(tenant_id) as connection:
                await _write(connection, kept, rows, settled, paid)
            return
        async with database.transaction(tenant_id) as transaction:
            raw: Any = (await transaction.get_raw_connection()).driver_connection
            await _write(raw, kept, rows, settled, paid)
            for each in also:
                await each(transaction)
    except psycopg.errors.DivisionByZero as error:
        raise Superseded from error


async def _write(
    connection: psycopg.AsyncConnection[Any],
    kept: Kept,
    rows: Sequence[LedgerRow],
    settled: Settled | None,
    paid: Settlement,
) -> None:
    await connection.execute(_ANSWER.encode(), _values(kept), prepare=True)
    for row in rows:
        await connection.execute(LEDGER_SQL.encode(), ledger_parameters(row), prepare=True)
    if paid:
        await connection.execute(SETTLE_SQL.encode(), settle_parameters(paid), prepare=True)
    if settled:
        await connection.execute(_SETTLE, _settling(settled))


async def send(connection: AsyncConnection, kept: Kept, sent: Sent) -> None:
    """An answer that a person is to look at."""
    await connection.execute(insert(reviewed_answers).values(_sending(kept, sent)))
    about = {"tenant_id": str(kept.caller.tenant_id), "answer_id": str(kept.answer.id)}
    await enqueue(connection, SENT_JOB, queue=SENT_QUEUE, **about)


def _sending(kept: Kept, sent: Sent) -> dict[str, Any]:
    return {
        "answer_id": kept.answer.id,
        "tenant_id": kept.caller.tenant_id,
        "rule": sent.rule.name,
        "timing": sent.rule.send,
        "state": sent.state,
        "risk_tier": sent.risk_tier,
        "created_at": sent.created_at,
        "due_at": sent.due_at,
        "escalate_at": sent.escalate_at,
        "decisions": sent.rule.decisions,
        "self_approval": sent.self_approval,
        "asker_key": kept.caller.key_id,
        "asker": kept.caller.name,
        "groups": list(kept.conditions.groups),
        "overlap": sent.overlap,
        "payload": sent.payload,
        "digest": sent.digest,
        "webhook": sent.webhook,
    }


async def record_failure(database: Database, tenant_id: UUID, exposure: Exposure, code: str) -> None:
    values = (new_id(), tenant_id, exposure.environment, exposure.release_id, exposure.arm, exposure.unit, code)
    await database.insert(tenant_id, _FAILURE, values)


@cache
def _recording(charges: int, paid: bool) -> str:
    *others, last = [_ANSWER_AS_TENANT] + [LEDGER_AS_TENANT] * charges + [SETTLE_AS_TENANT] * paid
    return ", ".join([AS_TENANT, *(f"written_{n} as ({each})" for n, each in enumerate(others))]) + f" {last}"


def _values(kept: Kept) -> tuple[Any, ...]:
    answer, caller, exposure = kept.answer, kept.caller, kept.exposure
    return (
        answer.id,
        caller.tenant_id,
        caller.key_id,
        answer.created_at,
        kept.question,
        answer.status,
        answer.model,
        answer.release_id,
        answer.corpus_version,
        answer.trace_id,
        kept.body.decode(),
        exposure.environment,
        exposure.arm,
        exposure.unit,
        orjson.dumps(kept.conditions).decode(),
        list(kept.documents),
    )


async def claim(
    database: Database, wanted: Claim, digest: bytes, seconds: float, groups: Collection[str]
) -> tuple[UUID, bytes, Stored | None, float, bool]:
    """Tries to claim; tells whose the key is now, its digest, how it ended, how long it is still claimed, and whether
    who holds `groups` may read how it ended.
    """
    where = (wanted.tenant_id, wanted.key_id, wanted.route, wanted.key)
    async with database.pipeline(wanted.tenant_id) as connection:
        await connection.execute(_FORGET, (wanted.tenant_id, KEPT_HOURS))
        await connection.execute(_CLAIM, (*where, digest, wanted.id, seconds))
        cursor = await connection.execute(_CLAIMED, (sorted(groups), *where))
    row = await cursor.fetchone()
    if row is None:
        raise Superseded
    holder, found, status, body, left, readable = row
    return holder, bytes(found), Stored(status, bytes(body)) if status else None, left, readable


async def settle(database: Database, settled: Settled) -> None:
    """Errors: Superseded."""
    try:
        async with database.pipeline(settled.claim.tenant_id) as connection:
            await connection.execute(_SETTLE, _settling(settled))
    except psycopg.errors.DivisionByZero as error:
        raise Superseded from error


def _settling(settled: Settled) -> tuple[Any, ...]:
    held, how = settled.claim, settled.stored
    documents = list(settled.documents)
    return how.status, how.body, documents, held.tenant_id, held.key_id, held.route, held.key, held.id


async def release(database: Database, held: Claim) -> None:
    async with database.transaction(held.tenant_id) as connection:
        await connection.execute(
            delete(idempotency_keys).where(idempotency_keys.c.claim_id == held.id, idempotency_keys.c.status.is_(None))
        )


async def find(connection: AsyncConnection, answer_id: UUID, groups: Collection[str]) -> Row[Any, Any] | None:
    """The answer as it was made, with what a person made of it: `state` is null for one that nobody looks at. None
    also where who holds `groups` may not read all the documents that it came out of.
    """
    reviewing = reviewed_answers.c
    state = ("state", "timing", "due_at", "decided_at", "edited", "payload", "digest")
    seen = (*state, "outcome", "reason", "blind", "asker_key", "asker")
    wanted = select(answers, *(reviewing[name] for name in seen))
    joined = answers.outerjoin(reviewed_answers, reviewing.answer_id == answers.c.id)
    mine = (answers.c.id == answer_id, readable_by(groups, answers.c.documents))
    return (await connection.execute(wanted.select_from(joined).where(*mine))).first()


async def reviewed(connection: AsyncConnection, answer_id: UUID) -> Delivered | None:
    of_answer = ("question", "documents")
    own = [reviewed_answers.c[name] for name in Delivered.__slots__ if name not in of_answer]
    joined = reviewed_answers.join(answers, answers.c.id == reviewed_answers.c.answer_id)
    wanted = select(*(answers.c[name] for name in of_answer), *own).select_from(joined).where(answers.c.id == answer_id)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    lists = {"groups": tuple(row.groups), "documents": tuple(row.documents)}
    return Delivered(**{**row._mapping, **lists, "payload": bytes(row.payload)})


async def decide(
    connection: AsyncConnection, answer_id: UUID, state: State, payload: bytes, digest: str, edited: bool, at: datetime
) -> Waiter | None:
    """Ends the wait of a held answer, once; None when it was over."""
    held = reviewed_answers.c.state == "held"
    ended = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id, held)
    values = {"state": state, "payload": payload, "digest": digest, "edited": edited, "decided_at": at}
    row = reviewed_answers.c
    told = ended.values(values).returning(row.tenant_id, row.asker_key, row.webhook)
    found = (await connection.execute(told)).first()
    return Waiter(*found) if found else None


async def lock(connection: AsyncConnection, answer_id: UUID) -> None:
    row = select(reviewed_answers.c.answer_id).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(row.with_for_update())


async def blind(connection: AsyncConnection, answer_id: UUID, on: bool) -> None:
    looked_at = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(looked_at.values(blind=on))


async def remember(connection: AsyncConnection, answer_id: UUID, opinion: Opinion, reason: str) -> None:
    said = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(said.values(outcome=opinion, reason=reason))


async def judge(connection: AsyncConnection, answer_id: UUID, payload: bytes, edited: bool, at: datetime) -> None:
    """What a person would have said in the place of an answer that has left; which stays as it was."""
    left = and_(reviewed_answers.c.answer_id == answer_id, reviewed_answers.c.timing == "after")
    values = {"payload": payload, "digest": digest_of(payload), "edited": edited, "decided_at": at}
    await connection.execute(update(reviewed_answers).where(left).values(values))


async def add_feedback(
    connection: AsyncConnection,
    *,
    id: UUID,
    tenant_id: UUID,
    answer_id: UUID,
    key_id: UUID,
    helpful: bool,
    comment: str,
    at: datetime,
) -> None:
    """The last word of a key on an answer counts."""
    new = insert(feedback).values(
        id=id,
        tenant_id=tenant_id,
        answer_id=answer_id,
        key_id=key_id,
        helpful=helpful,
        comment=comment,
        created_at=at,
    )
    changed = {"helpful": helpful, "comment": comment, "created_at": at}
    await connection.execute(new.on_conflict_do_update(index_elements=["answer_id", "key_id"], set_=changed))


_RESOLVED = text(
    """
    select count(*) from answers a
    where a.tenant_id = :tenant and a.status = 'answered'
      and a.created_at >= (:since)::date::timestamp at time zone :zone
      and a.created_at < ((:until)::date + 1)::timestamp at time zone :zone
      and not exists (select from reviewed_answers r
                      where r.answer_id = a.id and (r.state <> 'delivered' or r.outcome = 'rejected'))
      and coalesce((select f.helpful from feedback f where f.answer_id = a.id order by f.created_at desc limit 1), true)
    """
)
_OUTCOMES = text(
    """
    select release_id, arm, tenant_id, unit, created_at, false, status = 'refused', (body->>'degraded')::boolean,
           jsonb_array_length(body->'findings'), (body->>'groundedness')::float8,
           (body->'timings_ms'->>'total')::float8, (body->>'cost_micro_usd')::bigint,
           (select f.helpful from feedback f where f.answer_id = answers.id order by f.created_at desc limit 1)
    from answers
    where tenant_id = :tenant and release_id = any (:releases) and created_at >= :since
      and environment = 'production' and arm in ('control', 'canary')
    union all
    select release_id, arm, tenant_id, unit, at, true, false, false, 0, null, 0.0, 0, null
    from answer_failures
    where tenant_id = :tenant and release_id = any (:releases) and at >= :since and environment = 'production'
    """
)


async def outcomes(
    connection: AsyncConnection, tenant_id: UUID, release_ids: Sequence[str], since: datetime
) -> list[Outcome]:
    asked = {"tenant": tenant_id, "releases": list(release_ids), "since": since}
    return [Outcome(*row) for row in await connection.execute(_OUTCOMES, asked)]


async def resolved(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
    asked = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return int((await connection.execute(_RESOLVED, asked)).scalar_one())
