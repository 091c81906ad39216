"""Positions in lists of answers: what a hostile one does, and answers that were stored at one moment."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from app.inference.domain.answer_pages import AnswerPosition
from app.wiring import State
from tests.conftest import adopt

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
STORED = """
insert into answers (tenant_id, id, created_at, question, status, refusal, model, release_id, corpus_version, trace_id,
    body, environment, arm, unit, conditions, key_id, request_id, cost_micro_usd, latency_ms, degraded, findings,
    helpful)
values (:tenant, :id, :at, '', 'refused', 'no_answer', :model, :release, 1, 't', '{}', 'production', 'live', '', '{}',
    :key, 'q', :cost, 5.0, true, 1, false)
"""


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


async def store(state: State, tenant: UUID, count: int, at: datetime = NOON, **values: Any) -> list[UUID]:
    """Answers of one moment, in the order of a list of them."""
    stored = sorted((uuid4() for _ in range(count)), reverse=True)
    defaults = {"tenant": tenant, "at": at, "model": "m", "release": "r", "key": None, "cost": 7}
    async with state.database.transaction(tenant) as connection:
        await connection.execute(text(STORED), [{**defaults, **values, "id": each} for each in stored])
    return stored


async def listed(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    reply = await client.get("/v1/answers", params=query)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


HOSTILE = [
    "' or true --",
    AnswerPosition(NOON, UUID(int=1)).text()[:-1],
    f"{AnswerPosition(NOON, UUID(int=1)).text()}A",
    f"{AnswerPosition(NOON, UUID(int=1)).text()[:-1]}+",
    encoded(f"{NOON.isoformat()}|{UUID(int=1)}".encode()),
    encoded(b"|"),
    encoded(b"\xff" * 40),
    "A" * 200,
    "....",
]


async def test_a_text_that_is_no_cursor_is_refused_with_its_code(client: httpx.AsyncClient) -> None:
    for after in HOSTILE:
        reply = await client.get("/v1/answers", params={"after": after})
        assert (reply.status_code, reply.json()["code"]) == (422, "answer_cursor_unreadable"), after
    too_long = await client.get("/v1/answers", params={"after": "A" * 201})
    assert too_long.status_code == 422


OUTSIDE = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
"""Moments that no year of UTC holds."""
ENDS = (encoded(bytes(24)), encoded(b"\xff" * 24))
"""The first and the last cursor."""


async def test_a_bound_that_no_year_holds_is_refused_by_name(client: httpx.AsyncClient) -> None:
    for name, moment in product(("since", "until"), OUTSIDE):
        reply = await client.get("/v1/answers", params={name: moment})
        assert reply.status_code == 422, reply.text
        assert name in reply.json()["errors"][0]["field"]


async def test_a_cursor_before_or_after_everything_gives_nothing_or_the_first_page(
    state: State, tenant: UUID, client: httpx.AsyncClient
) -> None:
    stored = await store(state, tenant, 2)
    name = await state.identity.tenant_name(tenant)
    before, after = [await listed(client, after=end, tenant=name) for end in ENDS]
    assert (before["items"], before["next"]) == ([], None)
    assert [UUID(each["id"]) for each in after["items"]] == stored


async def test_pages_give_answers_of_one_moment_once_each_whatever_the_limit(
    state: State, tenant: UUID, client: httpx.AsyncClient
) -> None:
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    stored = sorted([*await store(state, tenant, 5, model="ties"), *await store(state, other, 4, model="ties")])
    for limit in (1, 2, 3, 8, 9, 10):
        seen: list[UUID] = []
        page: dict[str, Any] = {"next": None}
        for _ in range(20):
            page = await listed(client, limit=limit, model="ties", **({"after": page["next"]} if page["next"] else {}))
            seen += [UUID(each["id"]) for each in page["items"]]
            if not page["next"]:
                break
        assert seen == stored[::-1], limit


async def test_the_bounds_of_time_take_in_the_first_moment_and_leave_out_the_last(
    state: State, tenant: UUID, client: httpx.AsyncClient
) -> None:
    name = await state.identity.tenant_name(tenant)
    early, late = NOON - timedelta(microseconds=1), NOON + timedelta(microseconds=1)
    [first], [second], [third] = [await store(state, tenant, 1, at) for at in (early, NOON, late)]
    zones = (
        "2026-01-31T12:00:00.0Z",
        "2026-01-31T12:00:00Z",
        "2026-01-31T17:30:00+05:30",
        "2026-01-30T22:00:00-14:00",
    )
    for noon in zones:
        since, until = [await listed(client, tenant=name, **{bound: noon}) for bound in ("since", "until")]
        assert [UUID(each["id"]) for each in since["items"]] == [third, second], noon
        assert [UUID(each["id"]) for each in until["items"]] == [first], noon
    nothing = await listed(client, tenant=name, since=zones[1], until=zones[1])
    assert (nothing["items"], nothing["next"]) == ([], None)


async def test_all_filters_together_find_the_answer_that_fulfils_them_and_each_alone_excludes_it(
    state: State, tenant: UUID, client: httpx.AsyncClient
) -> None:
    name, key = await state.identity.tenant_name(tenant), uuid4()
    await adopt(state)
    release = state.environments.current().id
    [wanted] = await store(state, tenant, 1, model="all", key=key, release=release)
    every: dict[str, Any] = {
        "since": "2026-01-31T12:00:00Z",
        "until": "2026-01-31T12:00:01Z",
        "release": release,
        "environment": "production",
        "arm": "live",
        "status": "refused",
        "reason": "no_answer",
        "model": "all",
        "degraded": "true",
        "findings": "true",
        "feedback": "unhelpful",
        "min_cost_micro_usd": 7,
        "max_cost_micro_usd": 7,
        "min_latency_ms": 5,
        "max_latency_ms": 5,
        "key_id": str(key),
        "trace_id": "t",
        "request_id": "q",
        "tenant": name,
    }
    others: dict[str, Any] = {
        "since": "2026-01-31T12:00:01Z",
        "until": "2026-01-31T12:00:00Z",
        "environment": "staging",
        "arm": "canary",
        "status": "answered",
        "reason": "declined",
        "model": "al_",  # no pattern
        "degraded": "false",
        "findings": "false",
        "feedback": "none",
        "min_cost_micro_usd": 8,
        "max_cost_micro_usd": 6,
        "min_latency_ms": 5.001,
        "max_latency_ms": 4.999,
        "key_id": str(UUID(int=3)),
        "trace_id": "T",
        "request_id": "q%",
    }
    assert set(every) - set(others) == {"release", "tenant"}
    assert [UUID(each["id"]) for each in (await listed(client, **every))["items"]] == [wanted]
    for filter_name, value in others.items():
        assert (await listed(client, **every | {filter_name: value}))["items"] == [], filter_name


REFUSED: list[tuple[dict[str, str], int, str | None]] = [
    ({"release": "no-such-release"}, 404, "release_not_found"),
    ({"tenant": "no such tenant"}, 404, "tenant_not_found"),
    ({"status": "lost"}, 422, None),
    ({"reason": "bored"}, 422, None),
    ({"feedback": "angry"}, 422, None),
    ({"min_cost_micro_usd": "-1"}, 422, None),
    ({"max_cost_micro_usd": str(2**63)}, 422, None),
    ({"min_latency_ms": "nan"}, 422, None),
    ({"max_latency_ms": "inf"}, 422, None),
    ({"key_id": "me"}, 422, None),
    ({"limit": "0"}, 422, None),
    ({"limit": "201"}, 422, None),
    ({"model": ""}, 422, None),
    ({"model": "\x00"}, 422, None),
    ({"trace_id": "x" * 201}, 422, None),
    ({"since": "yesterday"}, 422, None),
]


async def test_a_query_that_means_nothing_is_refused(client: httpx.AsyncClient) -> None:
    for query, status, code in REFUSED:
        reply = await client.get("/v1/answers", params=query)
        assert reply.status_code == status, query
        assert code in (None, reply.json()["code"]), query
