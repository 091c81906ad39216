"""Error budgets: what each objective allows to go wrong within its window, and what was used of it. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.errors import Forbidden
from app.core.objectives import ErrorBudgetRules, Objectives
from app.monitoring.domain.indicators import INDICATORS

ErrorBudgetState = Literal["unjudged", "left", "spent"]
ExceptionKind = Literal["fix", "override"]


class OwnReleaseExcepted(Forbidden):
    code, title = "own_release_excepted", "The author of a release cannot exempt it from a spent error budget"
    action = "Ask someone else to; policies/ownership.yaml has the risk tier."


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events of one objective within a window."""

    bad: int
    events: int


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """The error budget of one objective. target: the share of events that must go well."""

    objective: str
    target: float
    bad: int
    events: int
    min_events: int

    @property
    def allowed(self) -> float:
        """How many of these events may be bad."""
        return round((1 - self.target) * self.events, 6)

    @property
    def used(self) -> float:
        """The share of the budget that was used; above 1 when more was."""
        # What is rounded to nothing still allows something: a target is below 1.
        return self.bad / (self.allowed or (1 - self.target) * self.events) if self.events else 0.0

    @property
    def left(self) -> float:
        """The share that is left; 0 when all of it was used."""
        return max(0.0, 1 - self.used)

    @property
    def state(self) -> ErrorBudgetState:
        """unjudged: too few events to say."""
        if self.events < self.min_events:
            return "unjudged"
        return "spent" if self.bad > self.allowed else "left"


@dataclass(frozen=True, slots=True)
class BudgetException:
    """A release that may go live although a budget is spent; a row that never changes.

    kind: `fix`, because it repairs what used the budget up; `override`, whatever it does.
    """

    id: UUID
    release_id: str
    kind: ExceptionKind
    actor: str
    reason: str
    at: datetime
    expires_at: datetime


def error_budgets(objectives: Objectives, counts: Mapping[str, EventCount]) -> tuple[ErrorBudget, ...]:
    """One for each objective, in the order of the policy."""
    none = EventCount(0, 0)
    return tuple(
        ErrorBudget(name, float(getattr(objectives, name)), count.bad, count.events, objectives.min_events)
        for name in (indicator.objective for indicator in INDICATORS)
        for count in [counts.get(name, none)]
    )


def frozen_by(
    budgets: Iterable[ErrorBudget], rules: ErrorBudgetRules, exceptions: Sequence[BudgetException], at: datetime
) -> str | None:
    """What stops a release at this moment, in a sentence; None when nothing does.

    exceptions: those of the release.
    """
    if any(each.at <= at < each.expires_at for each in exceptions):
        return None
    spent = [each for each in budgets if each.objective in rules.freeze_on and each.state == "spent"]
    if not spent:
        return None
    worst = max(spent, key=lambda each: each.used)
    others = f" and {len(spent) - 1} more" if len(spent) > 1 else ""
    return (
        f"The error budget of '{worst.objective}'{others} is spent ({worst.used:.0%} used): only fixes go live; "
        "'app monitoring allow' names one."
    )
