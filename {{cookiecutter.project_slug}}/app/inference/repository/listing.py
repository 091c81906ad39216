"""Pages of answers. Each page reads at most SCANNED_ANSWERS rows of one index, whatever the filters are."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.inference.domain.answer_pages import SCANNED_ANSWERS, AnswerFilters, AnswerPosition, ListedAnswer


class Condition(NamedTuple):
    """indexed: rows that fulfil it are found in the order of time by an index of their own."""

    sql: str
    indexed: bool = False


class ListedRow(NamedTuple):
    """An answer with its texts, whoever asks. readable: whether these groups may read all of its documents. The others:
    of its review, where it has one.
    """

    answer: ListedAnswer
    readable: bool
    timing: str | None
    blind: bool | None
    asker_key: UUID | None
    asker: str | None


class ScannedRows(NamedTuple):
    """The answers of a page, and where the scan for it ended before it had seen all; None where it saw all."""

    rows: list[ListedRow]
    cut: AnswerPosition | None


_COLUMNS = """
    tenant_id, id, created_at, status, refusal, model, degraded, findings, release_id, environment, arm, key_id,
    cost_micro_usd, latency_ms, helpful, trace_id, request_id
"""
# With statistics that are missing or old, the planner would rather collect all rows and sort them.
_BY_INDEX = text("select set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)")
# An older version of the service left the columns of figures empty; the answer itself has them.
_PAGE = """
with scanned as materialized (
    select {columns} from answers
    where tenant_id = :tenant {inner} order by created_at desc, id desc limit :scanned
), found as (
    select * from scanned where true {outer} order by created_at desc, id desc limit :limit
), edge as (
    select created_at as edge_at, id as edge_id, (select count(*) from scanned) as seen
    from scanned order by created_at, id limit 1
)
select edge.*, f.tenant_id, f.id, f.created_at, f.status, coalesce(f.refusal, a.body->>'refusal') as refusal,
       array(select jsonb_array_elements_text(coalesce(a.body->'reasons', '[]'))) as reasons, f.model,
       coalesce(f.degraded, (a.body->>'degraded')::boolean) as degraded,
       coalesce(f.findings, jsonb_array_length(a.body->'findings')) as findings,
       f.release_id, f.environment, f.arm, f.key_id,
       coalesce(f.cost_micro_usd, (a.body->>'cost_micro_usd')::bigint) as cost_micro_usd,
       coalesce(f.latency_ms, (a.body->'timings_ms'->>'total')::float8) as latency_ms,
       f.helpful, f.trace_id, f.request_id, r.review_id, r.state as review_state, a.question,
       a.body->>'searched_for' as searched_for,
       case when r.state is not null and r.state <> 'delivered' then null
            when r.timing = 'before' then convert_from(r.payload, 'UTF8')::jsonb->>'text'
            else a.body->>'text' end as text,
       readable(a.documents, cast(:groups as text[])) as readable, r.timing, r.blind, r.asker_key, r.asker
from edge
left join (found f join answers a on a.tenant_id = f.tenant_id and a.id = f.id
           left join reviewed_answers r on r.tenant_id = f.tenant_id and r.answer_id = f.id) on true
order by f.created_at desc, f.id desc
"""


_ANY = object()
_CONDITIONS: tuple[tuple[str, object, Condition], ...] = (
    ("reason", _ANY, Condition("status = 'refused'", True)),
    ("answer_id", _ANY, Condition("id = :answer_id", True)),
    ("trace_id", _ANY, Condition("trace_id = :trace_id", True)),
    ("request_id", _ANY, Condition("request_id = :request_id", True)),
    ("feedback", "unhelpful", Condition("not helpful", True)),
    ("findings", True, Condition("findings > 0", True)),
    ("status", "refused", Condition("status = 'refused'", True)),
    ("degraded", True, Condition("degraded", True)),
    ("feedback", "helpful", Condition("helpful", True)),
    ("feedback", "none", Condition("helpful is null")),
    ("findings", False, Condition("findings = 0")),
    ("degraded", False, Condition("not degraded")),
    ("status", "answered", Condition("status = 'answered'")),
    ("reason", _ANY, Condition("refusal = :reason")),
    ("key_id", _ANY, Condition("key_id = :key_id", True)),
    ("release_id", _ANY, Condition("release_id = :release_id", True)),
    ("model", _ANY, Condition("model = :model", True)),
    ("environment", _ANY, Condition("environment = :environment")),
    ("arm", _ANY, Condition("arm = :arm")),
    ("min_cost_micro_usd", _ANY, Condition("cost_micro_usd >= :min_cost_micro_usd")),
    ("max_cost_micro_usd", _ANY, Condition("cost_micro_usd <= :max_cost_micro_usd")),
    ("min_latency_ms", _ANY, Condition("latency_ms >= :min_latency_ms")),
    ("max_latency_ms", _ANY, Condition("latency_ms <= :max_latency_ms")),
)
"""By the value of a filter, the most selective first."""


def conditions_of(filters: AnswerFilters) -> Iterator[Condition]:
    """The most selective first."""
    for name, wanted, condition in _CONDITIONS:
        value = getattr(filters, name)
        if value is not None and wanted in (_ANY, value):
            yield condition


async def list_answers(
    connection: AsyncConnection,
    tenant_id: UUID,
    filters: AnswerFilters,
    groups: Collection[str],
    after: AnswerPosition | None,
    limit: int,
) -> ScannedRows:
    """The newest first, after a position."""
    values: dict[str, Any] = {
        **{name: getattr(filters, name) for name in AnswerFilters.__slots__},
        "tenant": tenant_id,
        "groups": sorted(groups),
        "scanned": SCANNED_ANSWERS,
        "limit": limit,
    }
    inner, outer = _split(filters)
    if after:
        inner += ["created_at <= :after_at", "(created_at, id) < (:after_at, :after_id)"]
        values |= {"after_at": after.at, "after_id": after.id}
    await connection.execute(_BY_INDEX)
    query = _PAGE.format(columns=_COLUMNS, inner=_joined(inner), outer=_joined(outer))
    rows = [row._mapping for row in await connection.execute(text(query), values)]
    return _scanned(rows)


def _scanned(rows: list[Any]) -> ScannedRows:
    if not rows:
        return ScannedRows([], None)
    first = rows[0]
    cut = AnswerPosition(first["edge_at"], first["edge_id"]) if first["seen"] == SCANNED_ANSWERS else None
    return ScannedRows([_listed(row) for row in rows if row["id"]], cut)


def _listed(row: Any) -> ListedRow:
    values = {name: row[name] for name in ListedAnswer.__slots__}
    values |= {"reasons": tuple(row["reasons"]), "findings": row["findings"] or 0}
    return ListedRow(ListedAnswer(**values), *(row[name] for name in ListedRow._fields[1:]))


def _split(filters: AnswerFilters) -> tuple[list[str], list[str]]:
    """The conditions of the scan, with one that has an index, and those of what it finds."""
    conditions = list(dict.fromkeys(conditions_of(filters)))
    leading = next((each for each in conditions if each.indexed), None)
    inner = [leading.sql] if leading else []
    if filters.since:
        inner.append("created_at >= :since")
    if filters.until:
        inner.append("created_at < :until")
    return inner, [each.sql for each in conditions if each is not leading]


def _joined(conditions: list[str]) -> str:
    return "".join(f" and {each}" for each in conditions)
