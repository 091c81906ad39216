import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from app.adapters.chat.standin import Fault
from app.costs.domain import ModelPrice, PriceTable, Tier
from app.costs.domain.prices import FREE
from tests.clock import leap, until
from tests.inference.conftest import TOWER, Open, Service, change_serving

WHO = "Who built the lighthouse of Karlen?"
SAID = ("It was built ", "in 1874 by the ", "engineer Marta ", "Holm [1", "][9]", ".")
FREE_OF_CHARGE = PriceTable(ModelPrice(name, "us", "local", (Tier(0, FREE),)) for name in ("stand-in", "extractive"))


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, orjson.loads(line[6:])


async def ask(service: Service, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    headers = {"accept": "text/event-stream", **options.pop("headers", {})}
    async with (
        service.client() as client,
        client.stream("POST", "/v1/answers", json={"question": WHO, **options}, headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event async for event in events(response)]


@asynccontextmanager
async def begun(service: Service) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """What comes after the first piece of text."""
    async with (
        service.client() as client,
        client.stream("POST", "/v1/answers", json={"question": WHO, "stream": True}) as response,
    ):
        coming = events(response)
        assert (await anext(coming))[0] == "text"
        yield coming


@pytest.mark.quick
async def test_pieces_come_first_and_the_whole_answer_last(service: Service) -> None:
    service.model.faults.append(Fault(pieces=SAID))
    *pieces, (name, answer) = await ask(service)
    assert {kind for kind, _ in pieces} == {"text"}
    assert name == "answer"
    text = "".join(piece["text"] for _, piece in pieces)
    assert text == answer["text"] == "It was built in 1874 by the engineer Marta Holm [1]."
    assert answer["citations"][0]["quote"] == "It was built in 1874 by the engineer Marta Holm."
    assert await service.rows("select id::text from answers") == [(answer["id"],)]


async def test_pieces_arrive_while_the_model_writes(service: Service) -> None:
    service.model.faults.append(Fault(pieces=(*SAID, " Its lamp can be seen from 32 kilometres away."), stall=50))
    async with begun(service) as coming:
        await leap(50)
        assert [name async for name, _ in coming] == ["text", "answer"]


async def test_an_invented_citation_is_never_streamed(service: Service) -> None:
    service.model.faults.append(Fault(pieces=tuple("Built in 1874 by Marta Holm [7][12] [1, 44].")))
    *pieces, (_, answer) = await ask(service)
    text = "".join(piece["text"] for _, piece in pieces)
    assert text == "Built in 1874 by Marta Holm  [1]."
    assert [citation["marker"] for citation in answer["citations"]] == [1]


async def test_the_marker_for_no_answer_is_never_streamed_as_text(service: Service) -> None:
    service.model.faults.append(Fault(pieces=("NO", " ANS", "WER")))
    *pieces, (_, answer) = await ask(service)
    text = "".join(piece["text"] for _, piece in pieces)
    assert text == answer["text"] == "The documents do not answer this."
    assert answer["refusal"] == "no_answer"


async def test_a_streamed_answer_without_support_is_quoted_instead(service: Service) -> None:
    service.model.faults.append(Fault(pieces=("Napoleon commissioned ", "seventeen towers [1].")))
    *pieces, (_, answer) = await ask(service)
    assert answer["degraded"]
    assert answer["reasons"] == ["stand-in: answer_unsupported"]
    assert "Napoleon" not in "".join(piece["text"] for _, piece in pieces)
    assert "Marta Holm" in answer["text"]


async def test_without_a_model_the_quotes_are_streamed(quoting: Service) -> None:
    *pieces, (_, answer) = await ask(quoting)
    assert "".join(piece["text"] for _, piece in pieces) == answer["text"]
    assert "Marta Holm" in answer["text"]


async def test_a_model_that_fails_before_it_begins_is_replaced_by_quotes(service: Service) -> None:
    service.model.always = Fault(500)
    *_, (name, answer) = await ask(service)
    assert name == "answer"
    assert answer["degraded"]
    assert answer["model"] == "extractive"


BEGUN = (*SAID, " Its lamp")


@pytest.mark.parametrize("fault", [Fault(pieces=BEGUN, stall=1000), Fault(pieces=BEGUN, cut=True)])
async def test_a_stream_that_breaks_ends_in_a_problem_and_is_not_stored_as_an_answer(
    service: Service, fault: Fault
) -> None:
    service.model.faults.append(fault)
    async with begun(service) as coming:
        await leap(101)
        [(name, problem)] = [event async for event in coming]
    assert (name, problem["code"]) == ("problem", "stream_ended")
    await service.state.answers.close()
    assert await service.rows("select 1 from answers") == []
    charged = await service.rows("select output_tokens, micro_usd from ledger")
    assert len(charged) == 1
    assert charged[0][0] > 0


async def test_a_refused_question_is_an_ordinary_problem(service: Service) -> None:
    async with service.client() as client:
        reply = await client.post("/v1/answers", json={"question": "why " * 2000, "stream": True})
    assert (reply.status_code, reply.json()["code"]) == (422, "question_too_long")


@pytest.mark.parametrize("paid", [False, True])
async def test_a_disconnect_ends_the_provider_call_at_once_or_at_the_deadline(service: Service, paid: bool) -> None:
    change_serving(service.state, **({} if paid else {"prices": FREE_OF_CHARGE}))
    sentence = "Marta Holm built it. "
    service.model.faults.append(Fault(pieces=(sentence * 2, *[sentence] * 2000), pause=20))
    async with (
        service.client() as client,
        client.stream("POST", "/v1/answers", json={"question": WHO, "stream": True}) as response,
    ):
        async for _ in events(response):
            break
    if paid:  # what it costs is said at its end
        for _ in range(20):
            await leap(25)
            assert not service.model.calls[0].gone
    while paid and not service.model.calls[0].gone:
        await leap(25)
    await until(lambda: service.model.calls[0].gone and not service.state.answers._in_progress.count)
    await service.state.answers.close()
    assert await service.rows("select 1 from answers") == []
    ((written,),) = await service.rows("select output_tokens from ledger")
    assert written == 512 if paid else 0 < written < 100, "nobody knows what it cost, so as much as was held"


async def test_a_stream_costs_the_same_for_its_last_token_as_for_its_first(open_service: Open) -> None:
    service = await open_service()
    await service.publish(TOWER)
    count = 4000
    service.model.faults.append(Fault(pieces=("Marta Holm. ",) * count))
    times: list[float] = []
    async with (
        service.client() as client,
        client.stream("POST", "/v1/answers", json={"question": WHO, "stream": True, "max_tokens": 8192}) as response,
    ):
        async for _ in events(response):
            times.append(time.process_time())  # noqa: PERF401, the clock is read as they come
    quarter = count // 4
    first, last = times[quarter] - times[0], times[count - 1] - times[count - 1 - quarter]
    assert last < 4 * first, "it would be seven times as much if all that was written were looked at for each piece"
