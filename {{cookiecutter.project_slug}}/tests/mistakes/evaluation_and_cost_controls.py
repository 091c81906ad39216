"""More controls against evaluation that is left to the end, and against costs without an architecture."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from app.core.errors import Problem
from app.costs.domain import CostPolicy
from app.costs.domain.budgets import BudgetUsedUp, Hold
from app.evaluation.domain.canary import evaluate_canary
from app.evaluation.domain.gate import apply_gate
from app.evaluation.domain.policy import OnlineEvaluation, OnlineRates, QualityPolicy
from app.evaluation.service import QualityPolicyFile
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from tests.evaluation.domain.test_canary import every, sample_answers
from tests.evaluation.sample_scores import run
from tests.mistakes.detached import Control, NoReservations, World
from tests.monitoring.stored import PastAnswer, store

LAX = QualityPolicy.model_validate({"owner": "tests", "metrics": {"answer_facts": {"tolerance": 10}}})
HARMLESS = LAX.canary.model_copy(update={"harms": {"cost_micro_usd": LAX.canary.harms["cost_micro_usd"]}})
RED_AS_SHIPPED = "governance.owners"


# 5: evaluation left to the end
async def a_release_that_fell_does_not_pass(w: World) -> bool:
    before, after = run("b", lambda _: 1.0), run("c", lambda n: float(n % 2))
    return apply_gate(after, before, w.state.evaluations.policy_file.policy, seed=1).verdict == "FAIL"


async def a_canary_that_fails_more_is_ended(w: World) -> bool:
    worse = every(3, sample_answers(600), failed=True)
    return evaluate_canary(sample_answers(3000), worse, w.state.canaries.policy, timedelta(hours=1)).verdict == "FAIL"


async def nothing_goes_live_while_the_service_is_not_ready(w: World) -> bool:
    changes = {"refusal.words": 0.2 + uuid4().int % 10**6 / 10**8}
    draft = await w.state.releases.create("ana", base=w.state.environments.current().id, changes=changes)
    try:
        await w.state.rollouts.activate("ana", draft.id, "ship it")
    except Problem as problem:
        return RED_AS_SHIPPED in str(problem)
    return False


def with_a_gate(w: World) -> None:
    policy = w.state.policies.get(ReadinessPolicy)
    loaded: Any = w.state.policies.loaded
    loaded["readiness"] = policy.model_copy(update={"gate": {"development": (RED_AS_SHIPPED,)}})
    w.detached.callback(loaded.__setitem__, "readiness", policy)


class AlwaysReady:
    """Stands where readiness is asked, and sees nothing."""

    async def blocking_release(self) -> tuple[()]:
        return ()


async def an_answer_with_a_low_score_goes_to_a_person(w: World) -> bool:
    answer = PastAnswer(w.tenant, datetime.now(UTC) - timedelta(minutes=30))
    store(w.state.urls, [answer])
    quote = {"quote": "It was built in 1874.", "uri": "t", "title": "T", "headings": []}
    body = Jsonb({"text": "Whales were seen off Peru in 1901 [1].", "citations": [quote]})
    with psycopg.connect(w.state.urls.owner) as connection:
        change = "update answers set body = body || %s, key_id = %s where id = %s"
        connection.execute(change, (body, uuid4(), answer.id))
    await w.state.monitoring.online._score_tenant(w.tenant)
    with psycopg.connect(w.state.urls.owner) as connection:
        return connection.execute("select from reviewed_answers where answer_id = %s", (answer.id,)).rowcount == 1


@dataclass
class NobodyLooks:
    """Stands where answers are sent to a person later."""

    async def send(self, *_: object) -> bool:
        return False


ALL_SCORED = OnlineEvaluation(rates=OnlineRates(canary=1, refused=1, degraded=1, answered=1))


# 10: no cost architecture
async def without_money_no_model_is_called(w: World) -> bool:
    await w.fails()
    await w.ask()
    return not w.model.calls


async def without_money_the_evidence_is_quoted(w: World) -> bool:
    return (await w.ask()).get("model") == "extractive"


async def owners_are_told_about_prices(w: World) -> bool:
    return "prices" in str((await w.call("GET", "/health/ready")).json()["notes"])


class NothingLeft(NoReservations):
    """Stands where reservations are made, with budgets that are used up."""

    async def hold(self, tenant_id: UUID, micro_usd: int, *, seconds: float = 0) -> Hold | None:
        raise BudgetUsedUp("Nothing is left.", budget="tenant per day")


def reserving(reservations: NoReservations) -> Any:
    return lambda w: w.put(w.state.costs, reservations=reservations)


def without_quotes_at_the_limit(w: World) -> None:
    policies = w.loaded.policies
    policy = policies.get(CostPolicy)
    rules = policy.model_copy(update={"budgets": policy.budgets.model_copy(update={"at_limit": ("cheaper",)})})
    w.serve(policies=replace(policies, loaded={**policies.loaded, "cost": rules}))


MORE_CONTROLS = [
    Control(
        5,
        "the rules of the gate",
        a_release_that_fell_does_not_pass,
        lambda w: w.put(w.state.evaluations, policy_file=QualityPolicyFile(LAX, "0" * 64)),
    ),
    Control(
        5,
        "the harms of a canary",
        a_canary_that_fails_more_is_ended,
        lambda w: w.put(w.state.canaries, policy=HARMLESS),
    ),
    Control(
        5,
        "readiness at the gate",
        nothing_goes_live_while_the_service_is_not_ready,
        lambda w: w.put(w.state.rollouts.approval_gate, readiness=AlwaysReady()),
        with_a_gate,
    ),
    Control(
        5,
        "the review of low scores",
        an_answer_with_a_low_score_goes_to_a_person,
        lambda w: w.put(w.state.monitoring.online, later_review=NobodyLooks()),
        lambda w: w.put(w.state.monitoring.online, rules=ALL_SCORED),
    ),
    Control(
        10,
        "reservations before a model is called",
        without_money_no_model_is_called,
        reserving(NoReservations()),
        reserving(NothingLeft()),
    ),
    Control(
        10,
        "quotes at the limit",
        without_money_the_evidence_is_quoted,
        without_quotes_at_the_limit,
        reserving(NothingLeft()),
    ),
    Control(
        10,
        "the notes about prices",
        owners_are_told_about_prices,
        lambda w: w.put(w.state.health, remarks=(w.state.approvals.notes,)),
        lambda w: w.put(w.state.costs, refused="policies/cost.yaml has no prices for a model."),
    ),
]
