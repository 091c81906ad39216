"""Unit costs, the forecast of the month, and the cost per answer by release."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

RESOLVED = "resolved answer"


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The number of units of one kind, such as answers, and their total cost."""

    name: str
    count: int
    micro_usd: int

    @property
    def each(self) -> float | None:
        """Micro-dollars per unit; None when there is no unit."""
        return self.micro_usd / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class ReleaseCost:
    """The cost of the answers of a release. change: against the release before it; 0.1 means 10 % more."""

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
    """The expected cost of a month, extrapolated from its last days."""

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
    """Adds the unit "resolved answer", which shares the cost of all answers."""
    result: list[UnitCost] = []
    for unit in units:
        result += [unit, UnitCost(RESOLVED, resolved, unit.micro_usd)] if unit.name == "answer" else [unit]
    return tuple(result)


def forecast(today: date, spent_before_today: dict[date, int], spent_today: int) -> Forecast:
    """Extrapolates the mean of up to seven whole days to the rest of the month, today included.

    spent_before_today: by day of this month, in micro-dollars; days without a charge may be missing.
    """
    first, days = today.replace(day=1), monthrange(today.year, today.month)[1]
    whole = [date.fromordinal(today.toordinal() - back) for back in range(1, 8)]
    whole = [day for day in whole if day >= first]
    before = sum(spent_before_today.values())
    if not whole:
        return Forecast(first, spent_today, spent_today * days)
    per_day = sum(spent_before_today.get(day, 0) for day in whole) / len(whole)
    remaining = max(spent_today, round(per_day)) + round(per_day * (days - today.day))
    return Forecast(first, before + spent_today, before + remaining)


def with_changes(releases: list[ReleaseCost]) -> tuple[ReleaseCost, ...]:
    """Fills in the change against the release before. releases: in the order of their first answer."""
    result: list[ReleaseCost] = []
    for each in releases:
        before = result[-1].each if result else 0.0
        change = each.each / before - 1 if before else None
        result.append(ReleaseCost(each.release_id, each.first_at, each.answers, each.micro_usd, change))
    return tuple(result)
