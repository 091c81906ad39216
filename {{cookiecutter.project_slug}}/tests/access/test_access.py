"""Data derived from a document can be read only by keys that may read the document now, on every route."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.actions.domain import ActionPolicy
from app.adapters.oidc.provider import OpenIdProvider
from app.adapters.oidc.verifier import IssuerKeys, OidcTokenVerifier
from app.identity.domain.policy import IdentityPolicy
from app.identity.service import TokenAuthentication
from app.inference.domain.human_review import ReviewPolicy
from app.inference.domain.review_policy import NO_REVIEW
from app.main import create_app
from app.retrieval.ports import PassageSearch
from tests.access.detached import detached
from tests.access.repeating_model import Model
from tests.access.world import ACTIONS, KEYS, LAMP, PERSON, World
from tests.conftest import override
from tests.identity.issuer import ADDRESS, AUDIENCE, POLICY, Issuer
from tests.inference.conftest import Open, Service, change_serving, house, open_service
from tests.retrieval.rooms import remote, room_served

__all__ = ["house", "open_service"]

SEQUENCES = int(os.environ.get("ACCESS_SEQUENCES", "10"))
FIRST = int(os.environ.get("ACCESS_FIRST_SEED", "1"))
DETACHED = os.environ.get("ACCESS_DETACHED", "")
STEPS = 20
HOLD = {"name": "some", "send": "before", "due_minutes": 60, "when": {"sample": 0.25}}
EXPECTED_PATHS = {
    "/v1/answers",
    "/v1/answers/*",
    "/v1/answers/*/replay",
    "/v1/actions",
    "/v1/actions/*",
    "/v1/chat/completions",
    "/v1/documents",
    "/v1/documents/*",
    "/v1/documents/*/original",
    "/v1/documents/*/text",
    "/v1/monitoring/data-health",
    "/v1/quarantine/*/original",
    "/v1/reviews/*",
    "/v1/reviews/*/claim",
    "/v1/search",
    "/v1/tickets/*",
    "/mcp",
    "evals candidates",
}
"""Routes, and a command, that show words of documents to keys that may read them. A run must have matched each one."""


@pytest.fixture(autouse=True)
def without_a_check() -> Iterator[None]:
    """`python -m benchmarks.access_property --detach` removes one."""
    with detached(DETACHED):
        yield


@pytest_asyncio.fixture
async def service(open_service: Open) -> Service:
    started = await open_service()
    offered = {name: {"per_hour": 100_000} for name in ACTIONS}
    change_serving(
        started.state,
        review=ReviewPolicy(owner="tests", overlap=0, rules=[HOLD]),  # type: ignore[list-item]
        actions=ActionPolicy(owner="tests", offered=offered),  # type: ignore[arg-type]
    )
    return started


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as exit_stack:
        yield exit_stack


async def world(service: Service, app: FastAPI, stack: AsyncExitStack, seed: int) -> World:
    """Make a tenant, a key of each kind, a ticket, and a document that every key may read."""
    service.model.mind, state = Model(random.Random(seed)).answer, service.state
    tenant = await state.identity.ensure_tenant(f"world-{seed}-{uuid4().hex}")
    clients = {}
    for name, (roles, groups) in KEYS.items():
        key = await state.identity.create_key(tenant, name, roles, groups)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key.text}"} if name != PERSON else {}
        client = httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)
        clients[name] = await stack.enter_async_context(client)
    simulated = World(state, app, tenant, random.Random(seed), clients, Issuer(state.clock.now().timestamp()))
    await accept_tokens(simulated)
    await simulated.call("user", "POST", "/v1/tickets", json={"title": "The lamp", "text": "It is dark."})
    await service.publish(LAMP, tenant, uri="lamp.md")
    return simulated


async def accept_tokens(simulated: World) -> None:
    """Let the service accept tokens of the world's issuer, as wiring does where one is set."""
    state, issuer = simulated.state, simulated.issuer
    names = {str(simulated.tenant): await state.identity.tenant_name(simulated.tenant)}
    policy = IdentityPolicy.model_validate({**POLICY, "tenant": {"claim": "tenant", "values": names}})
    keys = IssuerKeys(OpenIdProvider(ADDRESS, state.clock, transport=issuer.transport), state.clock, 600, 30)
    rules = policy.rules(ADDRESS, AUDIENCE)
    tokens = TokenAuthentication(state.database, state.clock, OidcTokenVerifier(keys), rules, policy)
    override(state.identity, tokens=tokens)
    simulated.issue()

    def authorize(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {simulated.tokens[-1]}"
        return request

    simulated.clients[PERSON].auth = authorize


@pytest_asyncio.fixture
async def searches(service: Service) -> AsyncIterator[tuple[PassageSearch, PassageSearch]]:
    """The search in this process, and the same in a process of its own."""
    state = service.state
    async with room_served(state.settings, state.urls) as (_, address), remote(state.settings, address) as search:
        yield state.retrieval, search


@pytest.mark.slow
async def test_no_reply_contains_words_of_a_document_that_its_key_may_not_read(
    service: Service, stack: AsyncExitStack, searches: tuple[PassageSearch, PassageSearch]
) -> None:
    """Wherever the passages come from: every second world asks another process for them."""
    apps, matched_paths = [create_app(replace(service.state, search=search)) for search in searches], set[str]()
    for seed in range(FIRST, FIRST + SEQUENCES):
        override(service.state.answers.pipeline, retrieval=searches[seed % 2])
        simulated = await world(service, apps[seed % 2], stack, seed)
        try:
            await simulated.simulate(STEPS)
        except AssertionError as error:
            error.add_note(f"Reproduce it with ACCESS_FIRST_SEED={seed} ACCESS_SEQUENCES=1.")
            raise
        matched_paths |= simulated.matched_paths
        await stack.aclose()
    assert matched_paths >= EXPECTED_PATHS or SEQUENCES < 40, EXPECTED_PATHS - matched_paths


async def test_a_replay_can_be_read_only_by_keys_that_may_read_its_own_passages_too(
    service: Service, stack: AsyncExitStack
) -> None:
    """A document that was opened to the asker after the answer occurs in the replay, not in the answer."""
    simulated, state = await world(service, create_app(service.state), stack, 7), service.state
    change_serving(state, review=NO_REVIEW)
    await service.publish("The code of Alder is green.", simulated.tenant, uri="alder.md")
    restricted = await service.publish(
        "The code of Alder is also the secret word zqx.", simulated.tenant, uri="secret.md", access_groups=["lab"]
    )
    request = {"question": "What is the code of Alder?", "model": "extractive"}
    answer_id = (await simulated.call("user of hr", "POST", "/v1/answers", json=request)).json()["id"]
    async with state.database.transaction(simulated.tenant) as connection:
        await state.retrieval.set_access(connection, simulated.tenant, restricted, ["hr"])
    path = f"/v1/answers/{answer_id}"
    assert (await simulated.call("operator of none", "GET", path)).status_code == 200
    assert (await simulated.call("operator of none", "POST", f"{path}/replay")).status_code == 404
    again = await simulated.call("admin of hr", "POST", f"{path}/replay")
    assert "zqx" in again.json()["after"]
    assert "zqx" not in again.json()["before"]


async def test_two_keys_of_a_tenant_do_not_share_an_idempotency_key(service: Service, stack: AsyncExitStack) -> None:
    simulated = await world(service, create_app(service.state), stack, 8)
    change_serving(service.state, review=NO_REVIEW)
    await service.publish("The code of Alder is green.", simulated.tenant, uri="alder.md")
    request = {"question": "What is the code of Alder?", "model": "extractive"}
    chat = {"model": "extractive", "messages": [{"role": "user", "content": request["question"]}]}
    for path, body in (("/v1/answers", request), ("/v1/chat/completions", chat)):
        same = {"json": body, "headers": {"Idempotency-Key": "the same"}}
        first, other = (
            await simulated.call("user", "POST", path, **same),
            await simulated.call("user of hr", "POST", path, **same),
        )
        again = await simulated.call("user", "POST", path, **same)
        assert first.json()["id"] == again.json()["id"] != other.json()["id"]
        assert "idempotency-replayed" in again.headers
        assert "idempotency-replayed" not in other.headers
