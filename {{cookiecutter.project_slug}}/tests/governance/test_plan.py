"""The plan of this very service: what is not green, by whom and when, and what moved since the last plan."""

from datetime import UTC, datetime, timedelta

from app.core.operations import OPERATIONS, OperationRun
from app.core.ownership import OwnershipPolicy
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.facts import RunFacts
from app.governance.domain.readiness.plan import EarlierPlans, StatusMove, make_plan, plan_markdown
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import ReadinessReport, make_report
from app.governance.service.plans import Plans
from app.wiring import State
from tests.governance.test_audit_lines import lines_of

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)


def report_of(state: State, owner: str = "Lighthouse | Desk", backup: bool = False) -> ReadinessReport:
    """Without evidence but of a backup."""
    runs = {"backup": OperationRun("backup", NOW, "ada", True)} if backup else {}
    ownership = state.policies.get(OwnershipPolicy).model_copy(update={"owner": owner})
    policy = ReadinessPolicy(owner="desk", optional=("monitoring.traces",))
    return make_report({RunFacts: RunFacts(runs)}, policy, ownership, {}, NOW)


def test_without_evidence_every_check_is_in_the_plan_with_owner_date_and_page(state: State) -> None:
    plan = make_plan(report_of(state), None)
    text = plan_markdown(plan)
    assert sum(len(plan.open_in(phase)) for phase in (30, 60, 90)) == len(CHECKS)
    for check in CHECKS:
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{check.id}`")]
        assert f"| {plan.due(check.phase)} |" in row
        assert f"(docs/{check.page})" in row
        assert row.count(" | ") == 6, "no text of a cell makes another cell"
    assert r"Lighthouse \| Desk" in text
    assert "Since the plan" not in text


def test_days_count_from_the_first_plan_and_a_day_that_has_passed_is_said(state: State) -> None:
    earlier = EarlierPlans(NOW - timedelta(days=40), NOW - timedelta(days=5), {})
    plan = make_plan(report_of(state), earlier)
    assert plan.due(30) == (NOW - timedelta(days=10)).date()
    phases = plan_markdown(plan).split("## Days")
    assert ["This day has passed" in part for part in phases[1:]] == [True, False, False]


def test_what_moved_since_the_last_plan_is_said(state: State) -> None:
    before = report_of(state).statuses
    plan = make_plan(report_of(state, backup=True), EarlierPlans(NOW, NOW, before))
    assert plan.moves == (StatusMove("rollback.backup", "red", "green"),)
    assert "- `rollback.backup`: red → green" in plan_markdown(plan)
    same = make_plan(report_of(state), EarlierPlans(NOW, NOW, before))
    assert "Nothing moved." in plan_markdown(same)


async def test_a_plan_is_stored_and_the_next_one_compares_with_it(state: State) -> None:
    plans = Plans(state.database, state.readiness)
    first = await plans.make()
    await plans.store(first, "ada")
    assert first.since is None
    await plans.make()
    for kind in OPERATIONS:
        await state.readiness.record(OperationRun(kind, state.clock.now(), "ada", True))
    lines = (await lines_of(state, None))[-len(OPERATIONS) :]
    assert {each.action for each in lines} == {"readiness.record"}
    assert [(each.actor, each.subject) for each in lines] == [("ada", kind) for kind in OPERATIONS]
    second = await plans.make()
    assert second.since == first.report.at
    assert {move.check_id for move in second.moves if move.after == "green"} >= {"rollback.backup", "latency.load_test"}
    assert second.started == first.report.at.date()
