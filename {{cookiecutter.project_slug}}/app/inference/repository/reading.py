from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.access import readable_by
from app.inference.domain.answer_outcome import AnswerOutcome
from app.inference.domain.human_review import (
    ArchivedAnswer,
    DeliveredAnswer,
    Requester,
    ReviewDecision,
    ReviewedAnswer,
    ReviewedAnswerState,
)
from app.inference.tables import answers, feedback, reviewed_answers
from app.releases.domain import digest_of


async def find(connection: AsyncConnection, answer_id: UUID, groups: Collection[str]) -> ArchivedAnswer | None:
    """The answer; None also where these access groups may not read all of its documents."""
    columns = [
        answers.c[each.name] if each.name in answers.c else reviewed_answers.c[each.name]
        for each in fields(ArchivedAnswer)
    ]
    joined = answers.outerjoin(reviewed_answers, reviewed_answers.c.answer_id == answers.c.id)
    conditions = (answers.c.id == answer_id, readable_by(groups, answers.c.documents))
    row = (await connection.execute(select(*columns).select_from(joined).where(*conditions))).first()
    if row is None:
        return None
    return ArchivedAnswer(**{**row._mapping, "payload": bytes(row.payload) if row.payload is not None else None})


async def was_asked_by(connection: AsyncConnection, answer_id: UUID, key_id: UUID) -> bool:
    query = select(answers.c.id).where(answers.c.id == answer_id, answers.c.key_id == key_id)
    return (await connection.execute(query)).first() is not None


async def reviewed(connection: AsyncConnection, answer_id: UUID) -> ReviewedAnswer | None:
    answer_columns = ("question", "documents")
    own = [reviewed_answers.c[name] for name in ReviewedAnswer.__slots__ if name not in answer_columns]
    joined = reviewed_answers.join(answers, answers.c.id == reviewed_answers.c.answer_id)
    query = (
        select(*(answers.c[name] for name in answer_columns), *own).select_from(joined).where(answers.c.id == answer_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    lists = {"groups": tuple(row.groups), "documents": tuple(row.documents)}
    return ReviewedAnswer(**{**row._mapping, **lists, "payload": bytes(row.payload)})


async def find_unreviewed(connection: AsyncConnection, answer_id: UUID) -> DeliveredAnswer | None:
    """An answer that no reviewer was to look at; None also for one that was erased."""
    row = (await connection.execute(_UNREVIEWED, {"answer": answer_id})).first()
    return DeliveredAnswer(row.tenant_id, row.id, row.key_id, tuple(row.groups or ()), row.body) if row else None


async def decide(
    connection: AsyncConnection,
    answer_id: UUID,
    state: ReviewedAnswerState,
    payload: bytes,
    digest: str,
    edited: bool,
    at: datetime,
) -> Requester | None:
    """Decides a held answer; None when it has already been decided."""
    held = reviewed_answers.c.state == "held"
    ended = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id, held)
    values = {"state": state, "payload": payload, "digest": digest, "edited": edited, "decided_at": at}
    row = reviewed_answers.c
    results = ended.values(values).returning(row.tenant_id, row.asker_key, row.webhook)
    row_values = (await connection.execute(results)).first()
    return Requester(*row_values) if row_values else None


async def lock(connection: AsyncConnection, answer_id: UUID) -> None:
    row = select(reviewed_answers.c.answer_id).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(row.with_for_update())


async def blind(connection: AsyncConnection, answer_id: UUID, on: bool) -> None:
    statement = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(statement.values(blind=on))


async def remember(connection: AsyncConnection, answer_id: UUID, outcome: ReviewDecision, reason: str) -> None:
    query = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(query.values(outcome=outcome, reason=reason))


async def judge(connection: AsyncConnection, answer_id: UUID, payload: bytes, edited: bool, at: datetime) -> None:
    """Stores what a reviewer would have answered; the delivered answer itself is not changed."""
    delivered = and_(reviewed_answers.c.answer_id == answer_id, reviewed_answers.c.timing == "after")
    values = {"payload": payload, "digest": digest_of(payload), "edited": edited, "decided_at": at}
    await connection.execute(update(reviewed_answers).where(delivered).values(values))


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
    """Replaces earlier feedback of the same key on the answer; the answer has the newest of all keys."""
    changed = {"helpful": helpful, "comment": comment, "created_at": at}
    new = insert(feedback).values(id=id, tenant_id=tenant_id, answer_id=answer_id, key_id=key_id, **changed)
    await connection.execute(
        new.on_conflict_do_update(index_elements=["tenant_id", "answer_id", "key_id"], set_=changed)
    )
    await connection.execute(update(answers).where(answers.c.id == answer_id).values(helpful=helpful))


_UNREVIEWED = text(
    """
    select a.tenant_id, a.id, a.key_id, a.conditions->'groups' as groups, a.body from answers a
    where a.id = :answer and a.key_id is not null
      and not exists (select from reviewed_answers r where r.answer_id = a.id)
    """
)
_RESOLVED = text(
    """
    select count(*) from answers a
    where a.tenant_id = :tenant and a.status = 'answered' and coalesce(a.body->>'finish_reason', '') <> 'tool_calls'
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
      and arm in ('control', 'canary')
    """
)


async def outcomes(
    connection: AsyncConnection, tenant_id: UUID, release_ids: Sequence[str], since: datetime
) -> list[AnswerOutcome]:
    parameters = {"tenant": tenant_id, "releases": list(release_ids), "since": since}
    return [AnswerOutcome(*row) for row in await connection.execute(_OUTCOMES, parameters)]


async def resolved_count(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
    parameters = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return int((await connection.execute(_RESOLVED, parameters)).scalar_one())
