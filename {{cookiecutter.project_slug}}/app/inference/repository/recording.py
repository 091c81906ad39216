"""Stores an answer. The only module that combines statements of other rooms (costs, idempotency) with its own: an
answer, its charges, the settlement of its holds and the end of its claim are one transaction and one round trip.
`python -m benchmarks.hot_path` and `python -m benchmarks.budget_overhead` measure what that saves.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import AS_TENANT, AS_TENANT_READ_AT, Database
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.costs.domain import LedgerRow
from app.costs.domain.budgets import Settlement
from app.costs.service import answer_statements as billing
from app.idempotency.domain import ClaimSuperseded, CompletedRequest
from app.idempotency.service import COMPLETE_SQL, complete_parameters
from app.identity.domain import Principal
from app.inference.domain.answer import Answer
from app.inference.domain.human_review import (
    REVIEW_JOB,
    REVIEW_QUEUE,
    DeliveredAnswer,
    ReviewRequest,
)
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.domain.replay import AnswerConditions
from app.inference.tables import reviewed_answers

# Positional and typed, because it is the hot path: psycopg's named parameters are put in order on every call.
_COLUMNS = (
    "id, tenant_id, key_id, created_at, question, status, model, release_id, corpus_version, trace_id, body, "
    "environment, arm, unit, conditions, documents, request_id, cost_micro_usd, latency_ms, degraded, findings, refusal"
)
_PLACES = "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s::jsonb, %s::uuid[], %s, %s, %s, %s, %s, %s"
_ANSWER = f"insert into answers ({_COLUMNS}) values ({_PLACES})"  # noqa: S608

# One statement for an answer and what it cost: nearly every request ends with it.
_ANSWER_AS_TENANT = f"insert into answers ({_COLUMNS}) select {_PLACES} from as_tenant"  # noqa: S608

_FAILURE = f"""
{AS_TENANT}
insert into answer_failures (id, tenant_id, at, environment, release_id, arm, unit, code)
select %s, %s, now(), %s, %s, %s, %s, %s from as_tenant
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it is stored. body: the answer as it is delivered. documents: see `source_documents`.
    request_id: of the request that it answers; None where there was none, as at the command line. read_at: since when
    its text was read, see `Database.earliest_now`.
    """

    caller: Principal
    question: str
    answer: Answer
    body: bytes
    assignment: ReleaseAssignment
    conditions: AnswerConditions
    documents: tuple[UUID, ...]
    read_at: datetime
    request_id: str | None = None


ExtraWrite = Callable[[AsyncConnection], Awaitable[None]]


async def record(
    database: Database,
    stored: StoredAnswer,
    rows: Sequence[LedgerRow],
    completed: CompletedRequest | None,
    settlement: Settlement,
    extra: Sequence[ExtraWrite] = (),
) -> None:
    """Writes the answer, its charges, the settlement of its holds and the end of its claim, in one transaction.
    extra: further writes in the same transaction, each with its own round trips.

    Errors: ClaimSuperseded when the claim was taken over in the meantime; ErasedMeanwhile.
    """
    try:
        await _record(database, stored, rows, completed, settlement, extra)
    except psycopg.errors.DivisionByZero as error:
        raise ClaimSuperseded from error


async def _record(
    database: Database,
    stored: StoredAnswer,
    rows: Sequence[LedgerRow],
    completed: CompletedRequest | None,
    settlement: Settlement,
    extra: Sequence[ExtraWrite],
) -> None:
    tenant_id = stored.caller.tenant_id
    if not completed and not extra:
        charges = [each for row in rows for each in billing.ledger_parameters(row)]
        settling = billing.settle_parameters(settlement) if settlement else ()
        statement = _record_sql(len(rows), bool(settlement))
        values = (str(stored.read_at), *_answer_values(stored), *charges, *settling)
        await database.insert(tenant_id, statement, values)
        return
    if not extra:
        async with database.pipeline(tenant_id, stored.read_at) as connection:
            await _write_statements(connection, stored, rows, completed, settlement)
        return
    async with database.transaction(tenant_id, stored.read_at) as transaction:
        raw: Any = (await transaction.get_raw_connection()).driver_connection
        await _write_statements(raw, stored, rows, completed, settlement)
        for each in extra:
            await each(transaction)


async def _write_statements(
    connection: psycopg.AsyncConnection[Any],
    stored: StoredAnswer,
    rows: Sequence[LedgerRow],
    completed: CompletedRequest | None,
    settlement: Settlement,
) -> None:
    await connection.execute(_ANSWER.encode(), _answer_values(stored), prepare=True)
    for row in rows:
        await connection.execute(billing.LEDGER_SQL.encode(), billing.ledger_parameters(row), prepare=True)
    if settlement:
        await connection.execute(billing.SETTLE_SQL.encode(), billing.settle_parameters(settlement), prepare=True)
    if completed:
        await connection.execute(COMPLETE_SQL, complete_parameters(completed))


async def send_to_review(connection: AsyncConnection, stored: StoredAnswer, review: ReviewRequest) -> None:
    """Puts an answer into human review, with the job that queues it."""
    caller, groups = stored.caller, stored.conditions.groups
    asker = {"asker_key": caller.key_id, "asker": caller.name, "groups": list(groups)}
    await _add_review(connection, caller.tenant_id, stored.answer.id, asker, review)


async def send_later(connection: AsyncConnection, found: DeliveredAnswer, review: ReviewRequest, asker: str) -> None:
    """Puts a delivered answer into human review, with the job that queues it. asker: the name of its key."""
    values = {"asker_key": found.key_id, "asker": asker, "groups": list(found.groups)}
    await _add_review(connection, found.tenant_id, found.answer_id, values, review)


async def _add_review(
    connection: AsyncConnection, tenant_id: UUID, answer_id: UUID, asker: Mapping[str, Any], review: ReviewRequest
) -> None:
    values = {
        **asker,
        "answer_id": answer_id,
        "tenant_id": tenant_id,
        "rule": review.rule.name,
        "timing": review.rule.send,
        "state": review.state,
        "risk_tier": review.risk_tier,
        "created_at": review.created_at,
        "due_at": review.due_at,
        "escalate_at": review.escalate_at,
        "decisions": review.rule.decisions,
        "self_approval": review.self_approval,
        "overlap": review.overlap,
        "payload": review.payload,
        "digest": review.digest,
        "webhook": review.webhook,
        "review_id": review.id,
    }
    await connection.execute(insert(reviewed_answers).values(values))
    arguments = {"tenant_id": str(tenant_id), "answer_id": str(answer_id)}
    await enqueue(connection, REVIEW_JOB, queue=REVIEW_QUEUE, **arguments)


async def record_failure(database: Database, tenant_id: UUID, assignment: ReleaseAssignment, code: str) -> None:
    values = (new_id(), tenant_id, assignment.environment, assignment.release_id, assignment.arm, assignment.unit, code)
    await database.insert(tenant_id, _FAILURE, values)


@cache
def _record_sql(charges: int, settlement: bool) -> str:
    *others, last = [_ANSWER_AS_TENANT] + [billing.LEDGER_AS_TENANT] * charges + [billing.SETTLE_AS_TENANT] * settlement
    return ", ".join([AS_TENANT_READ_AT, *(f"written_{n} as ({each})" for n, each in enumerate(others))]) + f" {last}"


def _answer_values(stored: StoredAnswer) -> tuple[Any, ...]:
    answer, caller, assignment = stored.answer, stored.caller, stored.assignment
    return (
        answer.id,
        caller.tenant_id,
        caller.key_id,
        answer.created_at,
        stored.question,
        answer.status,
        answer.model,
        answer.release_id,
        answer.corpus_version,
        answer.trace_id,
        stored.body.decode(),
        assignment.environment,
        assignment.arm,
        assignment.unit,
        orjson.dumps(stored.conditions.stored()).decode(),
        list(stored.documents),
        stored.request_id,
        answer.cost_micro_usd,
        answer.timings_ms.get("total"),
        answer.degraded,
        len(answer.findings),
        answer.refusal,
    )
