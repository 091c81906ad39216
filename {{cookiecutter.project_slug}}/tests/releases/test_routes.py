import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import httpx

from app.core.database import background, listen, notify
from app.releases.domain import INDEX_SWITCHED, IndexPin
from app.releases.service import Held
from app.wiring import State


async def test_the_current_release_shows_its_manifest_and_the_text_of_its_parts(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/releases/current")).json()
    prompt = shown["manifest"]["prompts"]["answer"]
    assert "NO ANSWER" in shown["parts"][prompt]
    assert shown["manifest"]["policies"].keys() >= {"cost", "data", "security", "slo", "ownership"}
    assert shown["id"].startswith(shown["short"])


async def test_a_release_is_shown_by_id_and_by_its_first_digits(client: httpx.AsyncClient) -> None:
    current = (await client.get("/v1/releases/current")).json()
    assert (await client.get(f"/v1/releases/{current['id']}")).json() == current
    assert (await client.get(f"/v1/releases/{current['short']}")).json() == current


async def test_an_unknown_release_is_missing(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/releases/{'0' * 64}")
    assert (response.status_code, response.json()["code"]) == (404, "release_missing")


async def test_a_plain_user_may_not_look_at_releases(client: httpx.AsyncClient, state: State, tenant: UUID) -> None:
    key = (await state.identity.create_key(tenant, "plain", ["user"])).text
    response = await client.get("/v1/releases/current", headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.json()["code"]) == (403, "permission_missing")


async def test_readiness_waits_for_the_release(client: httpx.AsyncClient, state: State) -> None:
    assert (await client.get("/health/ready")).json()["checks"]["release"] == "ok"
    # An environment of its own: other tests move the one that all share.
    releases = replace(state.releases, environment=f"production-{uuid4()}", held=Held())
    await releases.ready()
    assert releases.current() == await releases.live()


async def test_a_switched_index_is_followed_when_it_is_told(state: State) -> None:
    pin = IndexPin(id=uuid4(), embedder="minilm", chunker="sections")
    index = _Told(pin)
    releases = replace(state.releases, index=index, environment=f"production-{uuid4()}", held=Held())
    async with background(listen(state.database, INDEX_SWITCHED, releases.follow, poll_seconds=60)):
        await _until(lambda: releases.held.release is not None)
        index.pin = IndexPin(id=uuid4(), embedder="minilm", chunker="sections")
        async with state.database.transaction(None) as connection:
            await notify(connection, INDEX_SWITCHED)
        await _until(lambda: releases.current().manifest.index == index.pin)


@dataclass
class _Told:
    pin: IndexPin

    async def live_index(self) -> IndexPin:
        return self.pin


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.01)
