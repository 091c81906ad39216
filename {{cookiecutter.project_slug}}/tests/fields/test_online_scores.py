"""Each value of `online` and `judge` in policies/quality.yaml decides on the scores of live answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.core.clock import ManualClock
from app.evaluation.domain.calibration import calibrate
from app.evaluation.domain.policy import JudgeRule
from app.evaluation.service.llm_judge import JudgeScores
from app.wiring import State
from tests.fields.conftest import Changed
from tests.fields.test_quality import Probe, compared, named, plain
from tests.monitoring.service.test_online_judging import stored
from tests.monitoring.stored import PastAnswer, store

__all__ = ["plain"]

ALL_SCORED = {"online": {"rates": dict.fromkeys(("canary", "refused", "degraded", "answered"), 1)}}


def online(what: str, *minutes: float, **answer: Any) -> Probe:
    """What was decided on answers of so many minutes before, each after the other."""

    async def probe(state: State) -> list[Any]:
        clock = ManualClock(datetime.now(UTC))
        tenant = await state.identity.ensure_tenant(uuid4().hex)
        given = [PastAnswer(tenant, clock.now() - timedelta(minutes=each), **answer) for each in minutes]
        store(state.urls, given)
        if answer.get("unit") == "of a canary":
            with psycopg.connect(state.urls.owner) as connection:
                connection.execute("update answers set arm = 'canary' where tenant_id = %s", (tenant,))
        await replace(state.monitoring.online, clock=clock)._score_tenant(tenant)
        return stored(state.urls, [each.id for each in given], what)  # type: ignore[arg-type]

    return probe


def rate(stratum: str, **answer: Any) -> tuple[str, Any, Any, Probe, Any, Any]:
    value = {"online": {"rates": {stratum: 0}}}
    return f"online.rates.{stratum}", ALL_SCORED, value, online("decision", 30, **answer), ["scored"], ["skipped"]


async def sent_to_review(state: State) -> int:
    """Items of a tenant with an answer that is not grounded."""
    tenant = await state.identity.ensure_tenant(uuid4().hex)
    answer = PastAnswer(tenant, datetime.now(UTC) - timedelta(minutes=30))
    store(state.urls, [answer])
    quote = {"quote": "It was built in 1874.", "uri": "t", "title": "T", "headings": []}
    cited = Jsonb({"text": "Whales were seen off Peru in 1901 [1].", "citations": [quote]})
    with psycopg.connect(state.urls.owner) as connection:
        connection.execute(
            "update answers set body = body || %s, key_id = %s where id = %s", (cited, uuid4(), answer.id)
        )
    await state.monitoring.online._score_tenant(tenant)
    with psycopg.connect(state.urls.owner) as connection:
        query = "select from reviewed_answers where answer_id = %s"
        return connection.execute(query, (answer.id,)).rowcount


ONLINE: list[tuple[str, Any, Any, Probe, Any, Any]] = [
    rate("answered"),
    rate("refused", status="refused"),
    rate("degraded", degraded=True),
    rate("canary", unit="of a canary"),
    ("online.settle_minutes", ALL_SCORED, {"online": {"settle_minutes": 60}}, online("decision", 30), ["scored"], []),
    ("online.look_back_hours", ALL_SCORED, {"online": {"look_back_hours": 1}}, online("decision", 90), ["scored"], []),
    (
        "online.daily_answers",
        ALL_SCORED,
        {"online": {"daily_answers": 1}},
        online("decision", 30, 20),
        ["scored", "scored"],
        ["scored", "skipped"],
    ),
    ("online.low", ALL_SCORED, {"online": {"low": 0}}, sent_to_review, 1, 0),
]


@pytest.mark.parametrize(("name", "given", "value", "probe", "without", "with_it"), ONLINE, ids=named(ONLINE))
async def test_a_value_decides_on_the_scores_of_live_answers(
    changed: Changed, plain: State, name: str, given: Any, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    assert await compared(changed, plain, given, value, probe) == (without, with_it)


def agreed(people: int, agreeing: int) -> Probe:
    """Whether the judge of this service is trusted that agrees with people on so many of these labels."""

    async def probe(state: State) -> bool:
        labels = [number % 2 == 0 for number in range(people)]
        said = [label if number < agreeing else not label for number, label in enumerate(labels)]
        return calibrate(labels, said, state.evaluations.judge.rule).trusted

    return probe


class CountingJudge:
    """Stands where a judge is, and is asked."""

    model, rule = object(), JudgeRule(model="arbiter")

    def __init__(self) -> None:
        self.asked = 0

    async def scores(self, *_: object) -> list[JudgeScores]:
        self.asked += 1
        return [JudgeScores({}, "")]


async def asked_of_a_judge(state: State) -> int:
    tenant, judge = await state.identity.ensure_tenant(uuid4().hex), CountingJudge()
    answer = PastAnswer(tenant, datetime.now(UTC) - timedelta(minutes=30))
    store(state.urls, [answer])
    quote = {"quote": "It was built in 1874.", "uri": "t", "title": "T", "headings": []}
    cited = Jsonb({"text": "It was built in 1874 [1].", "citations": [quote]})
    with psycopg.connect(state.urls.owner) as connection:
        connection.execute("update answers set body = body || %s where id = %s", (cited, answer.id))
    await replace(state.monitoring.online, judge=judge)._score_tenant(tenant)
    return judge.asked


JUDGE: list[tuple[str, Any, Any, Probe, Any, Any]] = [
    ("judge.kappa_floor", {}, {"judge": {"kappa_floor": 0.9}}, agreed(60, 52), True, False),
    ("judge.minimum_labels", {}, {"judge": {"minimum_labels": 70}}, agreed(60, 60), True, False),
    ("online.daily_usd", ALL_SCORED, {"online": {"daily_usd": 0}}, asked_of_a_judge, 1, 0),
]


@pytest.mark.parametrize(("name", "given", "value", "probe", "without", "with_it"), JUDGE, ids=named(JUDGE))
async def test_a_value_decides_on_the_judge(
    changed: Changed, plain: State, name: str, given: Any, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    assert await compared(changed, plain, given, value, probe) == (without, with_it)
