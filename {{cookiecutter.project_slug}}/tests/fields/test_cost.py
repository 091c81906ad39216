"""Each value of policies/cost.yaml decides what an answer costs, and what happens when the money gets short."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from app.adapters.chat.standin import Fault
from tests.fields.values import Bench, Running, Value, ids
from tests.inference.conftest import TOWER

Probe = Callable[[Running], Awaitable[Any]]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 800}}
TEXT = "It was built in 1874 by the engineer Marta Holm [1]."


def after(probe: Probe, answers: int = 0) -> Probe:
    """The probe for a new tenant, which has asked so often."""

    async def prepared(there: Running) -> Any:
        await there.upload(TOWER, "tower.md")
        for _ in range(answers):
            await there.ask()
        return await probe(there)

    return lambda service: service.elsewhere(prepared)


async def limit_that_is_used_up(service: Running) -> str:
    reasons = (await service.ask())["reasons"]
    return str(reasons[0] if reasons else "none")


async def states(service: Running) -> set[str]:
    budgets = service.state.costs.budgets
    return {budgets.state(each) for each in await budgets.current(service.tenant)}


async def model(service: Running) -> str:
    return str((await service.ask()).get("model", "none"))


async def code(service: Running) -> str:
    reply = await service.ask()
    return str(reply.get("code") or reply["status"])


async def hours_from_utc(service: Running) -> set[float]:
    opens = [each.opens_at.utcoffset() for each in await service.state.costs.budgets.current(service.tenant)]
    return {each.total_seconds() / 3600 for each in opens if each is not None}


async def micro_usd(service: Running) -> int:
    """Of an answer with 200 uncached tokens, 800 cached ones and 100 written ones."""
    choice = {"index": 0, "message": {"content": TEXT}, "finish_reason": "stop"}
    service.model.always = Fault(body=orjson.dumps({"choices": [choice], "usage": USAGE}))
    return int((await service.ask())["cost_micro_usd"])


async def card_shows_why(service: Running) -> bool:
    shown = (await service.get("/v1/governance"))["live"]["policies"]
    return "from their letter of May" in next(each["text"] for each in shown if each["name"] == "cost")


def priced(**price: Any) -> dict[str, Any]:
    return {
        "prices": {"stand-in": dict.fromkeys(("input", "output", "cached_input", "local")) | {"local": False} | price}
    }


def daily(**rules: Any) -> dict[str, Any]:
    return {"cost": {"budgets": {"tenant_daily_usd": 0.02, **rules}}}


PRICE = {"cost": priced(input=1, output=2)}
VALUES = [
    Value(
        "cost.monthly_budget_usd", 0.00001, after(limit_that_is_used_up), "none", "budget: service per month used up"
    ),
    Value(
        "cost.budgets.service_daily_usd",
        0.00001,
        after(limit_that_is_used_up),
        "none",
        "budget: service per day used up",
    ),
    Value(
        "cost.budgets.tenant_daily_usd", 0.00001, after(limit_that_is_used_up), "none", "budget: tenant per day used up"
    ),
    Value(
        "cost.budgets.tenant_monthly_usd",
        0.00001,
        after(limit_that_is_used_up),
        "none",
        "budget: tenant per month used up",
    ),
    Value("cost.budgets.warn_percent", 1, after(states, answers=1), {"open"}, {"open", "near"}, daily()),
    Value(
        "cost.budgets.cheaper_percent",
        1,
        after(model, answers=1),
        "stand-in",
        "stand-by",
        daily(warn_percent=1),
        models=2,
    ),
    Value(
        "cost.budgets.at_limit", ["cheaper"], after(code), "answered", "budget_used_up", daily(tenant_daily_usd=0.00001)
    ),
    Value("cost.time_zone", "Pacific/Kiritimati", hours_from_utc, {0}, {14}),
    Value("cost.prices.*.input", priced(input=10, output=2), micro_usd, 1200, 10_200, PRICE),
    Value("cost.prices.*.output", priced(input=1, output=20), micro_usd, 1200, 3000, PRICE),
    Value("cost.prices.*.cached_input", priced(input=1, cached_input=0.1, output=2), micro_usd, 1200, 480, PRICE),
    Value("cost.prices.*.local", priced(local=True), micro_usd, 1200, 0, PRICE),
    Value("cost.prices.*.ceiling_usd_per_call", priced(ceiling_usd_per_call=0.05), micro_usd, 1200, 50_000, PRICE),
    Value(
        "cost.prices.*.why",
        priced(input=1, output=2, why="from their letter of May"),
        card_shows_why,
        False,
        True,
        PRICE,
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_decides_about_money(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)
