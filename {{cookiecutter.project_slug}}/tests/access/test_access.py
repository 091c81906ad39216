"""What was derived from a document is as closed as the document, now: whoever asks, by whatever route."""

import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from app.actions.domain import ActionPolicy
from app.inference.domain.human_review import ReviewPolicy
from app.inference.domain.human_review.policy import NO_REVIEW
from app.main import create_app
from tests.access.world import ACTIONS, KEYS, LAMP, Model, World
from tests.inference.conftest import Open, Service, change_serving, house, open_service

__all__ = ["house", "open_service"]

SEQUENCES = int(os.environ.get("ACCESS_SEQUENCES", "40"))
FIRST = int(os.environ.get("ACCESS_FIRST_SEED", "1"))
STEPS = 20
HOLD = {"name": "some", "send": "before", "due_minutes": 60, "when": {"sample": 0.25}}
EVERYWHERE = {
    "/v1/answers",
    "/v1/answers/*",
    "/v1/answers/*/replay",
    "/v1/actions",
    "/v1/actions/*",
    "/v1/chat/completions",
    "/v1/documents",
    "/v1/documents/*",
    "/v1/quarantine/*/original",
    "/v1/reviews/*",
    "/v1/reviews/*/claim",
    "/v1/search",
    "/v1/tickets/*",
    "evals candidates",
}
"""Routes, and a command, that tell words of documents to who may read them: a run that met none of some was no test of
them."""


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
    async with AsyncExitStack() as opened:
        yield opened


async def world(service: Service, stack: AsyncExitStack, seed: int) -> World:
    """A new tenant, a key of each kind, a ticket, and a document for all."""
    service.model.mind, state = Model(random.Random(seed)).answer, service.state
    tenant = await state.identity.ensure_tenant(f"world-{seed}-{uuid4().hex}")
    app, clients = create_app(state), {}
    for name, (roles, groups) in KEYS.items():
        key = await state.identity.create_key(tenant, name, roles, groups)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key.text}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)
        clients[name] = await stack.enter_async_context(client)
    made = World(state, app, tenant, random.Random(seed), clients)
    await made.call("user", "POST", "/v1/tickets", json={"title": "The lamp", "text": "It is dark."})
    await service.publish(LAMP, tenant, uri="lamp.md")
    return made


@pytest.mark.slow
async def test_nobody_is_told_words_of_a_document_that_they_may_not_read(
    service: Service, stack: AsyncExitStack
) -> None:
    seen: set[str] = set()
    for seed in range(FIRST, FIRST + SEQUENCES):
        made = await world(service, stack, seed)
        try:
            await made.live(STEPS)
        except AssertionError as error:
            error.add_note(f"With ACCESS_FIRST_SEED={seed} ACCESS_SEQUENCES=1 it happens again.")
            raise
        seen |= made.seen
        await stack.aclose()
    assert seen >= EVERYWHERE or SEQUENCES < 40, EVERYWHERE - seen


async def test_a_replay_that_finds_more_than_the_answer_did_is_for_who_may_read_that_too(
    service: Service, stack: AsyncExitStack
) -> None:
    """What was opened to the asker since stands in what the replay says now, and not in what was said then."""
    made, state = await world(service, stack, 7), service.state
    change_serving(state, review=NO_REVIEW)
    await service.publish("The code of Alder is green.", made.tenant, uri="alder.md")
    closed = await service.publish(
        "The code of Alder is also the secret word zqx.", made.tenant, uri="secret.md", access_groups=["lab"]
    )
    asked = {"question": "What is the code of Alder?", "model": "extractive"}
    answer_id = (await made.call("user of hr", "POST", "/v1/answers", json=asked)).json()["id"]
    async with state.database.transaction(made.tenant) as connection:
        await state.retrieval.set_access(connection, made.tenant, closed, ["hr"])
    path = f"/v1/answers/{answer_id}"
    assert (await made.call("operator of none", "GET", path)).status_code == 200
    assert (await made.call("operator of none", "POST", f"{path}/replay")).status_code == 404
    again = await made.call("admin of hr", "POST", f"{path}/replay")
    assert "zqx" in again.json()["after"]
    assert "zqx" not in again.json()["before"]


async def test_two_keys_of_a_tenant_share_no_idempotency_key(service: Service, stack: AsyncExitStack) -> None:
    made = await world(service, stack, 8)
    change_serving(service.state, review=NO_REVIEW)
    await service.publish("The code of Alder is green.", made.tenant, uri="alder.md")
    asked = {"question": "What is the code of Alder?", "model": "extractive"}
    chat = {"model": "extractive", "messages": [{"role": "user", "content": asked["question"]}]}
    for path, body in (("/v1/answers", asked), ("/v1/chat/completions", chat)):
        same = {"json": body, "headers": {"Idempotency-Key": "the same"}}
        first, other = (
            await made.call("user", "POST", path, **same),
            await made.call("user of hr", "POST", path, **same),
        )
        again = await made.call("user", "POST", path, **same)
        assert first.json()["id"] == again.json()["id"] != other.json()["id"]
        assert "idempotency-replayed" in again.headers
        assert "idempotency-replayed" not in other.headers
