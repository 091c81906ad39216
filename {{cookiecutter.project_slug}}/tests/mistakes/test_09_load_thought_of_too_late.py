import asyncio

from app.adapters.chat.standin import Fault
from app.identity.domain import KeyTerms
from tests.clock import leap, until
from tests.conftest import override
from tests.inference.conftest import TOWER, Open

QUESTIONS = 30
WHO = "Who built the lighthouse of Karlen?"


async def test_three_times_too_many_questions_are_answered_as_far_as_they_fit_and_the_rest_turned_away_at_once(
    open_service: Open,
) -> None:
    service = await open_service()
    await service.publish(TOWER)
    override(service.state.answers, max_concurrent=4)
    service.model.always = Fault(hang=100)
    asking = [asyncio.ensure_future(service.ask(WHO)) for _ in range(12)]
    await until(lambda: sum(each.done() for each in asking) == 8)
    turned_away = [each.result() for each in asking if each.done()]
    assert {reply.status_code for reply in turned_away} == {503}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in turned_away)
    await service.asked(4)
    await leap(100)
    assert sorted(reply.status_code for reply in await asyncio.gather(*asking)) == [200] * 4 + [503] * 8
    assert len(await service.rows("select 1 from answers")) == 4


async def test_a_provider_that_keeps_failing_is_left_alone(open_service: Open) -> None:
    service = await open_service()
    await service.publish(TOWER)
    service.model.always = Fault(500)
    for _ in range(QUESTIONS):
        assert (await service.ask(WHO)).json()["model"] == "extractive"
    assert len(service.model.calls) < QUESTIONS, "an open circuit calls nobody"


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(open_service: Open) -> None:
    service = await open_service(models=0)
    await service.publish(TOWER)
    terms = KeyTerms(requests_per_minute=2)
    key = (await service.state.identity.create_key(service.tenant, "hasty", ["user"], terms=terms)).text
    replies = [await service.ask(WHO, key) for _ in range(6)]
    refused = [reply for reply in replies if reply.status_code == 429]
    assert refused
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert (await service.ask(WHO)).status_code == 200, "another key is not concerned"
