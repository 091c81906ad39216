"""The plan without a service: order, days at midnight, moves, and hostile names."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from app.core.operations import OperationRun
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.facts import RunFacts
from app.governance.domain.readiness.plan import AIMS, EarlierPlans, StatusMove, make_plan, plan_markdown
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import CheckResult, ReadinessReport, make_report
from app.governance.domain.readiness.statements import ReadinessStatement
from app.governance.domain.readiness.vocabulary import CheckEvidence
from tests.governance.domain.test_report import OWNERSHIP, waiver

NOW = datetime(2030, 3, 1, 23, 59, 59, tzinfo=UTC)
ROLLBACK = ("rollback.rehearsed", "rollback.target", "rollback.backup", "rollback.restore_drill")


def report(at: datetime = NOW, waived: dict[str, ReadinessStatement] | None = None) -> ReadinessReport:
    runs = RunFacts({"restore_drill": OperationRun("restore_drill", at, "ada", True)})
    policy = ReadinessPolicy(owner="desk", optional=("rollback.target",))
    return make_report({RunFacts: runs}, policy, OWNERSHIP, waived or {}, at)


def green(result: CheckResult) -> CheckResult:
    return replace(result, evidence=CheckEvidence("green", "done", "here", 1))


def test_what_is_required_and_red_comes_first() -> None:
    found = report(waived=waiver("rollback.rehearsed", NOW + timedelta(days=9)))
    plan = make_plan(found, None)
    phase = found.find("rollback.rehearsed").check.phase
    order = [(each.required, each.status) for each in plan.open_in(phase)]
    first_of_amber = order.index((True, "amber"))
    assert set(order[:first_of_amber]) == {(True, "red")}
    assert all(not required for required, _ in order[first_of_amber + 1 :])
    assert found.find("rollback.restore_drill") not in plan.open_in(found.find("rollback.restore_drill").check.phase)


def test_every_check_is_open_or_done_in_one_phase() -> None:
    plan = make_plan(report(), None)
    assert sum(len(plan.open_in(phase)) + plan.done_in(phase) for phase in AIMS) == len(CHECKS)
    assert sum(plan.done_in(phase) for phase in AIMS) == 1


@pytest.mark.parametrize(("days", "late"), [(29, False), (30, False), (31, True), (400, True)])
def test_a_day_has_passed_only_when_the_next_one_begins(days: int, late: bool) -> None:
    started = datetime(2030, 1, 1, tzinfo=UTC)
    plan = make_plan(report(started + timedelta(days=days)), EarlierPlans(started, started, {}))
    assert (plan.started, plan.due(30)) == (date(2030, 1, 1), date(2030, 1, 31))
    assert ("This day has passed" in plan_markdown(plan).split("## Days")[1]) is late


def test_a_phase_in_which_all_is_green_is_not_late_and_has_no_table() -> None:
    found = report()
    done = replace(found, results=tuple(green(each) for each in found.results))
    text = plan_markdown(make_plan(done, EarlierPlans(NOW - timedelta(days=400), NOW, done.statuses)))
    assert "This day has passed" not in text
    assert "| check |" not in text
    assert "0 required checks are red." in text
    assert "Nothing moved." in text


def test_a_check_that_is_new_moved_and_one_that_is_gone_does_not() -> None:
    found = report()
    before: dict[str, str] = {**found.statuses, "old.check": "red", "rollback.restore_drill": "red"}
    del before["rollback.target"]
    plan = make_plan(found, EarlierPlans(NOW, NOW, before))
    assert plan.moves == (
        StatusMove("rollback.target", None, "red"),
        StatusMove("rollback.restore_drill", "red", "green"),
    )
    assert "- `rollback.target`: new → red\n- `rollback.restore_drill`: red → green" in plan_markdown(plan)


def test_the_first_plan_compares_with_nothing() -> None:
    plan = make_plan(report(), None)
    assert (plan.since, plan.moves, plan.started) == (None, (), NOW.date())


def test_a_name_with_line_breaks_makes_no_other_heading_and_no_other_row() -> None:
    found = replace(report(), service="Desk\n\n# Approved | by all")
    text = plan_markdown(make_plan(found, None))
    assert text.startswith("# Plan of 90 days: Desk # Approved \\| by all\n")
    hostile = [replace(each, owner="a\n| b | c |\n# d") for each in found.results]
    text = plan_markdown(make_plan(replace(found, results=tuple(hostile)), None))
    assert [line for line in text.splitlines() if line.startswith(("| b", "# d"))] == []
