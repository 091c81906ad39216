"""Reading an answer shows its review, also for a review after delivery."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import ManualClock
from app.core.jobs import Worker
from app.inference.domain.human_review import ReviewPolicy
from app.review.domain.items import DecisionType
from tests.inference.conftest import Service, change_serving
from tests.inference.test_held_answers import HOLD, WHO, decide, get

OTHER = "A person wrote this instead."


@pytest.fixture
def leaving(quoting: Service) -> Service:
    change_serving(
        quoting.state,
        review=ReviewPolicy(owner="tests", overlap=0, rules=[{**HOLD, "send": "after"}]),  # type: ignore[list-item]
    )
    return quoting


async def looked_at(
    service: Service, decision: DecisionType, text: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer as delivered, and as shown after the decision."""
    left = (await service.ask(WHO)).json()
    assert "review" not in (await get(service, left["id"])).json()
    await decide(service, left["id"], decision, text)
    return left, (await get(service, left["id"])).json()


@pytest.mark.parametrize(("decision", "outcome"), [("approve", "approved"), ("reject", "rejected")])
async def test_the_review_is_shown_beside_the_delivered_answer(
    leaving: Service, decision: DecisionType, outcome: str
) -> None:
    left, shown = await looked_at(leaving, decision)
    review = shown.pop("review")
    assert {**left, "question": WHO} == shown
    assert (review["outcome"], review["timing"], review["edited"]) == (outcome, "after", False)
    assert review["decided_at"]
    assert "text" not in review


async def test_the_text_of_a_reviewer_does_not_replace_a_delivered_answer(leaving: Service) -> None:
    left, shown = await looked_at(leaving, "edit", OTHER)
    assert shown["text"] == left["text"]
    assert (shown["review"]["outcome"], shown["review"]["text"]) == ("edited", OTHER)


async def test_before_delivery_the_text_of_the_reviewer_is_the_answer(quoting: Service) -> None:
    change_serving(quoting.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[HOLD]))  # type: ignore[list-item]
    held = (await quoting.ask(WHO)).json()
    await decide(quoting, held["id"], "edit", OTHER)
    shown = (await get(quoting, held["id"])).json()
    assert shown["text"] == OTHER
    assert (shown["review"]["outcome"], shown["review"]["timing"]) == ("edited", "before")
    assert "text" not in shown["review"]


async def test_the_reason_is_shown_to_those_who_may_read_reviews_and_to_nobody_else(leaving: Service) -> None:
    left, shown = await looked_at(leaving, "reject")
    assert "reason" not in shown["review"]
    key = (await leaving.state.identity.create_key(leaving.tenant, "reviewer", ["reviewer"])).text
    async with leaving.client(key) as client:
        assert (await client.get(f"/v1/answers/{left['id']}")).json()["review"]["reason"] == "seen"


async def test_an_undecided_item_has_no_review(leaving: Service) -> None:
    left = (await leaving.ask(WHO)).json()
    await Worker(leaving.state.database, leaving.state.jobs, concurrency=1).run(wait=False)
    clock = ManualClock()
    clock.at = leaving.state.clock.now() + timedelta(hours=2)
    await replace(leaving.state.reviews, clock=clock).lifecycle.expire_due()
    assert "review" not in (await get(leaving, left["id"])).json()
