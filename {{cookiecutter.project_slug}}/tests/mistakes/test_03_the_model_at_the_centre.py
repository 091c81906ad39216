import asyncio

import pytest

from app.adapters.chat.standin import Fault
from tests.clock import leap
from tests.inference.conftest import TOWER, Open, Service

WHO = "Who built the lighthouse of Karlen?"
DEADLINE = 600


@pytest.mark.parametrize(
    "fault",
    [Fault(500), Fault(429, (("Retry-After", "86400"),)), Fault(hang=1000), Fault(body=b"<html>"), Fault(drop=True)],
    ids=["down", "rate limited", "slow", "talking nonsense", "hanging up"],
)
async def test_with_a_sick_model_people_still_get_a_cited_answer_in_time(open_service: Open, fault: Fault) -> None:
    service = await open_service(deadline_seconds=DEADLINE)
    await service.publish(TOWER)
    service.model.always = fault
    asking = asyncio.ensure_future(service.ask(WHO))
    await service.asked()
    if fault.hang:
        await leap(0.9 * DEADLINE)
    answer = (await asking).json()
    assert answer["timings_ms"]["total"] < 1000 * DEADLINE
    assert (answer["status"], answer["model"], answer["degraded"]) == ("answered", "extractive", True)
    cited = answer["citations"][0]
    assert TOWER[cited["start"] : cited["end"]] == cited["quote"]


async def test_a_citation_that_the_model_made_up_does_not_get_out(service: Service) -> None:
    service.model.faults.append(Fault(pieces=("It was built in 1874 by Marta Holm [1][7].",)))
    answer = (await service.ask(WHO)).json()
    assert "[7]" not in answer["text"]
    assert [cited["marker"] for cited in answer["citations"]] == [1]


async def test_a_second_model_answers_when_the_first_one_fails(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(500)
    answer = (await service.ask(WHO)).json()
    assert (answer["status"], answer["model"], answer["degraded"]) == ("answered", "stand-by", True)


async def test_what_no_document_says_is_refused_and_not_made_up(service: Service) -> None:
    answer = (await service.ask("How many whales were seen off Peru in 1901?")).json()
    assert (answer["status"], answer["citations"]) == ("refused", [])
