"""Room for requests: what takes a slot, and what leaves it to others meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.core import admission
from app.core.admission import Slots, set_aside
from app.core.errors import Overloaded
from app.main import OPEN, create_app
from app.wiring import State
from tests.clock import until
from tests.conftest import override


def doors(state: State, **settings: Any) -> httpx.AsyncClient:
    chosen = replace(state, settings=state.settings.model_copy(update=settings))
    transport = httpx.ASGITransport(app=create_app(chosen), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(admission, "TELL_SECONDS", 0.01)


async def test_a_slot_is_given_back_whatever_happens() -> None:
    slots = Slots("x", lambda: 1)
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error), slots.held():
            assert slots.full
            with pytest.raises(Overloaded), slots.held():
                pass
            raise error
    assert slots.taken == 0


async def test_who_only_waits_leaves_the_slot_to_others() -> None:
    slots = Slots("x", lambda: 1)
    with slots.held():
        with set_aside(), slots.held():
            assert slots.taken == 1
        assert slots.taken == 1
    assert slots.taken == 0


async def test_without_a_slot_there_is_none_to_leave() -> None:
    with set_aside():
        pass


async def test_no_room_is_told_before_the_key_and_never_of_health(state: State) -> None:
    async with doors(state, max_requests=0, max_uploads=0) as client:
        for method, path in (("GET", "/v1/documents"), ("POST", "/v1/documents"), ("GET", "/nowhere")):
            reply = await client.request(method, path, headers={"x-request-id": "my-request-1"})
            assert (reply.status_code, reply.json()["code"]) == (503, "overloaded")
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.headers["retry-after"] == "1"
            assert reply.json()["request_id"] == reply.headers["x-request-id"] == "my-request-1"
            assert reply.json()["instance"] == path
        for path in sorted(OPEN):
            assert (await client.get(path)).status_code == 200
        text = (await client.get("/metrics")).text
    assert 'app_requests_refused_total{kind="other"}' in text
    assert 'app_requests_refused_total{kind="uploads"}' in text


async def test_the_kinds_do_not_take_each_others_room(state: State) -> None:
    async with doors(state, max_requests=0) as client:
        for path in ("/v1/answers", "/v1/chat/completions", "/v1/documents"):
            assert (await client.post(path, json={})).status_code in (401, 422)


async def test_a_wait_for_a_person_takes_no_room(state: State, client: httpx.AsyncClient, key: str) -> None:
    """Two who wait for what does not come, with room for one: the third is served meanwhile."""
    asked = asyncio.Event()
    until = state.archive.waiting.until

    async def waits(*given: Any) -> Any:
        asked.set()
        with set_aside():
            await asyncio.sleep(0.2)
        return await until(*given)

    async with doors(state, max_requests=1) as door:
        headers = {"authorization": f"Bearer {key}"}
        override(state.archive.waiting, until=waits)
        try:
            path = "/v1/actions/0190a0a0-0000-7000-8000-000000000000?wait=1"
            waiting = asyncio.ensure_future(door.get(path, headers=headers))
            async with asyncio.timeout(60):
                await asyncio.wait({waiting, asyncio.ensure_future(asked.wait())}, return_when="FIRST_COMPLETED")
            assert (await door.get("/v1/caller", headers=headers)).status_code == 200
            await waiting
        finally:
            object.__delattr__(state.archive.waiting, "until")


async def test_a_crowd_is_told_once_a_second(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    async with doors(state, max_requests=0) as client:
        await asyncio.sleep(3 * admission.TELL_SECONDS)  # refusals of earlier tests are logged by now
        told: list[dict[str, int]] = []
        monkeypatch.setattr(admission.log, "warning", lambda event, **facts: told.append(facts), raising=False)
        monkeypatch.setattr(admission, "TELL_SECONDS", 1.0)
        await asyncio.gather(*(client.get("/v1/caller") for _ in range(20)))
        await until(lambda: sum(each["other"] for each in told) == 20)
    assert len(told) < 20
