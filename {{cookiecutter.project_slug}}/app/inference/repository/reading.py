from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.access import readable_by
from app.inference.domain.answer_outcome import AnswerOutcome
from app.inference.domain.human_review import (
    Requester,
    ReviewDecision,
    ReviewedAnswer,
    ReviewedAnswerState,
)
from app.inference.tables import answers, feedback, reviewed_answers
from app.releases.domain import digest_of


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


async def reviewed(connection: AsyncConnection, answer_id: UUID) -> ReviewedAnswer | None:
    of_answer = ("question", "documents")
    own = [reviewed_answers.c[name] for name in ReviewedAnswer.__slots__ if name not in of_answer]
    joined = reviewed_answers.join(answers, answers.c.id == reviewed_answers.c.answer_id)
    wanted = select(*(answers.c[name] for name in of_answer), *own).select_from(joined).where(answers.c.id == answer_id)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    lists = {"groups": tuple(row.groups), "documents": tuple(row.documents)}
    return ReviewedAnswer(**{**row._mapping, **lists, "payload": bytes(row.payload)})


async def decide(
    connection: AsyncConnection,
    answer_id: UUID,
    state: ReviewedAnswerState,
    payload: bytes,
    digest: str,
    edited: bool,
    at: datetime,
) -> Requester | None:
    """Ends the wait of a held answer, once; None when it was over."""
    held = reviewed_answers.c.state == "held"
    ended = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id, held)
    values = {"state": state, "payload": payload, "digest": digest, "edited": edited, "decided_at": at}
    row = reviewed_answers.c
    results = ended.values(values).returning(row.tenant_id, row.asker_key, row.webhook)
    found = (await connection.execute(results)).first()
    return Requester(*found) if found else None


async def lock(connection: AsyncConnection, answer_id: UUID) -> None:
    row = select(reviewed_answers.c.answer_id).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(row.with_for_update())


async def blind(connection: AsyncConnection, answer_id: UUID, on: bool) -> None:
    looked_at = update(reviewed_answers).where(reviewed_answers.c.answer_id == answer_id)
    await connection.execute(looked_at.values(blind=on))


async def remember(connection: AsyncConnection, answer_id: UUID, opinion: ReviewDecision, reason: str) -> None:
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
) -> list[AnswerOutcome]:
    asked = {"tenant": tenant_id, "releases": list(release_ids), "since": since}
    return [AnswerOutcome(*row) for row in await connection.execute(_OUTCOMES, asked)]


async def resolved_count(connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
    asked = {"tenant": tenant, "since": since, "until": until, "zone": zone}
    return int((await connection.execute(_RESOLVED, asked)).scalar_one())
