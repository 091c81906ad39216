"""Faults of model providers, over HTTP. No answer is lost to them: the evidence is quoted in the end."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.adapters.chat.standin import Fault
from app.core.embedded import Urls
from app.identity.domain import make_key
from app.settings import Settings
from app.wiring import State, build
from tests.inference.conftest import TOWER, Open, Service, change_serving, serving

WHO = "Who built the lighthouse of Karlen?"


async def quick(service: Service, seconds: float) -> dict[str, object]:
    started = time.monotonic()
    reply = await service.ask(WHO)
    assert time.monotonic() - started < seconds
    assert reply.status_code == 200
    answer: dict[str, object] = reply.json()
    assert answer["status"] == "answered"
    assert "Karlen" in str(answer["text"]) or "Marta Holm" in str(answer["text"])
    return answer


def _date(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


async def test_retry_after_in_seconds_is_honoured(service: Service) -> None:
    service.model.faults.append(Fault(429, (("Retry-After", "1"),)))
    started = time.monotonic()
    answer = await quick(service, 4)
    assert time.monotonic() - started >= 1.0
    assert answer["model"] == "stand-in"
    assert not answer["degraded"]


async def test_retry_after_as_a_date_is_honoured(service: Service) -> None:
    service.model.faults.append(Fault(429, (("Retry-After", _date(2)),)))
    assert (await quick(service, 5))["model"] == "stand-in"
    assert len(service.model.calls) == 2


@pytest.mark.parametrize("header", ["86400", "-5", "soon", "NaN", "Fri, 31 Dec 2199 00:00:00 GMT"])
async def test_an_absurd_retry_after_leads_to_quotes_in_three_attempts_at_most(service: Service, header: str) -> None:
    service.model.always = Fault(429, (("Retry-After", header),))
    answer = await quick(service, 6.5)
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: model_overloaded"]
    assert answer["model"] == "extractive"
    assert len(service.model.calls) <= 3


async def test_a_model_that_is_down_is_left_alone_and_taken_back(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    sick, _spare = service.models
    sick.always = Fault(500)
    for _ in range(12):
        assert (await quick(service, 3))["model"] == "stand-by"
    assert len(sick.calls) <= 10
    answer = await quick(service, 1)
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: model_skipped"]
    sick.always = None
    recovered = time.monotonic()
    while (await quick(service, 3))["model"] != "stand-in":
        assert time.monotonic() - recovered < 10
        await asyncio.sleep(0.2)
    assert not (await quick(service, 1))["degraded"]


async def test_the_next_model_takes_over(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(401)
    answer = await quick(service, 2)
    assert answer["model"] == "stand-by"
    assert answer["reasons"] == ["stand-in: model_denied"]
    assert len(service.models[0].calls) == 1


@pytest.mark.parametrize("fault", [Fault(hang=30), Fault(pieces=("a",), pause=30, cut=True)])
async def test_a_hanging_model_costs_no_more_than_the_deadline(open_service: Open, fault: Fault) -> None:
    service = await open_service(deadline_seconds=1.5)
    await service.publish(TOWER)
    service.model.always = fault
    answer = await quick(service, 2.0)
    assert answer["degraded"]
    assert service.state.answers._open.count == 0


async def test_without_time_to_search_the_answer_is_an_honest_refusal(service: Service) -> None:
    blocker = service.state.database.pool
    taken = [await blocker.getconn() for _ in range(service.state.settings.database_pool)]
    change_serving(service.state, deadline_seconds=0.3)
    asking = asyncio.ensure_future(service.ask(WHO))
    await asyncio.sleep(0.45)
    for connection in taken:
        await blocker.putconn(connection)
    answer = (await asking).json()
    assert (answer["status"], answer["refusal"]) == ("refused", "evidence_timeout")
    assert answer["degraded"]
    assert answer["reasons"] == ["search: search_timeout"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {}}]}',
        b'{"error": {"message": "no", "code": 500}}',
        b'{"choices": [{"message": {"content": ""}}]}',
    ],
)
async def test_nonsense_is_asked_for_once_more_and_then_quoted(service: Service, body: bytes) -> None:
    service.model.always = Fault(body=body)
    answer = await quick(service, 4)
    assert answer["degraded"]
    assert answer["model"] == "extractive"
    assert len(service.model.calls) in (2, 3)


async def test_one_bad_reply_is_repaired(service: Service) -> None:
    service.model.faults.append(Fault(body=b"{"))
    answer = await quick(service, 2)
    assert (answer["model"], answer["degraded"]) == ("stand-in", False)


async def test_an_answer_without_end_is_cut(service: Service) -> None:
    said = "It was built in 1874 by the engineer Marta Holm [1]. "
    service.model.faults.append(Fault(pieces=(said * 20_000,)))
    answer = await quick(service, 4)
    assert len(str(answer["text"])) <= 512 * 8


async def test_a_refusal_for_security_is_not_worked_around(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(400, body=b'{"error": {"code": "content_filter"}}')
    answer = (await service.ask(WHO)).json()
    assert (answer["status"], answer["refusal"]) == ("refused", "declined")
    assert not service.models[1].calls


async def test_a_database_that_goes_away_in_mid_answer_loses_nothing_and_heals_by_itself(
    service: Service, state: State
) -> None:
    assert (await service.ask(WHO)).status_code == 200
    service.model.faults.append(Fault(hang=0.4))
    asking = asyncio.ensure_future(service.ask(WHO))
    await asyncio.sleep(0.2)
    await service.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where pid <> pg_backend_pid() and usename = current_user and datname = current_database()"
    )
    reply = await asking
    assert reply.status_code in (200, 503)
    if reply.status_code == 503:
        assert reply.json()["code"] == "database_unavailable"
        assert "retry-after" in reply.headers
    again = await service.ask(WHO)
    assert again.status_code == 200
    answers, charges = [await service.rows(f"select 1 from {table}") for table in ("answers", "ledger")]
    assert len(answers) == len(charges) == 2 + (reply.status_code == 200)
    # The state that other tests share lost its connections to the same stroke.
    await state.database.engine.dispose()
    await state.database.pool.check()


async def test_without_a_database_the_answer_is_a_503_within_a_second(house: Path, settings: Settings) -> None:
    nowhere = "postgresql://app_service:x@127.0.0.1:9/nothing"
    chosen = settings.model_copy(update={"root": house})
    bearer = {"Authorization": f"Bearer {make_key().text}"}
    async with (
        build(chosen, Urls(owner=nowhere, service=nowhere)) as state,
        serving(state) as url,
        httpx.AsyncClient(base_url=url, headers=bearer) as client,
    ):
        started = time.monotonic()
        reply = await client.post("/v1/answers", json={"question": WHO})
        assert time.monotonic() - started < 1.5
        assert (reply.status_code, reply.json()["code"]) == (503, "database_unavailable")
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
