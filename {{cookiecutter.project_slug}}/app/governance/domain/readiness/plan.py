"""The plan of 30, 60 and 90 days of this service: what is not green, who does it by when, and what moved since."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.governance.domain.markdown_table import markdown_cell, markdown_table
from app.governance.domain.readiness.report import CheckResult, ReadinessReport
from app.governance.domain.readiness.vocabulary import QUESTIONS, PlanPhase

AIMS: Mapping[PlanPhase, str] = {
    30: "Map the architecture, find the gaps in data, evaluation and observability, classify risk, settle ownership",
    60: "Evaluation, observability and cost, separate flows, versioned models and prompts, access and security",
    90: "Releases and rollback, human review, governance and audit, latency and cost, the first stable system",
}


@dataclass(frozen=True, slots=True)
class EarlierPlans:
    """When the first plan was written, when the newest one, and the status of each check in that."""

    first_at: datetime
    last_at: datetime
    statuses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StatusMove:
    """before: None for a check that was not there."""

    check_id: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class ReadinessPlan:
    """started: the day of the first plan, from which all days count. since: the plan that is compared with."""

    report: ReadinessReport
    started: date
    since: datetime | None
    moves: tuple[StatusMove, ...]

    def open_in(self, phase: PlanPhase) -> tuple[CheckResult, ...]:
        """What is not green, what is required first."""
        found = [each for each in self.report.results if each.check.phase == phase and each.status != "green"]
        return tuple(sorted(found, key=lambda each: (not each.required, each.status != "red")))

    def done_in(self, phase: PlanPhase) -> int:
        return sum(each.status == "green" for each in self.report.results if each.check.phase == phase)

    def due(self, phase: PlanPhase) -> date:
        return self.started + timedelta(days=phase)


def make_plan(report: ReadinessReport, earlier: EarlierPlans | None) -> ReadinessPlan:
    before = earlier.statuses if earlier else {}
    moves = [
        StatusMove(name, before.get(name), after)
        for name, after in report.statuses.items()
        if earlier and before.get(name) != after
    ]
    started = (earlier.first_at if earlier else report.at).date()
    return ReadinessPlan(report, started, earlier.last_at if earlier else None, tuple(moves))


def plan_markdown(plan: ReadinessPlan) -> str:
    """The whole plan. Links lead from the folder of the service."""
    report = plan.report
    left = len(report.blocking)
    parts = [
        f"# Plan of 90 days: {markdown_cell(report.service)}",
        f"Written on {report.at:%Y-%m-%d %H:%M} UTC from live evidence; day 0 was {plan.started:%Y-%m-%d}. "
        f"{left} required checks are red.",
        *_moved(plan),
    ]
    for phase, aim in AIMS.items():
        parts += _phase(plan, phase, aim)
    return "\n\n".join(parts) + "\n"


def _moved(plan: ReadinessPlan) -> Iterator[str]:
    if plan.since is None:
        return
    yield f"## Since the plan of {plan.since:%Y-%m-%d %H:%M} UTC"
    if not plan.moves:
        yield "Nothing moved."
    else:
        yield "\n".join(f"- `{move.check_id}`: {move.before or 'new'} → {move.after}" for move in plan.moves)


def _phase(plan: ReadinessPlan, phase: PlanPhase, aim: str) -> Iterator[str]:
    items, due = plan.open_in(phase), plan.due(phase)
    late = " **This day has passed.**" if items and due < plan.report.at.date() else ""
    yield f"## Days {phase - 29}-{phase}"
    yield f"{aim}. Due on {due:%Y-%m-%d}; {plan.done_in(phase)} checks are green, {len(items)} are not.{late}"
    if items:
        yield markdown_table(("check", "question", "found", "next step", "owner", "due", "page"), _rows(items, due))


def _rows(items: Iterable[CheckResult], due: date) -> Iterator[tuple[str, ...]]:
    for each in items:
        check = each.check
        mark = "" if each.required else ", not required"
        yield (
            f"`{check.id}` ({each.status}{mark})",
            QUESTIONS[check.question],
            each.found,
            check.next_step,
            each.owner,
            f"{due:%Y-%m-%d}",
            f"[{check.page}](docs/{check.page})",
        )
