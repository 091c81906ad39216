"""Faults of model providers, over HTTP. No answer is lost: in the end the evidence is quoted."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from app.adapters.chat.standin import Fault
from app.core.embedded import Urls
from app.identity.domain import generate_key
from app.settings import Settings
from app.wiring import State, build
from tests.clock import leap, until
from tests.inference.conftest import TOWER, Open, Service, SharedServices, loaded

WHO = "Who built the lighthouse of Karlen?"
DEADLINE = 600


async def answered(service: Service) -> dict[str, object]:
    reply = await service.ask(WHO)
    assert reply.status_code == 200
    answer: dict[str, object] = reply.json()
    assert answer["status"] == "answered"
    assert "Karlen" in str(answer["text"]) or "Marta Holm" in str(answer["text"])
    return answer


def _date(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


async def test_retry_after_in_seconds_is_honoured(service: Service) -> None:
    service.model.faults.append(Fault(429, (("Retry-After", "40"),)))
    asking = asyncio.ensure_future(answered(service))
    await service.asked()
    await leap(39)
    await leap(0)
    assert len(service.model.calls) == 1
    await leap(5)
    answer = await asking
    assert len(service.model.calls) == 2
    assert answer["model"] == "stand-in"
    assert not answer["degraded"]


async def test_retry_after_as_a_date_is_honoured(service: Service) -> None:
    service.model.faults.append(Fault(429, (("Retry-After", _date(400)),)))
    asking = asyncio.ensure_future(answered(service))
    await service.asked()
    await leap(100)
    await leap(0)
    assert len(service.model.calls) == 1
    await leap(305)
    assert (await asking)["model"] == "stand-in"
    assert len(service.model.calls) == 2


@pytest.mark.parametrize("header", ["86400", "-5", "soon", "NaN", "Fri, 31 Dec 2199 00:00:00 GMT"])
async def test_an_absurd_retry_after_leads_to_quotes_in_three_attempts_at_most(service: Service, header: str) -> None:
    service.model.always = Fault(429, (("Retry-After", header),))
    answer = await answered(service)
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: model_overloaded"]
    assert answer["model"] == "extractive"
    assert len(service.model.calls) <= 3


async def test_a_model_that_is_down_is_skipped_until_it_recovers(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    sick, _spare = service.models
    sick.always = Fault(500)
    for _ in range(12):
        assert (await answered(service))["model"] == "stand-by"
    assert len(sick.calls) <= 10
    answer = await answered(service)
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: model_skipped"]
    sick.always = None
    await leap(10)
    assert (await answered(service))["model"] == "stand-in"
    assert not (await answered(service))["degraded"]


async def test_the_next_model_takes_over(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(401)
    answer = await answered(service)
    assert answer["model"] == "stand-by"
    assert answer["reasons"] == ["stand-in: model_denied"]
    assert len(service.models[0].calls) == 1


async def test_a_hanging_model_leaves_time_to_quote_the_evidence_before_the_deadline(service: Service) -> None:
    service.model.always = Fault(hang=1000)
    asking = asyncio.ensure_future(answered(service))
    await service.asked()
    await leap(0.9 * DEADLINE)
    answer = await asking
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: model_timeout"]
    assert service.state.answers._in_progress.count == 0


async def test_without_time_to_search_the_answer_is_an_honest_refusal(service: Service, database_urls: Urls) -> None:
    async with await psycopg.AsyncConnection.connect(database_urls.owner) as owner:
        await owner.execute("lock table chunk_terms in access exclusive mode")

        async def waited_for() -> bool:
            found = await owner.execute("select from pg_locks where not granted and relation = 'chunk_terms'::regclass")
            return found.rowcount > 0

        asking = asyncio.ensure_future(service.ask(WHO))
        await until(waited_for)
        await leap(DEADLINE)
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
async def test_an_unusable_reply_is_retried_once_and_then_replaced_by_quotes(service: Service, body: bytes) -> None:
    service.model.always = Fault(body=body)
    answer = await answered(service)
    assert answer["degraded"]
    assert answer["model"] == "extractive"
    assert len(service.model.calls) in (2, 3)


async def test_one_bad_reply_is_repaired(service: Service) -> None:
    service.model.faults.append(Fault(body=b"{"))
    answer = await answered(service)
    assert (answer["model"], answer["degraded"]) == ("stand-in", False)


async def test_an_answer_without_end_is_cut(service: Service) -> None:
    said = "It was built in 1874 by the engineer Marta Holm [1]. "
    service.model.faults.append(Fault(pieces=(said * 20_000,)))
    answer = await answered(service)
    assert len(str(answer["text"])) <= 512 * 8


async def test_a_refusal_by_screening_has_no_fallback(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(400, body=b'{"error": {"code": "content_filter"}}')
    answer = (await service.ask(WHO)).json()
    assert (answer["status"], answer["refusal"]) == ("refused", "declined")
    assert not service.models[1].calls


async def test_a_database_outage_during_an_answer_loses_nothing_and_recovers(
    open_service: Open, shared_services: SharedServices, state: State
) -> None:
    service = await open_service()
    await service.publish(TOWER)
    assert (await service.ask(WHO)).status_code == 200
    service.model.faults.append(Fault(hang=100))
    asking = asyncio.ensure_future(service.ask(WHO))
    await service.asked(2)
    await service.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where pid <> pg_backend_pid() and usename = current_user and datname = current_database()"
    )
    await leap(100)
    reply = await asking
    assert reply.status_code in (200, 503)
    if reply.status_code == 503:
        assert reply.json()["code"] == "database_unavailable"
        assert "retry-after" in reply.headers
    again = await service.ask(WHO)
    assert again.status_code == 200
    answers, charges = [await service.rows(f"select 1 from {table}") for table in ("answers", "ledger")]
    assert len(answers) == len(charges) == 2 + (reply.status_code == 200)
    # What other tests share lost its connections to the same stroke.
    for each in (state, *(shared.state for shared in shared_services.started.values())):
        await each.database.engine.dispose()
        await each.database.pool.check()


async def test_without_a_database_the_answer_is_a_503(house: Path, settings: Settings, nowhere: Urls) -> None:
    chosen = settings.model_copy(update={"root": house})
    bearer = {"Authorization": f"Bearer {generate_key().text}"}
    async with (
        build(chosen, nowhere) as state,
        loaded(state) as url,
        httpx.AsyncClient(base_url=url, headers=bearer, timeout=10_000) as client,
    ):
        reply = await client.post("/v1/answers", json={"question": WHO})
        assert (reply.status_code, reply.json()["code"]) == (503, "database_unavailable")
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
