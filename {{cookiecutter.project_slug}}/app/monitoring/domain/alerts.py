"""Alerts as data: what each watches, and the cases in which it has to fire and to stay silent.

The burn rates and their windows are those of Google's SRE Workbook, chapter 5, for a budget of 30 days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.core.objectives import Objectives
from app.monitoring.domain.indicators import INDICATORS, Counted, Indicator
from app.monitoring.domain.rule_cases import RuleCase, Series, constant, counting

Severity = Literal["page", "ticket"]

_BUDGET_DAYS = 30


@dataclass(frozen=True)
class Annotations:
    """For the person who is called. runbook: a page under docs/runbooks."""

    summary: str
    runbook: str
    dashboard: str = "service"


class Alert(Protocol):
    """One alerting rule. `cases` cover it; `name` is unique."""

    @property
    def name(self) -> str: ...

    @property
    def severity(self) -> Severity: ...

    @property
    def annotations(self) -> Annotations: ...

    @property
    def lasting(self) -> str: ...

    @property
    def expression(self) -> str: ...

    def cases(self) -> Iterator[RuleCase]:
        """Series, and whether the alert fires at their end."""
        ...


@dataclass(frozen=True)
class BurnRate:
    """An alert fires where both windows burn the budget at `factor` times the rate that would just use it up."""

    factor: float
    long: str
    short: str
    severity: Severity
    step_minutes: float
    """The interval of the series in its cases: short enough for a rate over the short window."""

    @property
    def long_minutes(self) -> int:
        return _minutes(self.long)

    @property
    def short_minutes(self) -> int:
        return _minutes(self.short)


BURN_RATES = (
    BurnRate(14.4, "1h", "5m", "page", 1),
    BurnRate(6, "6h", "30m", "page", 5),
    BurnRate(3, "1d", "2h", "ticket", 20),
    BurnRate(1, "3d", "6h", "ticket", 60),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def _minutes(window: str) -> int:
    return int(window[:-1]) * {"m": 1, "h": 60, "d": 1440}[window[-1]]


@dataclass(frozen=True)
class BurnAlert:
    """A share of bad events that uses up its error budget too fast."""

    indicator: Indicator
    burn: BurnRate
    objectives: Objectives
    lasting: str = "0m"

    @property
    def name(self) -> str:
        words = self.indicator.objective.replace("_", " ").title().replace(" ", "")
        return f"{words}BudgetBurns{self.burn.factor:g}Times".replace(".", "Point")

    @property
    def severity(self) -> Severity:
        return self.burn.severity

    @property
    def threshold(self) -> float:
        """The share of bad events above which the alert fires."""
        budget = 1 - float(getattr(self.objectives, self.indicator.objective))
        return round(self.burn.factor * budget * _BUDGET_DAYS / self.objectives.window_days, 6)

    @property
    def annotations(self) -> Annotations:
        share = "{{ $value | humanizePercentage }}"
        return Annotations(
            f"{self.indicator.trouble}: {share} within {self.burn.long}, "
            f"{self.burn.factor:g} times what the objective allows",
            self.indicator.runbook,
        )

    @property
    def expression(self) -> str:
        slo = f'{{objective="{self.indicator.objective}"}}'
        return (
            f"slo:bad_ratio:rate{self.burn.long}{slo} > {self.threshold:g}\n"
            f"and slo:bad_ratio:rate{self.burn.short}{slo} > {self.threshold:g}\n"
            f"and slo:events:increase{self.burn.long}{slo} >= {self.objectives.min_events}"
        )

    def cases(self) -> Iterator[RuleCase]:
        step, end = self.burn.step_minutes, self.burn.long_minutes + self.burn.short_minutes
        steps, quiet = int(end / step), int(self.burn.short_minutes / step) + 1
        busy = max(40.0, 4.0 * self.objectives.min_events * step / self.burn.long_minutes)
        over, under = min(1.0, self.threshold * 1.3), self.threshold * 0.9

        def case(what: str, fires: bool, series: Sequence[Series]) -> RuleCase:
            return RuleCase(f"{self.name}: {what}", step, end, series, fires)

        yield case("burns faster", True, self._events(counting(busy, steps), over))
        yield case("burns a tenth slower", False, self._events(counting(busy, steps), under))
        few = 0.5 * self.objectives.min_events * step / (self.burn.long_minutes + self.burn.short_minutes)
        yield case("has too few events to judge", False, self._events(counting(few, steps), 1.0))
        yield case("has no events", False, self._events(counting(0, steps), 1.0))
        yield case("has no series", False, ())
        yield case("is over since the short window began", False, self._events(counting(busy, steps), over, quiet))
        restarted = counting(busy, steps // 2) + counting(busy, steps - steps // 2)
        yield case("restarts while it burns", True, self._events(restarted, over))
        yield case("restarts in good order", False, self._events(restarted, under))

    def _events(self, totals: Sequence[float], share: float, quiet: int = 0) -> tuple[Series, ...]:
        """Series of good and bad events whose shares are as asked, with none bad in the last `quiet` steps."""
        bad = [total * share for total in totals]
        if quiet:
            bad = [*bad[:-quiet], *([bad[-quiet - 1]] * quiet)]
        return event_series(self.indicator, totals, bad)


def event_series(indicator: Indicator, totals: Sequence[float], bad: Sequence[float]) -> tuple[Series, ...]:
    """The counters of the indicator: the bad events as a series of its own, or as another part of the same metric."""
    bad_labels, other_labels = _LABELS[indicator.objective]
    others = list(totals)
    if indicator.bad.metric == indicator.events.metric:
        others = [total - wrong for total, wrong in zip(totals, bad, strict=True)]
    return (
        Series(f"{indicator.bad.metric}{bad_labels}", tuple(bad)),
        Series(f"{indicator.events.metric}{other_labels}", tuple(others)),
    )


_LABELS = {
    "available": (
        '{method="POST",route="/v1/answers",status="503"}',
        '{method="POST",route="/v1/chat/completions",status="200"}',
    ),
    "in_time": ("", '{status="answered",degraded="false"}'),
    "undegraded": ('{status="answered",degraded="true"}', '{status="answered",degraded="false"}'),
    "answered": ('{status="refused",degraded="false"}', '{status="answered",degraded="false"}'),
    "grounded": ('{le="0.8"}', ""),
    "reviewed": ('{outcome="denied"}', '{outcome="approved"}'),
    "ingested": ('{status="quarantined",reason="language"}', '{status="published",reason=""}'),
    "processed": ('{job="ingestion.process",result="dead"}', '{job="ingestion.process",result="done"}'),
}
"""Labels of a bad event, and of an event that is not bad, or that counts all."""


def _cases(name: str, series: str, end: int, *tried: tuple[str, bool, Sequence[float] | None]) -> Iterator[RuleCase]:
    """Cases of one series, in steps of a minute: what happens, whether the alert fires, and the values or none."""
    for what, fires, values in tried:
        given = () if values is None else (Series(series, tuple(values)),)
        yield RuleCase(f"{name}: {what}", 1, end, given, fires)


@dataclass(frozen=True)
class IncreaseAlert:
    """Something that should never happen did, within `window`."""

    name: str
    severity: Severity
    counted: Counted
    labels: str
    annotations: Annotations
    window: str = "1h"
    least: float = 1
    lasting: str = "0m"

    @property
    def expression(self) -> str:
        return f"{self.counted.increase(self.window)} >= {self.least:g}"

    def cases(self) -> Iterator[RuleCase]:
        end = 2 * _minutes(self.window)
        much = 3.0 * self.least
        flat = [0.0] * (end + 1)
        late, early = [0.0] * (end - 10) + [much] * 11, [0.0] * 5 + [much] * (end - 4)
        return _cases(
            self.name,
            f"{self.counted.metric}{self.labels}",
            end,
            ("happens", True, late),
            ("does not happen", False, flat),
            ("has no series", False, None),
            ("happened before the window", False, early),
            ("happened before a restart", False, [much] * 5 + [0.0] * (end - 4)),
            ("happens again after a restart", True, [much] * (end - 40) + [0.0] * 30 + [much] * 11),
        )


@dataclass(frozen=True)
class LevelAlert:
    """A gauge at or above a level for as long as `lasting`."""

    name: str
    severity: Severity
    counted: Counted
    labels: str
    level: float
    annotations: Annotations
    lasting: str = "10m"

    @property
    def expression(self) -> str:
        return f"max({self.counted.vector}) >= {self.level:g}"

    def cases(self) -> Iterator[RuleCase]:
        wait = _minutes(self.lasting)
        end = 3 * wait
        above, below = self.level * 1.2, self.level * 0.95
        return _cases(
            self.name,
            f"{self.counted.metric}{self.labels}",
            end,
            ("is above", True, constant(above, end)),
            ("is just at the level", True, constant(self.level, end)),
            ("is below", False, constant(below, end)),
            ("has no series", False, None),
            ("is above for a moment", False, [*constant(below, end - wait // 2), *[above] * (wait // 2)]),
            ("is below again", False, [*constant(above, end - 2), below, below]),
        )


@dataclass(frozen=True)
class TargetAlert:
    """No process of a kind is scraped."""

    name: str
    severity: Severity
    job: str
    annotations: Annotations
    lasting: str = "5m"

    @property
    def expression(self) -> str:
        return f'absent(up{{job="{self.job}"}} == 1)'

    def cases(self) -> Iterator[RuleCase]:
        end = 20

        def case(what: str, fires: bool, *values: Sequence[float]) -> RuleCase:
            series = (Series(f'up{{job="{self.job}",instance="{n}"}}', tuple(each)) for n, each in enumerate(values))
            return RuleCase(f"{self.name}: {what}", 1, end, tuple(series), fires)

        yield case("is down", True, constant(0, end))
        yield case("has no series", True)
        yield case("vanished", True, constant(1, 5))
        yield case("is up", False, constant(1, end))
        yield case("has one of two up", False, constant(0, end), constant(1, end))
        yield case("restarts", False, [*constant(1, 14), 0, 0, 1, 1, 1, 1])


def burn_alerts(objectives: Objectives) -> Iterator[BurnAlert]:
    """For each objective and burn rate, unless more than all events would have to be bad for it to fire."""
    for indicator in INDICATORS:
        for burn in BURN_RATES:
            alert = BurnAlert(indicator, burn, objectives)
            if alert.threshold < 1:
                yield alert
