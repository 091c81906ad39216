"""Reserved money is released or charged whatever fails between the reservation and the record."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import text as sql
from structlog.testing import capture_logs

from app.adapters.chat.standin import Fault
from app.costs.repository import ledger_store as ledger
from app.costs.service.late_charges import LateCharges
from app.inference import repository
from app.inference.domain.answer import Question
from app.inference.repository import recording
from app.inference.service.pipeline import Pipeline
from app.retrieval.repository import search_queries
from tests.clock import until
from tests.conftest import override
from tests.inference.conftest import TOWER, Open, Service
from tests.inference.test_budgets import WHO, charged, limit, own_day, until_settled
from tests.samples import total


@pytest.fixture
async def limited(service: Service) -> Service:
    await limit(service, 1_000_000)
    return service


class Refused(BaseException):
    pass


FAULTS: dict[str, Callable[[], BaseException]] = {
    "refused": lambda: psycopg.errors.CheckViolation("no"),
    "a bad value": lambda: psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
    "half a character": lambda: UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    "away": lambda: psycopg.OperationalError("gone"),
    "out of time": lambda: TimeoutError(),
    "cancelled": lambda: asyncio.CancelledError(),
    "anything": lambda: Refused(),
}


def failing(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, make: Callable[[], BaseException]) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise make()

    monkeypatch.setattr(where, name, fail)


async def ask(service: Service, stream: bool, **headers: str) -> int:
    """The status of the response; for a stream, that of its last event."""
    reply = await service.ask(WHO, stream=stream, headers=headers)
    if reply.status_code != 200 or not stream:
        return reply.status_code
    last = orjson.loads(reply.text.rpartition("data: ")[2])
    return int(last["status"]) if "code" in last else 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_that_cannot_be_recorded_is_charged(
    limited: Service, monkeypatch: pytest.MonkeyPatch, fault: str, stream: bool
) -> None:
    with monkeypatch.context() as broken:
        failing(broken, repository, "record", FAULTS[fault])
        assert await ask(limited, stream) >= 400
        after = await until_settled(limited)
    ((*_, micro_usd),) = await charged(limited)
    assert after.committed_micro_usd == micro_usd > 0
    assert await limited.rows("select 1 from answers") == []


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_the_database_itself_refuses_is_charged(
    limited: Service, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    values = recording._answer_values

    def poisoned(kept: Any) -> Any:
        return tuple("a\0b" if value == kept.question else value for value in values(kept))

    with monkeypatch.context() as broken:
        broken.setattr(recording, "_answer_values", poisoned)
        assert await ask(limited, stream) >= 400
        after = await until_settled(limited)
    ((*_, micro_usd),) = await charged(limited)
    assert after.committed_micro_usd == micro_usd > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("step", ["finish", "_rows"])
async def test_a_failure_after_the_model_call_leaves_nothing_reserved(
    limited: Service, monkeypatch: pytest.MonkeyPatch, step: str, stream: bool
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(Pipeline, step, fail)
        assert await ask(limited, stream) == 500
        await until_settled(limited)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_charge_that_is_refused_is_made_later(
    limited: Service, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    refused = 0
    insert = ledger.insert_rows

    async def at_last(*given: Any) -> None:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise psycopg.errors.CheckViolation("no")
        await insert(*given)

    override(limited.state.costs.late, retry_delays=(0.0,) * 10)
    with monkeypatch.context() as broken, capture_logs() as results:
        failing(broken, repository, "record", FAULTS["refused"])
        broken.setattr(ledger, "insert_rows", at_last)
        assert await ask(limited, stream) == 500
        after = await until_settled(limited)
    ((*_, micro_usd),) = await charged(limited)
    assert after.committed_micro_usd == micro_usd > 0
    events = [line["event"] for line in results]
    assert (events.count("costs.charge_delayed"), events.count("costs.charge_lost")) == (3, 0)


async def test_a_charge_whose_reservation_has_expired_is_made_nevertheless(
    limited: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lapsed = asyncio.Event()
    insert = ledger.insert_rows

    async def once_lapsed(*given: Any) -> None:
        if not lapsed.is_set():
            raise psycopg.OperationalError("gone")
        await insert(*given)

    override(limited.state.costs.late, retry_delays=(0.05,) * 200)
    with monkeypatch.context() as broken:
        failing(broken, repository, "record", FAULTS["refused"])
        broken.setattr(ledger, "insert_rows", once_lapsed)
        assert await ask(limited, False) == 500
        assert (await own_day(limited)).held_micro_usd > 0
        async with limited.state.database.transaction(None) as connection:
            await connection.execute(sql("select budget_sweep(clock_timestamp() + interval '1 hour')"))
        assert (await own_day(limited)).held_micro_usd == 0
        lapsed.set()
        async with asyncio.timeout(60):
            while not (found := await charged(limited)):  # noqa: ASYNC110, it is a row
                await asyncio.sleep(0.02)
    ((*_, micro_usd),) = found
    assert (await own_day(limited)).committed_micro_usd == micro_usd > 0


async def test_a_late_charge_is_retried_at_shutdown_and_its_loss_is_logged() -> None:
    late, tries = LateCharges(retry_delays=(3600.0,) * 3), 0

    async def never() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError

    with capture_logs() as results:
        await late.charge(never, {"micro_usd": 7})
        assert total("app_charges_late") == 1
        await late.close()
    assert (tries, total("app_charges_late")) == (2, 0)
    (lost,) = [line for line in results if line["event"] == "costs.charge_lost"]
    assert lost["micro_usd"] == 7


async def test_the_number_of_attempts_is_bounded() -> None:
    late, tries = LateCharges(retry_delays=(0.0,) * 3), 0

    async def never() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError

    lost = total("app_charges_lost_total")
    await late.charge(never, {})
    async with asyncio.timeout(60):
        while late._tasks:  # noqa: ASYNC110, it is a set
            await asyncio.sleep(0)
    assert tries == 4
    assert total("app_charges_lost_total") == lost + 1


@pytest.mark.parametrize("fault", ["refused", "away", "cancelled"])
async def test_a_question_whose_search_fails_leaves_nothing_reserved(
    limited: Service, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with monkeypatch.context() as broken:
        failing(broken, search_queries, "search", FAULTS[fault])
        await ask(limited, False)
        await until_settled(limited)


SAID = "The lighthouse was built%s by the engineer Marta Holm in 1874 [1]."
CONTENT = b'{"choices": [{"message": {"content": "%b"}}], "usage": {"prompt_tokens": 90, "completion_tokens": 20}}'


@pytest.mark.parametrize("written", [r"\u0000", r"\ud83d", r"\udc00x", r"\u0000\ud800"])
@pytest.mark.parametrize("stream", [False, True])
async def test_no_reply_of_a_model_prevents_the_record_of_its_answer(
    limited: Service, stream: bool, written: str
) -> None:
    """NUL and halves of characters, on the way from the provider to the database."""
    content = (SAID % written).encode()
    piece = b'data: {"choices": [{"delta": {"content": "%b"}}]}\n\ndata: [DONE]\n\n' % content
    limited.model.faults.append(Fault(body=piece if stream else CONTENT % content))
    assert await ask(limited, stream) in (200, 503)
    after = await until_settled(limited)
    ((micro_usd,),) = await limited.rows("select sum(micro_usd)::bigint from ledger")
    assert after.committed_micro_usd == micro_usd > 0
    for (text,) in await limited.rows("select body->>'text' from answers"):
        assert "\0" not in text


@pytest.mark.parametrize("feature", ["answer", "evaluation"])
async def test_what_nobody_waits_for_any_more_costs_as_much_as_was_held(limited: Service, feature: str) -> None:
    """The answer of a caller, and the trial of an evaluation: cancelled while the model writes."""
    state = limited.state
    caller = await state.identity.authenticate(limited.key)
    limited.model.faults.append(Fault(hang=1000))
    question, release = Question(WHO), state.environments.current().id
    work = (
        state.answers.answer(caller, question) if feature == "answer" else state.trials.run(release, caller, question)
    )
    asking = asyncio.ensure_future(work)
    await limited.asked()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await state.answers.close()
    [(charged_as, tokens)] = await limited.rows("select feature, output_tokens from ledger")
    assert (charged_as, tokens) == (feature, 512)
    assert [each.held_micro_usd for each in await state.costs.budgets.current(limited.tenant)][2:] == [0, 0]


async def test_a_failed_stream_that_nobody_saw_is_charged_once_and_the_one_after_it_too(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(pieces=("It",), cut=True, pause=0.02)
    service.models[1].always = Fault(hang=1000)
    caller = await service.state.identity.authenticate(service.key)
    asking = asyncio.ensure_future(anext(service.state.answers.stream(caller, Question(WHO))))
    await until(lambda: service.models[1].calls)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await service.state.answers.close()
    rows = await service.rows("select model, output_tokens from ledger order by model")
    assert rows == [("stand-by", 512), *[("stand-in", 512)] * len(service.models[0].calls)]
