"""Answers and failed requests as monitoring reads them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.inference.domain.answer_record import AnswerRecord, FailedRequest

_LAST_FEEDBACK = "(select f.helpful from feedback f where f.answer_id = a.id order by f.created_at desc limit 1)"
# Nobody learns from it what one of two blind reviewers decided.
_OUTCOME = "case when not r.blind then r.outcome end"
_COLUMNS = f"""
    a.id, a.created_at, coalesce(a.body->>'searched_for', a.question) as question,
    coalesce(a.body->>'refusal', '') as refusal,
    coalesce((a.body->>'degraded')::boolean, false) as degraded,
    coalesce(a.body->'reasons', '[]'::jsonb) as reasons,
    jsonb_path_query_array(a.body, '$.findings[*].rule') as findings,
    {_LAST_FEEDBACK} as helpful, coalesce({_OUTCOME}, '') as outcome, coalesce(r.rule, '') as rule,
    a.release_id, a.model, (a.body->>'groundedness')::float8 as groundedness,
    (a.conditions->'evidence'->0->>1)::float8 as top_score,
    (a.conditions->'evidence'->0->>1)::float8 - (a.conditions->'evidence'->1->>1)::float8 as score_gap,
    coalesce((a.body->>'cost_micro_usd')::bigint, 0) as cost_micro_usd,
    coalesce((a.body->'timings_ms'->>'total')::float8, 0) as latency_ms,
    jsonb_path_query_array(a.body, '$.citations[*].source') as sources,
    length(coalesce(a.body->>'text', '')) as answer_characters
    from answers a left join reviewed_answers r on r.answer_id = a.id
    where a.tenant_id = :tenant and a.environment = 'production' and a.question <> ''
"""
_IN_WINDOW = " and a.created_at >= :since and a.created_at < :until"
_FAILED = (
    f" and (a.status = 'refused' or (a.body->>'degraded')::boolean or {_OUTCOME} = 'rejected' or not {_LAST_FEEDBACK})"
)
_NEWEST = " order by a.created_at desc, a.id limit :limit"
_ALL = text(f"select {_COLUMNS}{_IN_WINDOW}{_NEWEST}")
_FAILURES = text(f"select {_COLUMNS}{_IN_WINDOW}{_FAILED}{_NEWEST}")
_READABLE = text(
    f"select {_COLUMNS} and a.id = any (cast(:ids as uuid[])) and readable(a.documents, cast(:groups as text[]))"
)
_STORED = text(
    "select id from answers where tenant_id = :tenant and id = any (cast(:ids as uuid[])) and question <> '' for share"
)
_COUNT = text(
    "select count(*) from answers where tenant_id = :tenant and environment = 'production' "
    "and created_at >= :since and created_at < :until"
)
_FIRST = text(
    "select min(created_at) from answers where tenant_id = :tenant and environment = 'production' and question <> ''"
)
_PROBLEMS = text(
    "select at, code, release_id from answer_failures where tenant_id = :tenant and environment = 'production' "
    "and at >= :since and at < :until order by at desc, id limit :limit"
)


async def list_records(
    connection: AsyncConnection, tenant: UUID, since: datetime, until: datetime, limit: int, only_failed: bool = False
) -> list[AnswerRecord]:
    """The newest answers of production's traffic in [since, until), erased ones left out."""
    values = {"tenant": tenant, "since": since, "until": until, "limit": limit}
    return [_record(row) for row in await connection.execute(_FAILURES if only_failed else _ALL, values)]


async def list_readable(
    connection: AsyncConnection, tenant: UUID, ids: Sequence[UUID], groups: Collection[str]
) -> list[AnswerRecord]:
    """Those of the answers that these access groups may read now, in the order of `ids`."""
    values = {"tenant": tenant, "ids": list(ids), "groups": sorted(groups)}
    found = {row.id: _record(row) for row in await connection.execute(_READABLE, values)}
    return [found[each] for each in ids if each in found]


async def lock_stored(connection: AsyncConnection, tenant: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the answers whose questions are not erased, and are not until the end of the transaction."""
    return set((await connection.execute(_STORED, {"tenant": tenant, "ids": list(ids)})).scalars())


async def count_answers(connection: AsyncConnection, tenant: UUID, since: datetime, until: datetime) -> int:
    values = {"tenant": tenant, "since": since, "until": until}
    return int((await connection.execute(_COUNT, values)).scalar_one())


async def first_answer(connection: AsyncConnection, tenant: UUID) -> datetime | None:
    """When the oldest answer was given whose question is stored."""
    at: datetime | None = (await connection.execute(_FIRST, {"tenant": tenant})).scalar_one()
    return at


async def list_failed_requests(
    connection: AsyncConnection, tenant: UUID, since: datetime, until: datetime, limit: int
) -> list[FailedRequest]:
    values = {"tenant": tenant, "since": since, "until": until, "limit": limit}
    return [FailedRequest(*row) for row in await connection.execute(_PROBLEMS, values)]


def _record(row: Row[Any]) -> AnswerRecord:
    lists = {name: tuple(row._mapping[name] or ()) for name in ("reasons", "findings", "sources")}
    values = {name: value for name, value in row._mapping.items() if name != "created_at"}
    return AnswerRecord(**{**values, **lists, "at": row.created_at})
