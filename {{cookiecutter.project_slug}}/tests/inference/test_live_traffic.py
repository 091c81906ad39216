"""What an answer costs that settled its question: what was spent on all of them, for each of those that did."""

from typing import Any

import pytest

from app.costs.domain.unit_costs import RESOLVED
from app.inference.domain.human_review import ReviewPolicy
from tests.inference.conftest import Service, change_serving
from tests.inference.test_budgets import WHO
from tests.inference.test_held_answers import HOLD, decide

OFF_TOPIC = "Which planets have rings?"


async def resolved(service: Service) -> tuple[int, int]:
    """How many are, and what was spent on all."""
    units = (await service.state.costs.units(service.tenant)).units
    (found,) = [(unit.count, unit.micro_usd) for unit in units if unit.name == RESOLVED]
    (usage,) = [unit.micro_usd for unit in units if unit.name == "answer"]
    assert found[1] == usage
    return found


async def rate(service: Service, answer: dict[str, Any], helpful: bool) -> None:
    async with service.client() as client:
        reply = await client.post(f"/v1/answers/{answer['id']}/feedback", json={"helpful": helpful})
        assert reply.status_code < 300


async def test_an_answer_that_nobody_minds_is_resolved(service: Service) -> None:
    costs = [(await service.ask(WHO)).json()["cost_micro_usd"] for _ in range(2)]
    assert await resolved(service) == (2, sum(costs))


async def test_a_refusal_resolves_nothing(service: Service) -> None:
    assert (await service.ask(OFF_TOPIC)).json()["status"] == "refused"
    assert await resolved(service) == (0, 0)


async def test_what_the_asker_calls_unhelpful_is_not_until_he_takes_it_back(service: Service) -> None:
    answer = (await service.ask(WHO)).json()
    await rate(service, answer, helpful=False)
    assert (await resolved(service))[0] == 0
    await rate(service, answer, helpful=True)
    assert (await resolved(service))[0] == 1


@pytest.mark.parametrize("timing", ["before", "after"])
async def test_what_a_reviewer_rejects_is_not(service: Service, timing: str) -> None:
    rule = {**HOLD, "send": timing}
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[rule]))  # type: ignore[list-item]
    first, second = (await service.ask(WHO)).json(), (await service.ask(WHO)).json()
    assert (await resolved(service))[0] == (0 if timing == "before" else 2), "nobody has seen what is held"
    await decide(service, first["id"], "reject")
    await decide(service, second["id"], "approve")
    assert (await resolved(service))[0] == 1
