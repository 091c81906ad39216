"""Answers whose passages are searched for in another process: the same answers, and the same ways to fail."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from app.adapters.rooms.retrieval import RemoteSearch
from app.core.embedded import Urls
from app.room import create_room_app
from app.settings import Settings
from app.setup.retrieval_room import RetrievalRoom, open_retrieval_room
from app.wiring import build
from benchmarks.processes import free_port
from tests.adapters.embeddings.test_openai import SIZE, Provider
from tests.clock import leap, until
from tests.conftest import FreshDatabase, adopt, override
from tests.inference.conftest import BRIDGE, TOWER, Service, house, loaded
from tests.serving import served

__all__ = ["house"]

WHO = "Who built the lighthouse of Karlen?"
PAID = "  embeds: {input: 100}\n"
CHANGING = r'"(?:id|created_at|trace_id|created|request_id)":(?:"[^"]*"|\d+)|"timings_ms":\{[^}]*\}|chatcmpl-\w+'
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("/v1/answers", {"question": WHO}),
    "stream": ("/v1/answers", {"question": WHO, "stream": True}),
    "chat": ("/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": WHO}]}),
    "chat stream": (
        "/v1/chat/completions",
        {"model": "default", "messages": [{"role": "user", "content": WHO}], "stream": True},
    ),
}


@dataclass
class Together:
    """An API and, at a fixed port, the process that searches for it; both in this process, over HTTP."""

    service: Service
    room: RetrievalRoom
    port: int
    serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def search(self) -> RemoteSearch:
        search = self.service.state.search
        assert isinstance(search, RemoteSearch)
        return search

    async def start(self) -> None:
        await self.serving.enter_async_context(served(create_room_app(self.room), self.room.settings, self.port))

    async def stop(self) -> None:
        await self.serving.aclose()

    async def ask(self, form: str) -> httpx.Response:
        path, body = FORMS[form]
        async with self.service.client() as client:
            return await client.post(path, json=body)


@asynccontextmanager
async def together(settings: Settings, urls: Urls) -> AsyncIterator[Together]:
    port = free_port()
    remote = settings.model_copy(update={"retrieval_url": f"http://127.0.0.1:{port}"})
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(open_retrieval_room(settings, urls))
        state = await stack.enter_async_context(build(remote, urls))
        await adopt(state)
        tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
        key = (await state.identity.create_key(tenant, "test", ["user"])).text
        service = Service(state, await stack.enter_async_context(loaded(state)), tenant, key, [])
        await service.publish(TOWER, title="Lighthouse", uri="tower.md")
        await service.publish(BRIDGE, title="Bridge", uri="bridge.md")
        made = Together(service, room, port)
        await made.start()
        yield made
        await made.stop()


@pytest_asyncio.fixture
async def pair(house, settings: Settings, database_urls: Urls) -> AsyncIterator[Together]:
    async with together(settings.model_copy(update={"root": house}), database_urls) as made:
        yield made


def fixed(text: str) -> str:
    """A reply without what differs from one answer to the next."""
    return re.sub(CHANGING, "", text)


async def test_an_answer_is_the_same_in_all_four_forms(pair: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    state, forms = pair.service.state, {form: await pair.ask(form) for form in FORMS}
    assert "Marta Holm" in forms["plain"].json()["text"]
    assert forms["plain"].json()["timings_ms"]["evidence"] > 0
    override(state.answers.pipeline, retrieval=state.retrieval)
    for form, reply in forms.items():
        here = await pair.ask(form)
        assert (here.status_code, fixed(here.text)) == (reply.status_code, fixed(reply.text)), form


async def test_the_api_calculates_no_vector(house, settings: Settings, fresh_database: FreshDatabase) -> None:
    bundled = settings.model_copy(update={"root": house, "embedder": "minilm"})
    with fresh_database() as urls:
        async with together(bundled, urls) as pair:
            [own] = pair.service.state.retrieval.embedders.values()
            own.embedder = None  # type: ignore[attr-defined]  # what publishing loaded here, a worker does
            reply = (await pair.ask("plain")).json()
            assert (reply["status"], reply["degraded"]) == ("answered", False)
            assert own.embedder is None  # type: ignore[attr-defined]
            [theirs] = pair.room.retrieval.embedders.values()
            assert theirs.embedder is not None  # type: ignore[attr-defined]


async def test_a_dead_process_refuses_in_all_four_forms_costs_nothing_and_recovers(pair: Together) -> None:
    override(pair.search.client, random_fraction=lambda: 0.0)
    await pair.stop()
    stored = await pair.service.rows("select count(*) from answers")
    for form in FORMS:
        reply = await pair.ask(form)
        assert (reply.status_code, reply.json()["code"]) == (503, "room_unavailable"), form
        assert reply.headers["retry-after"]
    assert await pair.service.rows("select count(*) from answers") == stored
    assert await pair.service.rows("select count(*) from ledger") == [(0,)]
    async with pair.service.client() as client:
        ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert "retrieval at http://127.0.0.1" in ready.json()["checks"]["retrieval"]
    assert pair.search.client.breaker.state == "open"
    await pair.start()
    await leap(pair.search.client.breaker.open_seconds)
    assert (await pair.ask("plain")).status_code == 200


async def test_a_hung_process_is_refused_as_a_hung_database_is(pair: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    hung: list[str] = []

    async def hang(*_: object, **__: object) -> None:
        hung.append("")
        await asyncio.sleep(100_000)

    outcomes = []
    monkeypatch.setattr(type(pair.room.retrieval), "search", hang)
    for search in (pair.search, pair.service.state.retrieval):
        override(pair.service.state.answers.pipeline, retrieval=search)
        for form in FORMS:
            asking, before = asyncio.ensure_future(pair.ask(form)), len(hung)
            await until(lambda: len(hung) > before)  # noqa: B023
            await leap(700)
            reply = await asking
            outcomes.append((form, reply.status_code, fixed(reply.text)))
            assert "evidence_timeout" in reply.text
    assert outcomes[:4] == outcomes[4:]


async def test_a_wrong_key_is_one_error_that_readiness_names_too(pair: Together) -> None:
    override(pair.search.client, key=b"another" * 8)
    pair.search.client.__dict__.pop("_headers", None)
    reply = await pair.ask("plain")
    assert (reply.status_code, reply.json()["code"]) == (503, "room_key_refused")
    async with pair.service.client() as client:
        checks = (await client.get("/health/ready")).json()["checks"]
    assert "does not accept APP_ROOM_KEY" in checks["retrieval"]


async def test_search_over_http_goes_there_too(pair: Together) -> None:
    async with pair.service.client() as client:
        found = (await client.post("/v1/search", json={"query": WHO})).json()
        assert found["passages"][0]["title"] == "Lighthouse"
        await pair.stop()
        override(pair.search.client, random_fraction=lambda: 0.0)
        assert (await client.post("/v1/search", json={"query": WHO})).status_code == 503
        await pair.start()


async def test_the_answer_pays_for_the_vector_that_the_other_process_bought(
    house, settings: Settings, fresh_database: FreshDatabase, tmp_path
) -> None:
    """Reserved there, charged and settled here, in the transaction of the answer; by a search with its own row there;
    and there too when the caller is gone."""
    provider = Provider()
    cost = house / "policies" / "cost.yaml"
    if PAID not in cost.read_text():
        cost.write_text(cost.read_text() + PAID)
    async with provider.listening() as url:
        bought = {"embedder": "openai", "embedder_url": url, "embedder_model": "embeds", "embedder_dimensions": SIZE}
        with fresh_database() as urls:
            async with together(settings.model_copy(update={"root": house, **bought}), urls) as pair:
                await _pays(pair, provider)


async def _pays(pair: Together, provider: Provider) -> None:
    service = pair.service

    async def charges() -> list[tuple[Any, ...]]:
        rows = "select input_tokens, micro_usd, subject_id is not null from ledger where feature = 'embedding_query'"
        return await service.rows(f"{rows} order by at, id")

    async def held() -> int:
        return sum(each.held_micro_usd for each in await service.state.costs.budgets.current(service.tenant))

    before = await held()  # for the documents
    answer = (await pair.ask("plain")).json()
    assert answer["cost_micro_usd"] == 700
    assert await charges() == [(7, 700, True)]
    assert await held() == before
    async with service.client() as client:
        assert (await client.post("/v1/search", json={"query": "Where is the bridge?"})).status_code == 200
    assert await charges() == [(7, 700, True), (7, 700, False)]
    assert await held() == before
    provider.change = lambda reply: {**reply, "data": []}  # a reply that cannot be used is paid all the same
    answer = (await service.ask("How long is the bridge?")).json()
    assert "search: embedding_failed" in answer["reasons"]
    assert len(await charges()) == 3
    assert await held() == before
