"""Admission control: which requests take a slot, and when they release it."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.core import admission
from app.core.errors import Overloaded
from app.core.slo import SloPolicy
from app.core.slots import RETRY_SECONDS, QueueRules, Slots, slot_released
from app.main import OPEN, create_app
from app.wiring import State
from tests.clock import until
from tests.conftest import override


def client_with(state: State, **settings: Any) -> httpx.AsyncClient:
    chosen = replace(state, settings=state.settings.model_copy(update=settings))
    transport = httpx.ASGITransport(app=create_app(chosen), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LOG_SECONDS", 0.01)


async def test_a_slot_is_released_after_any_error() -> None:
    slots = Slots("x", lambda: 1)
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            async with slots.acquire():
                assert not slots.free
                with pytest.raises(Overloaded):
                    async with slots.acquire():
                        pass
                raise error
    assert slots.in_use == 0


async def test_a_request_that_waits_releases_its_slot() -> None:
    slots = Slots("x", lambda: 1)
    async with slots.acquire():
        with slot_released():
            async with slots.acquire():
                assert slots.in_use == 1
        assert slots.in_use == 1
    assert slots.in_use == 0


async def test_slot_released_without_a_slot_does_nothing() -> None:
    with slot_released():
        pass


async def test_overload_is_reported_before_authentication_and_never_for_health_checks(state: State) -> None:
    async with client_with(state, max_requests=0, max_uploads=0) as client:
        for method, path in (("GET", "/v1/documents"), ("POST", "/v1/documents"), ("GET", "/nowhere")):
            reply = await client.request(method, path, headers={"x-request-id": "my-request-1"})
            assert (reply.status_code, reply.json()["code"]) == (503, "overloaded")
            assert reply.headers["content-type"] == "application/problem+json"
            assert int(reply.headers["retry-after"]) in RETRY_SECONDS
            assert reply.json()["request_id"] == reply.headers["x-request-id"] == "my-request-1"
            assert reply.json()["instance"] == path
        for path in sorted(OPEN):
            assert (await client.get(path)).status_code == 200
        text = (await client.get("/metrics")).text
    assert 'app_requests_refused_total{kind="other",reason="full"}' in text
    assert 'app_requests_refused_total{kind="uploads",reason="full"}' in text


async def test_clients_of_the_openai_api_find_the_rejection_where_they_look(state: State) -> None:
    async with client_with(state, max_requests=0) as client:
        for path, there in (("/v1/models", True), ("/nowhere", False), ("/v1/models/any", True)):
            body = (await client.get(path)).json()
            assert body["code"] == "overloaded"
            assert ("error" in body) == there, path
        error = (await client.get("/v1/models")).json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "overloaded")
    assert error["message"] == body["error"]["message"] != ""


async def test_each_kind_of_request_has_its_own_limit(state: State) -> None:
    async with client_with(state, max_requests=0) as client:
        for path in ("/v1/answers", "/v1/chat/completions", "/v1/responses", "/v1/documents"):
            assert (await client.post(path, json={})).status_code in (401, 422)


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/documents", "/v1/feedback"])
async def test_each_kind_of_request_waits_its_turn_as_the_policy_says(state: State, path: str) -> None:
    slots, slo = create_app(state).state.admission.limits.for_path(path), state.policies.get(SloPolicy)
    rules = slo.overload
    assert slots.rules == QueueRules(slo.longest_wait_seconds, rules.max_waiting, rules.tenant_share) != QueueRules()


async def test_a_wait_for_a_person_takes_no_slot(state: State, client: httpx.AsyncClient, key: str) -> None:
    """With one slot in all, a request is served while another waits for a decision."""
    started = asyncio.Event()
    until = state.archive.waiting.until

    async def waits(*arguments: Any) -> Any:
        started.set()
        with slot_released():
            await asyncio.sleep(0.2)
        return await until(*arguments)

    async with client_with(state, max_requests=1) as service:
        headers = {"authorization": f"Bearer {key}"}
        override(state.archive.waiting, until=waits)
        try:
            path = "/v1/actions/0190a0a0-0000-7000-8000-000000000000?wait=1"
            waiting = asyncio.ensure_future(service.get(path, headers=headers))
            async with asyncio.timeout(60):
                await asyncio.wait({waiting, asyncio.ensure_future(started.wait())}, return_when="FIRST_COMPLETED")
            assert (await service.get("/v1/caller", headers=headers)).status_code == 200
            await waiting
        finally:
            object.__delattr__(state.archive.waiting, "until")


async def test_many_rejections_are_logged_once_a_second(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_with(state, max_requests=0) as client:
        await asyncio.sleep(3 * admission.LOG_SECONDS)  # rejections of earlier tests are logged by now
        logged: list[dict[str, int]] = []
        monkeypatch.setattr(admission.log, "warning", lambda event, **facts: logged.append(facts), raising=False)
        monkeypatch.setattr(admission, "LOG_SECONDS", 1.0)
        await asyncio.gather(*(client.get("/v1/caller") for _ in range(20)))
        await until(lambda: sum(each["other"] for each in logged) == 20)
    assert len(logged) < 20
