"""What answers were worth, by release, and whether that goes with how they were links. No I/O."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Literal
from uuid import UUID

from app.evaluation.domain.bootstrap import mean_interval
from app.monitoring.domain.business_policy import BusinessPolicy, OutcomeMeaning
from app.monitoring.domain.outcomes import StoredOutcome
from app.monitoring.domain.proportions import difference_interval, share_interval

MICRO = 1_000_000
MAX_SLICES = 5
"""The most releases and models that links are looked for in."""
MIN_LINKED = 30
"""With fewer answers that ended somehow, a link is not looked for."""

TechnicalMetric = Literal["latency", "groundedness"]


@dataclass(frozen=True, slots=True)
class ValuedAnswer:
    """An answer with what came of it. ended: the latest outcome that says how its question ended; None without any.
    reasked: the same was asked again soon after. value: of all outcomes, in micro-dollars.
    """

    id: UUID
    release_id: str
    model: str
    latency_ms: float
    groundedness: float | None
    micro_usd: int
    ended: OutcomeMeaning | None = None
    value: int = 0
    reported: bool = False
    reasked: bool = False

    @property
    def settled(self) -> bool:
        """Whether its question was settled: not where it was asked again."""
        return self.ended in ("resolved", "deflected") and not self.reasked


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReleaseWorth:
    """The answers of one release, of all for an empty id. reported: those with an outcome. reasked: of the deflected.
    settled_share: of answers whose question ended somehow. value_usd: of a reported answer, less what it cost.
    """

    release_id: str
    answers: int
    reported: int
    resolved: int
    deflected: int
    escalated: int
    reasked: int
    settled: int
    settled_share: Interval
    value_usd: Interval
    cost_usd: float

    @property
    def cost_per_settled_usd(self) -> float | None:
        """What all answers cost, by those that settled a question; None without any."""
        return self.cost_usd / self.settled if self.settled else None


@dataclass(frozen=True, slots=True)
class OutcomeLink:
    """Whether outcomes go with a technical metric: the share of settled questions among answers above its median, less
    that among the others. part: all, or one release or model. The interval takes into account how many links were
    looked for.
    """

    metric: TechnicalMetric
    part: str
    answers: int
    median: float
    difference: Interval

    @property
    def found(self) -> bool:
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, slots=True)
class BusinessReport:
    """complete: whether all answers of the window are in it, and not only the newest."""

    since: datetime
    until: datetime
    total: ReleaseWorth
    releases: Sequence[ReleaseWorth]
    outcomes: Mapping[str, int]
    links: Sequence[OutcomeLink]
    complete: bool


def ended_by(policy: BusinessPolicy, outcomes: Iterable[StoredOutcome]) -> StoredOutcome | None:
    """The latest outcome that says how the question ended. Outcomes that the policy declares no more do not count."""
    rules = policy.outcomes
    ends = [each for each in outcomes if each.outcome in rules and rules[each.outcome].means != "measured"]
    return max(ends, key=lambda each: (each.at, each.outcome), default=None)


def value_of(policy: BusinessPolicy, outcomes: Sequence[StoredOutcome], reasked: bool) -> int:
    """In micro-dollars: of how it ended, and of what was measured. A deflection that was asked again has no worth."""
    rules = policy.outcomes
    counted = [each for each in outcomes if each.outcome in rules and rules[each.outcome].means == "measured"]
    end = ended_by(policy, outcomes)
    if end and not (reasked and rules[end.outcome].means == "deflected"):
        counted.append(end)
    return sum(int(each.amount * rules[each.outcome].value_usd * MICRO) for each in counted)


def worth_of(release_id: str, answers: Sequence[ValuedAnswer]) -> ReleaseWorth:
    ends = Counter(each.ended for each in answers)
    ended = [each for each in answers if each.ended]
    reported = [each for each in answers if each.reported]
    settled = sum(each.settled for each in ended)
    values = [(each.value - each.micro_usd) / MICRO for each in reported]
    low, high = mean_interval(values)
    return ReleaseWorth(
        release_id,
        len(answers),
        len(reported),
        ends["resolved"],
        ends["deflected"],
        ends["escalated"],
        sum(each.reasked for each in answers if each.ended == "deflected"),
        settled,
        Interval(settled / len(ended) if ended else 0.0, *share_interval(settled, len(ended))),
        Interval(sum(values) / len(values) if values else 0.0, low, high),
        sum(each.micro_usd for each in answers) / MICRO,
    )


def links_of(answers: Sequence[ValuedAnswer]) -> tuple[OutcomeLink, ...]:
    """Those that there are enough answers for, of all and of the largest parts."""
    ended = [each for each in answers if each.ended]
    wanted = [
        (metric, part, chosen)
        for part, members in _parts(ended).items()
        for metric, read in _METRICS.items()
        if len(chosen := [each for each in members if read(each) is not None]) >= MIN_LINKED
    ]
    level = 1 - 0.05 / max(len(wanted), 1)
    links = (_link(metric, part, chosen, level) for metric, part, chosen in wanted)
    return tuple(each for each in links if each)


_METRICS: Mapping[TechnicalMetric, Callable[[ValuedAnswer], float | None]] = {
    "latency": lambda each: each.latency_ms,
    "groundedness": lambda each: each.groundedness,
}


_PARTS: Mapping[str, Callable[[ValuedAnswer], str]] = {
    "release": lambda each: each.release_id[:12],
    "model": lambda each: each.model,
}


def _parts(answers: Sequence[ValuedAnswer]) -> dict[str, list[ValuedAnswer]]:
    parts = {"all": list(answers)}
    for name, read in _PARTS.items():
        largest = Counter(map(read, answers)).most_common(MAX_SLICES)
        if len(largest) > 1:
            parts |= {f"{name} {key}": [each for each in answers if read(each) == key] for key, _ in largest}
    return parts


def _link(metric: TechnicalMetric, part: str, answers: Sequence[ValuedAnswer], level: float) -> OutcomeLink | None:
    read = _METRICS[metric]
    middle = median(value for each in answers if (value := read(each)) is not None)
    above = [each.settled for each in answers if (read(each) or 0.0) > middle]
    below = [each.settled for each in answers if (read(each) or 0.0) <= middle]
    if not above:
        return None  # most have the highest value there is: nothing lies above
    difference = difference_interval(sum(above), len(above), sum(below), len(below), level)
    return OutcomeLink(metric, part, len(answers), middle, Interval(*difference))


def business_report(
    since: datetime, until: datetime, answers: Sequence[ValuedAnswer], outcomes: Mapping[str, int], complete: bool
) -> BusinessReport:
    """outcomes: how many were reported, by kind."""
    releases: dict[str, list[ValuedAnswer]] = {}
    for each in answers:
        releases.setdefault(each.release_id, []).append(each)
    worth = [worth_of(release, members) for release, members in releases.items()]
    return BusinessReport(since, until, worth_of("", answers), worth, outcomes, links_of(answers), complete)
