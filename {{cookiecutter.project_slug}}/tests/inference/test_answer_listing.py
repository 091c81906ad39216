"""Answers as those who watch the service list and find them."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.cli.common import caller_at_the_command_line
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.answer_pages import SCANNED_ANSWERS, AnswerFilters, AnswerPosition
from app.inference.domain.human_review import ReviewPolicy
from app.inference.repository import listing
from tests.inference.conftest import Service, change_serving

TOWER = "Who built the lighthouse of Karlen?"
BRIDGE = "When was the bridge over the Sarn opened?"
NOWHERE = "What is the price of a ticket to the moon of Saturn?"


class Watched:
    """A service with answers, and a key of each kind."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.answers: list[dict[str, Any]] = []

    async def ask(self, question: str, **body: Any) -> httpx.Response:
        reply = await self.service.ask(question, **body)
        self.answers.append(reply.json() | {"request_id": reply.headers["x-request-id"]})
        return reply

    async def key(self, *roles: str, groups: tuple[str, ...] = (), tenant: UUID | None = None) -> str:
        state, owner = self.service.state, tenant or self.service.tenant
        return (await state.identity.create_key(owner, "watcher", roles, groups)).text

    async def list(self, key: str, **filters: Any) -> dict[str, Any]:
        async with self.service.client(key) as client:
            reply = await client.get("/v1/answers", params=filters)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


@pytest_asyncio.fixture
async def watched(quoting: Service) -> AsyncIterator[Watched]:
    made = Watched(quoting)
    for question in (TOWER, BRIDGE, NOWHERE):
        await made.ask(question)
    yield made


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


async def test_every_filter_finds_what_it_names_and_nothing_else(watched: Watched) -> None:
    operator = await watched.key("operator")
    tower, bridge, nowhere = (answer["id"] for answer in watched.answers)
    assert watched.answers[2]["status"] == "refused"
    async with watched.service.client() as client:
        rated = await client.post(f"/v1/answers/{tower}/feedback", json={"helpful": False})
        assert rated.status_code == 204
    release, model = watched.answers[0]["release_id"], watched.answers[0]["model"]
    latency = max(answer["timings_ms"]["total"] for answer in watched.answers)
    key_id = (await watched.list(operator))["items"][0]["key_id"]
    expected: dict[tuple[tuple[str, Any], ...], list[str]] = {
        (): [nowhere, bridge, tower],
        (("status", "refused"),): [nowhere],
        (("status", "answered"),): [bridge, tower],
        (("reason", watched.answers[2]["refusal"]),): [nowhere],
        (("reason", "declined"),): [],
        (("feedback", "unhelpful"),): [tower],
        (("feedback", "helpful"),): [],
        (("feedback", "none"),): [nowhere, bridge],
        (("release", release[:12]), ("arm", "live")): [nowhere, bridge, tower],
        (("model", model), ("status", "answered")): [bridge, tower],
        (("model", "no such model"),): [],
        (("degraded", "true"),): [],
        (("degraded", "false"), ("findings", "false")): [nowhere, bridge, tower],
        (("findings", "true"),): [],
        (("min_cost_micro_usd", 1),): [],
        (("max_cost_micro_usd", 0), ("environment", "production")): [nowhere, bridge, tower],
        (("min_latency_ms", latency + 1),): [],
        (("max_latency_ms", latency),): [nowhere, bridge, tower],
        (("key_id", key_id),): [nowhere, bridge, tower],
        (("key_id", str(UUID(int=7))),): [],
        (("trace_id", watched.answers[1]["trace_id"]),): [bridge],
        (("request_id", watched.answers[1]["request_id"]),): [bridge],
        (("since", watched.answers[1]["created_at"]),): [nowhere, bridge],
        (("until", watched.answers[1]["created_at"]),): [tower],
    }
    for filters, found in expected.items():
        assert ids(await watched.list(operator, **dict(filters))) == found, filters


async def test_pages_give_every_answer_once(watched: Watched) -> None:
    operator, seen, after = await watched.key("operator"), [], {}
    while True:
        page = await watched.list(operator, limit=1, **after)
        seen += ids(page)
        if not page["next"]:
            break
        after = {"after": page["next"]}
    assert seen == [answer["id"] for answer in reversed(watched.answers)]


async def test_any_of_its_ids_leads_to_the_answer_and_to_the_others(watched: Watched) -> None:
    found_by, caller = watched.service.state.answer_listing, caller_at_the_command_line(UUID(int=0))
    wanted = watched.answers[1]
    for reference in (wanted["id"], wanted["trace_id"], wanted["request_id"]):
        [found] = await found_by.find(caller, reference)
        assert (str(found.id), found.trace_id, found.request_id) == (
            wanted["id"],
            wanted["trace_id"],
            wanted["request_id"],
        )
        assert found.text is None
    with pytest.raises(AnswerNotFound):
        await found_by.find(caller, "no-such-id")


