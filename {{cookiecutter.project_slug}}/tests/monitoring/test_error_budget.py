"""Error budgets come from what is stored, of all tenants; a spent one lets nothing but fixes go live."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from app.cli import app
from app.core import audit
from app.core.embedded import Urls
from app.core.jobs import Attempt, JobSpec, Worker, enqueue
from app.core.objectives import ErrorBudgetRules, Objectives
from app.core.slo import SloPolicy
from app.monitoring.domain.error_budget import (
    BudgetException,
    ErrorBudget,
    EventCount,
    OwnReleaseExcepted,
    error_budgets,
    frozen_by,
)
from app.monitoring.service.error_budgets import ErrorBudgets
from app.releases.domain import NotApproved, Release
from app.retrieval.service.retrieval import Retrieval
from app.wiring import State
from tests.cli.test_costs_and_version import run
from tests.conftest import adopt, override
from tests.governance.conftest import House, house, person
from tests.monitoring.stored import PastAnswer, ago, store

__all__ = ["house", "run"]

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RULES = ErrorBudgetRules()
Houses = Callable[..., House]


def budget(bad: int, events: int, objective: str = "available") -> ErrorBudget:
    return ErrorBudget(objective, 0.9, bad, events, min_events=50)


def exempt(at: datetime, days: float = 7) -> BudgetException:
    return BudgetException(uuid4(), "r", "fix", "bob", "repairs it", at, at + timedelta(days=days))


class TestRules:
    def test_what_is_used_is_a_share_of_what_the_objective_allows(self) -> None:
        half = budget(5, 100)
        assert (half.allowed, half.used, half.left, half.state) == (pytest.approx(10), 0.5, 0.5, "left")

    def test_more_bad_events_than_allowed_spend_it(self) -> None:
        assert budget(10, 100).state == "left"
        assert budget(11, 100).state == "spent"
        assert budget(30, 100).left == 0

    def test_too_few_events_say_nothing(self) -> None:
        assert budget(49, 49).state == "unjudged"
        assert budget(0, 0).used == 0

    def test_each_objective_of_the_policy_has_one(self) -> None:
        made = error_budgets(Objectives(grounded=0.8), {"grounded": EventCount(3, 60)})
        assert {each.objective for each in made} == set(Objectives.model_fields) - {"window_days", "min_events"}
        [grounded] = [each for each in made if each.objective == "grounded"]
        assert (grounded.target, grounded.bad, grounded.events) == (0.8, 3, 60)

    def test_a_spent_budget_freezes_and_names_the_worst(self) -> None:
        stops = frozen_by([budget(20, 100), budget(90, 100, "grounded")], RULES, [], NOW)
        assert stops
        assert "'grounded' and 1 more is spent (900% used)" in stops

    def test_only_objectives_of_the_policy_freeze(self) -> None:
        assert frozen_by([budget(90, 100, "reviewed")], RULES, [], NOW) is None
        assert frozen_by([budget(90, 100)], ErrorBudgetRules(freeze_on=()), [], NOW) is None

    @pytest.mark.parametrize(("days_ago", "stops"), [(0, False), (6.9, False), (7, True), (-1, True)])
    def test_an_exception_counts_from_its_time_until_it_ends(self, days_ago: float, stops: bool) -> None:
        given = [exempt(NOW - timedelta(days=days_ago))]
        assert bool(frozen_by([budget(20, 100)], RULES, given, NOW)) is stops


@pytest_asyncio.fixture
async def empty(database_urls: Urls) -> AsyncIterator[Urls]:
    """Nothing is stored before and after."""
    yield database_urls
    with psycopg.connect(database_urls.owner) as connection:
        for table in ("answers", "answer_failures", "job_counts"):
            connection.execute(f"delete from {table}".encode())


async def counted(state: State) -> dict[str, tuple[int, int]]:
    return {each.objective: (each.bad, each.events) for each in await state.monitoring.error_budgets.current()}


async def test_answers_of_all_tenants_count_and_old_ones_do_not(state: State, empty: Urls) -> None:
    one, other = uuid4(), uuid4()
    late = state.policies.get(SloPolicy).answer_p95_ms + 1
    store(
        empty,
        [
            PastAnswer(one),
            PastAnswer(other, total_ms=late),
            PastAnswer(one, degraded=True),
            PastAnswer(other, status="refused", groundedness=None),
            PastAnswer(one, groundedness=0.8),
            PastAnswer(one, at=ago(days=31), degraded=True),
            PastAnswer(one, environment="staging", degraded=True),
        ],
    )
    found = await counted(state)
    assert found["available"] == (0, 5)
    assert found["in_time"] == found["undegraded"] == found["answered"] == (1, 5)
    assert found["grounded"] == (1, 4)


async def test_an_answer_that_failed_is_recorded_whatever_the_arm(
    state: State, client: httpx.AsyncClient, empty: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    await adopt(state)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the search is broken")

    monkeypatch.setattr(Retrieval, "search", broken)
    reply = await client.post("/v1/answers", json={"question": "Who built the lighthouse?"})
    assert reply.status_code == 500
    await state.answers.close()
    assert (await counted(state))["available"] == (1, 1)
    refused = await client.post("/v1/answers", json={"question": ""})
    assert refused.status_code == 422
    assert (await counted(state))["available"] == (1, 1), "a mistake of the caller is no failure"


async def test_attempts_of_jobs_are_counted_when_they_are_done(state: State, empty: Urls) -> None:
    name = f"test.{uuid4().hex[:8]}"

    async def sometimes(attempt: Attempt, fails: bool) -> None:
        if fails:
            raise ValueError("of the document")

    async with state.database.transaction(None) as connection:
        for fails in (False, False, True):
            await enqueue(connection, name, queue=name, fails=fails)
    await Worker(state.database, [JobSpec(name, sometimes, queue=name, attempts=1)], concurrency=1).run(wait=False)
    assert (await counted(state))["processed"] == (1, 3)


async def approved(here: House) -> Release:
    release = await here.measured(author="ana")
    await here.approvals.approve(person("bob"), release.id, "read the report")
    return release


def budgets_of(here: House) -> ErrorBudgets:
    return here.approvals.error_budgets


def spend(here: House, urls: Urls) -> None:
    """60 answers of the present of this house, of which half are degraded."""
    tenant, now = uuid4(), here.clock.now() - timedelta(hours=1)
    store(urls, [PastAnswer(tenant, at=now, degraded=n % 2 == 0) for n in range(60)])


async def test_a_spent_budget_stops_releases_and_canaries_but_no_rollback(house: Houses, empty: Urls) -> None:
    here = house()
    first, second, third = [await approved(here) for _ in range(3)]
    await here.rollouts.activate("ana", first.id, "the first")
    await here.rollouts.activate("ana", second.id, "the second")
    spend(here, empty)
    with pytest.raises(NotApproved, match="error budget of 'undegraded' is spent"):
        await here.rollouts.activate("ana", third.id, "a new feature")
    with pytest.raises(NotApproved, match="only fixes go live"):
        await here.rollouts.start_canary("ana", third.id, 10, "a new feature")
    assert "undegraded" in (await here.approvals.lacking(third) or "")
    await here.rollouts.rollback("ana", "it degrades")
    assert here.environments.current().id == first.id


async def test_a_fix_named_by_somebody_else_goes_live_and_the_audit_log_says_so(house: Houses, empty: Urls) -> None:
    here = house()
    fix = await approved(here)
    spend(here, empty)
    with pytest.raises(OwnReleaseExcepted):
        await budgets_of(here).allow(person("Ana"), fix.id, "fix", "repairs the provider")
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", fix.id, "repairs the provider")
    await budgets_of(here).allow(person("bob"), fix.id, "fix", "repairs the provider")
    await here.rollouts.activate("ana", fix.id, "repairs the provider")
    async with here.releases.database.read(None) as connection:
        allowed = [line async for line in audit.lines(connection) if line.action == "release.allow_fix"]
    [line] = [line for line in allowed if fix.id in line.subject]
    assert (line.actor, line.reason) == ("bob", "repairs the provider")


async def test_an_exception_ends_and_is_for_one_release(house: Houses, empty: Urls) -> None:
    here = house()
    named, other = await approved(here), await approved(here)
    await budgets_of(here).allow(person("bob"), named.id, "override", "a law demands it")
    here.wait(days=6.9)
    spend(here, empty)
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", other.id, "also wanted")
    assert await here.approvals.lacking(named) is None
    here.wait(days=0.2)
    assert "is spent" in (await here.approvals.lacking(named) or "")


async def test_an_emergency_goes_live_all_the_same_and_is_to_be_reviewed(house: Houses, empty: Urls) -> None:
    here = house()
    release = await approved(here)
    spend(here, empty)
    await here.rollouts.activate("ana", release.id, "everything is down", break_glass=True)
    assert [each.approval.release_id for each in await here.approvals.emergencies()].count(release.id) == 1


async def test_a_policy_that_freezes_nothing_lets_releases_go_live(house: Houses, empty: Urls) -> None:
    here = house()
    release = await approved(here)
    spend(here, empty)
    slo = budgets_of(here).slo.model_copy(update={"error_budget": ErrorBudgetRules(freeze_on=())})
    override(here.approvals, error_budgets=replace(budgets_of(here), slo=slo))
    await here.rollouts.activate("ana", release.id, "ship it")


async def test_the_route_shows_budgets_and_lets_a_release_through(
    client: httpx.AsyncClient, state: State, empty: Urls
) -> None:
    store(empty, [PastAnswer(uuid4(), degraded=n < 30) for n in range(60)])
    shown = (await client.get("/v1/monitoring/error-budgets")).json()
    assert (shown["window_days"], shown["freezes"]) == (30, ["undegraded"])
    [found] = [each for each in shown["budgets"] if each["objective"] == "undegraded"]
    assert (found["bad"], found["events"], found["state"], found["left"]) == (30, 60, "spent", 0)
    release = await state.releases.create("somebody", changes={"retrieval.dense_weight": 0.123})
    wanted = {"release": str(release.number), "kind": "fix", "reason": "repairs the provider"}
    allowed = await client.post("/v1/monitoring/error-budgets/exceptions", json=wanted)
    assert (allowed.status_code, allowed.json()["release_id"]) == (201, release.id)


@pytest.mark.parametrize(("degraded", "code"), [(0, 0), (30, 1)])
def test_the_command_says_what_is_left_and_fails_when_one_is_spent(
    run: CliRunner, empty: Urls, degraded: int, code: int
) -> None:
    store(empty, [PastAnswer(UUID(int=1), degraded=n < degraded) for n in range(60)])
    shown = run.invoke(app, ["monitoring", "budgets"])
    assert shown.exit_code == code, shown.output
    [line] = [line for line in shown.output.splitlines() if "undegraded" in line]
    assert ("spent" in line) is bool(code)
    assert "100.0%" in line or "0.0%" in line
