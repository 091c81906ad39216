"""Each value of a rule in policies/review.yaml decides who sees an answer, and when."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.core.errors import Problem
from app.identity.domain import Principal
from app.review.domain.items import ReviewItem, SubmittedDecision
from app.review.repository import ReviewFilters
from benchmarks.harness import work_off
from tests.fields.values import WHO, Bench, Running, Value, ids

Probe = Callable[[Running], Awaitable[Any]]
ALL: Mapping[str, Any] = {"name": "all", "send": "before", "due_minutes": 60}
NOBODY = "00000000-0000-0000-0000-000000000001"


def rule(when: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"overlap": 0, "rules": [{**ALL, **more, **({"when": dict(when)} if when else {})}]}


async def status(service: Running) -> str:
    return str((await service.ask())["status"])


async def reviewer(service: Running, name: str = "rita", *roles: str) -> Principal:
    key = await service.state.identity.create_key(service.tenant, f"{name} {uuid4().hex}", list(roles or ("reviewer",)))
    return await service.state.identity.authenticate(key.text)


async def item(service: Running, **body: Any) -> ReviewItem:
    answer = await service.ask(**body)
    await work_off(service.state)
    queue = service.state.reviews.queue
    found = await queue.list(await reviewer(service), ReviewFilters(), None, 200)
    return next(each for each in found if str(each.subject_id) == answer["id"])


async def name_of_the_rule(service: Running) -> str:
    return (await item(service)).rule


async def minutes_until_due(service: Running) -> float:
    found = await item(service)
    return (found.due_at - found.created_at) / timedelta(minutes=1)


async def minutes_until_urgent(service: Running) -> float | None:
    found = await item(service)
    return found.escalate_at and (found.escalate_at - found.created_at) / timedelta(minutes=1)


async def people(service: Running) -> int:
    """How many approve until the answer is delivered."""
    found = await item(service)
    for number in range(1, 4):
        who = await reviewer(service, f"person {number}")
        await decide(service, who, found)
        answer = await service.get(f"/v1/answers/{found.subject_id}")
        if answer["status"] == "answered":
            return number
    return 0


async def decide(service: Running, who: Principal, found: ReviewItem) -> None:
    claimed = await service.state.reviews.queue.claim(who, found.id)
    said = SubmittedDecision("approve", "as I see it", claimed.fence, claimed.version, claimed.digest)
    await service.state.reviews.decisions.decide(who, found.id, said)


async def asker_decides(service: Running) -> str:
    found = await item(service)
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    asker = await service.state.identity.authenticate(key)
    try:
        await decide(service, asker, found)
    except Problem as problem:
        return problem.code
    return "decided"


async def items_of_one_answer(service: Running) -> int:
    found = await item(service)
    seen = await service.state.reviews.queue.list(await reviewer(service), ReviewFilters(), None, 200)
    return sum(each.subject_id == found.subject_id for each in seen)


async def seconds_of_a_claim(service: Running) -> bool:
    """Whether a claim is over after a minute."""
    found = await item(service)
    claimed = await service.state.reviews.queue.claim(await reviewer(service), found.id)
    assert claimed.lease_until
    return claimed.lease_until - found.created_at < timedelta(minutes=1)


ACTING = {"actions": {"offered": {"add_ticket_note": {"per_hour": 60}}}}


async def state_of_a_note(service: Running) -> str:
    await service.state.tickets.add(await reviewer(service, "desk", "operator", "user"), "Printer", "It prints grey.")
    reply = await service.ask('Add to ticket T-1 the note "The drum was replaced".', actions=["add_ticket_note"])
    return str(reply["actions"][0]["state"])


GIVEN = {"review": rule()}
CONDITIONS: list[tuple[str, Any, Any]] = [
    ("risk_tier", ["medium"], ["low"]),
    ("words", ["lighthouse"], ["windmill"]),
    ("pattern", "light.*karlen", "wind.*mill"),
    ("findings", ["any"], ["secret"]),
    ("groundedness_below", 1.0, 0.001),
    ("confidence_below", 1.0, 0.001),
    ("models", ["stand-*"], ["extractive"]),
    ("degraded", False, True),
    ("status", "answered", "refused"),
    ("sample", 1.0, 0.000001),
]
TWO = "The lighthouse of Karlen was built by Marta Holm [1]. Whales were seen off Peru in 1901 [1]."


async def doubtful(service: Running) -> str:
    """A question with a hidden character, and an answer of which a part is not supported."""
    from app.adapters.chat.standin import Fault

    service.model.always = Fault(pieces=(TWO,))
    return str((await service.ask(WHO.replace("light", "light\u200b") + " lighthouse"))["status"])


def condition(name: str, met: Any, unmet: Any) -> Value:
    given = {"review": rule({name: met}), "ownership": {"risk_tier": "medium"}}
    probe = doubtful if name in ("findings", "groundedness_below") else status
    return Value(f"review.rules.*.when.{name}", rule({name: unmet}), probe, "held", "answered", given)


VALUES = [
    Value("review.lease_seconds", 20, seconds_of_a_claim, False, True, GIVEN),
    Value("review.overlap", 1, items_of_one_answer, 1, 2, GIVEN),
    Value("review.rules.*.name", rule(name="first-week"), name_of_the_rule, "all", "first-week", GIVEN),
    Value("review.rules.*.send", rule(send="after"), status, "held", "answered", GIVEN),
    Value("review.rules.*.due_minutes", rule(due_minutes=7), minutes_until_due, 60, 7, GIVEN),
    Value("review.rules.*.escalate_minutes", rule(escalate_minutes=5), minutes_until_urgent, None, 5, GIVEN),
    Value("review.rules.*.decisions", rule(decisions=2), people, 1, 2, GIVEN),
    Value(
        "review.rules.*.self_approval",
        rule(self_approval="allow"),
        asker_decides,
        "review_self_approval",
        "decided",
        {**GIVEN, "ownership": {"risk_tier": "medium"}},
    ),
    *(condition(*each) for each in CONDITIONS),
    Value("review.rules.*.when.tenants", rule({"tenants": [NOBODY]}), status, "held", "answered", GIVEN),
    Value(
        "review.rules.*.when.action", rule({"action": ["reversible"]}), state_of_a_note, "approved", "waiting", ACTING
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_decides_on_a_review(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)