async def test_texts_are_shown_only_to_who_may_read_the_documents_now(watched: Watched) -> None:
    await watched.service.publish(
        "The vault of Karlen opens with a brass wheel.", title="Vault", uri="vault.md", access_groups=("keepers",)
    )
    keeper = await watched.key("user", groups=("keepers",))
    reply = await watched.service.ask("What does the vault of Karlen open with?", key=keeper)
    assert "brass wheel" in reply.json()["text"]
    with_group = await watched.list(await watched.key("operator", groups=("keepers",)), limit=1)
    without = await watched.list(await watched.key("operator"), limit=1)
    assert "brass wheel" in with_group["items"][0]["text"]
    assert (without["items"][0]["id"], without["items"][0]["text"], without["items"][0]["question"]) == (
        reply.json()["id"],
        None,
        None,
    )


async def test_a_held_answer_is_listed_without_its_text_and_with_the_review_that_will_decide(quoting: Service) -> None:
    rule = {"name": "all", "send": "before", "due_minutes": 60}
    change_serving(quoting.state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    watched = Watched(quoting)
    held = await watched.ask(TOWER)
    assert held.status_code == 202
    [item] = (await watched.list(await watched.key("operator")))["items"]
    assert (item["review_state"], item["text"]) == ("held", None)
    await quoting.state.reviews.lifecycle.add(quoting.tenant, UUID(held.json()["id"]))
    assert await quoting.rows("select id::text from review_items") == [(item["review_id"],)]


async def test_an_operator_sees_its_tenant_and_the_role_service_all_of_them_without_texts(watched: Watched) -> None:
    identity = watched.service.state.identity
    other = await identity.ensure_tenant("other of the list")
    assert ids(await watched.list(await watched.key("admin", tenant=other))) == []
    service_key = await watched.key("service", tenant=other)
    page = await watched.list(service_key, limit=200)
    assert {answer["id"] for answer in watched.answers} <= set(ids(page))
    assert {(item["question"], item["text"]) for item in page["items"]} == {(None, None)}
    own_name = await identity.tenant_name(watched.service.tenant)
    assert len(ids(await watched.list(service_key, tenant=own_name))) == len(watched.answers)
    async with watched.service.client(await watched.key("operator")) as client:
        assert (await client.get("/v1/answers", params={"tenant": own_name})).status_code == 403
        assert (await client.get("/v1/answers", params={"after": "nonsense"})).json()["code"] == (
            "answer_cursor_unreadable"
        )
    async with watched.service.client() as client:
        assert (await client.get("/v1/answers")).status_code == 403


INDEXES = {
    "ix_answers_by_time": AnswerFilters(min_latency_ms=9e9),
    "ix_answers_by_release": AnswerFilters(release_id="nowhere"),
    "ix_answers_by_key": AnswerFilters(key_id=UUID(int=9)),
    "ix_answers_by_model": AnswerFilters(model="nowhere"),
    "ix_answers_by_trace": AnswerFilters(trace_id="0" * 32),
    "ix_answers_by_request": AnswerFilters(request_id="0" * 32),
    "ix_answers_refused": AnswerFilters(status="refused", min_latency_ms=9e9),
    "ix_answers_degraded": AnswerFilters(degraded=True),
    "ix_answers_with_findings": AnswerFilters(findings=True),
    "ix_answers_helpful": AnswerFilters(feedback="helpful"),
    "ix_answers_unhelpful": AnswerFilters(feedback="unhelpful"),
}
MANY = """
insert into answers (tenant_id, id, created_at, question, status, model, release_id, corpus_version, trace_id, body,
    environment, arm, unit, conditions, key_id, request_id, cost_micro_usd, latency_ms, degraded, findings)
select :tenant, gen_random_uuid(), now() - n * interval '1 second', '', 'answered', 'm' || n % 3, 'r' || n % 5, 1,
    md5(n::text), '{}', 'production', 'live', '', '{}', md5((n % 50)::text)::uuid, md5('r' || n), 1, 1.0, false, 0
from generate_series(1, 20000) n
"""


async def test_a_page_reads_an_index_of_its_filter_and_at_most_so_many_rows(
    quoting: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = quoting.state
    async with state.database.transaction(quoting.tenant) as connection:
        await connection.execute(text(MANY), {"tenant": quoting.tenant})
    monkeypatch.setattr(listing, "_PAGE", "explain (analyze, buffers off, costs off) " + listing._PAGE)
    plans: dict[str, str] = {}

    def read(rows: list[Any]) -> Any:
        plans["now"] = "\n".join(row["QUERY PLAN"] for row in rows)
        return listing.ScannedRows([], None)

    monkeypatch.setattr(listing, "_scanned", read)
    after = AnswerPosition(state.clock.now(), UUID(int=0))
    for index, filters in INDEXES.items():
        async with state.database.read(quoting.tenant) as connection:
            await listing.list_answers(connection, quoting.tenant, filters, (), after, 50)
        scan = next(line for line in plans["now"].splitlines() if "on answers" in line or "_answers_" in line)
        assert index in plans["now"], f"{index}: {plans['now']}"
        rows = float(scan.split("rows=")[-1].split()[0])
        assert rows <= SCANNED_ANSWERS + 1, scan  # one more ends the sort of equal times
