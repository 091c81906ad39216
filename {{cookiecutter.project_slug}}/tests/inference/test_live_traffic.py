"""Cost per resolved question: the total cost of all answers, divided by the number of resolved ones."""

from typing import Any

import pytest

from app.costs.domain.unit_costs import RESOLVED
from app.inference.domain.human_review import ReviewPolicy
from tests.inference.conftest import Service, change_serving
from tests.inference.test_budgets import WHO
from tests.inference.test_held_answers import HOLD, decide

OFF_TOPIC = "Which planets have rings?"


async def resolved(service: Service) -> tuple[int, int]:
    """The number of resolved answers, and the total cost."""
    units = (await service.state.costs.units(service.tenant)).units
    (found,) = [(unit.count, unit.micro_usd) for unit in units if unit.name == RESOLVED]
    (usage,) = [unit.micro_usd for unit in units if unit.name == "answer"]
    assert found[1] == usage
    return found


async def rate(service: Service, answer: dict[str, Any], helpful: bool) -> None:
    async with service.client() as client:
        reply = await client.post(f"/v1/answers/{answer['id']}/feedback", json={"helpful": helpful})
        assert reply.status_code < 300


async def test_an_answer_without_complaint_is_resolved(service: Service) -> None:
    costs = [(await service.ask(WHO)).json()["cost_micro_usd"] for _ in range(2)]
    assert await resolved(service) == (2, sum(costs))


async def test_a_refusal_resolves_nothing(service: Service) -> None:
    assert (await service.ask(OFF_TOPIC)).json()["status"] == "refused"
    assert await resolved(service) == (0, 0)


async def test_an_unhelpful_answer_is_unresolved_until_the_rating_is_withdrawn(service: Service) -> None:
    answer = (await service.ask(WHO)).json()
    await rate(service, answer, helpful=False)
    assert (await resolved(service))[0] == 0
    await rate(service, answer, helpful=True)
    assert (await resolved(service))[0] == 1


@pytest.mark.parametrize("timing", ["before", "after"])
async def test_a_rejected_answer_is_unresolved(service: Service, timing: str) -> None:
    rule = {**HOLD, "send": timing}
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[rule]))  # type: ignore[list-item]
    first, second = (await service.ask(WHO)).json(), (await service.ask(WHO)).json()
    assert (await resolved(service))[0] == (0 if timing == "before" else 2), "nobody has seen what is held"
    await decide(service, first["id"], "reject")
    await decide(service, second["id"], "approve")
    assert (await resolved(service))[0] == 1
