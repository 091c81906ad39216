"""What one of a thing costs, what the month will come to, and which release changed it."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

RESOLVED = "resolved answer"


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Things of one kind that were paid for, and what they cost together."""

    name: str
    count: int
    micro_usd: int

    @property
    def each(self) -> float | None:
        """Micro-dollars of one; None where there is none to share the cost."""
        return self.micro_usd / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class ReleaseCost:
    """What an answer of a release costs. change: against the release that was used before it, 0.1 for a tenth more."""

    release_id: str
    first_at: datetime
    answers: int
    micro_usd: int
    change: float | None = None

    @property
    def each(self) -> float:
        return self.micro_usd / self.answers if self.answers else 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month comes to if it goes on like the last days of it."""

    month: date
    spent_micro_usd: int
    expected_micro_usd: int


@dataclass(frozen=True, slots=True)
class UnitCosts:
    since: date
    until: date
    units: tuple[UnitCost, ...]
    releases: tuple[ReleaseCost, ...]
    forecast: Forecast


def with_resolved(units: list[UnitCost], resolved: int) -> tuple[UnitCost, ...]:
    """Beside the answers those that settled a question: what was spent on all of them is shared by these."""
    found: list[UnitCost] = []
    for unit in units:
        found += [unit, UnitCost(RESOLVED, resolved, unit.micro_usd)] if unit.name == "answer" else [unit]
    return tuple(found)


def forecast(today: date, spent_before_today: dict[date, int], spent_today: int) -> Forecast:
    """The mean of up to seven whole days goes on for the rest of the month, today included.

    spent_before_today: by day of this month, in micro-dollars; days without a charge may be missing.
    """
    first, days = today.replace(day=1), monthrange(today.year, today.month)[1]
    whole = [date.fromordinal(today.toordinal() - back) for back in range(1, 8)]
    whole = [day for day in whole if day >= first]
    before = sum(spent_before_today.values())
    if not whole:
        return Forecast(first, spent_today, spent_today * days)
    a_day = sum(spent_before_today.get(day, 0) for day in whole) / len(whole)
    rest = max(spent_today, round(a_day)) + round(a_day * (days - today.day))
    return Forecast(first, before + spent_today, before + rest)


def with_changes(releases: list[ReleaseCost]) -> tuple[ReleaseCost, ...]:
    """releases: in the order of their first answer."""
    found: list[ReleaseCost] = []
    for each in releases:
        before = found[-1].each if found else 0.0
        change = each.each / before - 1 if before else None
        found.append(ReleaseCost(each.release_id, each.first_at, each.answers, each.micro_usd, change))
    return tuple(found)
