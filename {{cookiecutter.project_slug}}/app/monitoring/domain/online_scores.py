"""Scores of answers of production: which are scored, by what, and how they move from day to day. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

from pydantic import ValidationError

from app.core.ids import in_sample
from app.evaluation.domain.bootstrap import mean_interval
from app.evaluation.domain.cases import Case, SourceRef
from app.evaluation.domain.observation import CitedSource, Observation
from app.evaluation.domain.policy import OnlineEvaluation
from app.evaluation.domain.scoring import values_of
from app.inference.domain.grounding.groundedness import check_grounding

Stratum = Literal["canary", "refused", "degraded", "answered"]
ScoringDecision = Literal["scored", "skipped"]
ScoringReason = Literal["in_sample", "not_in_sample", "daily_answers_reached", "erased"]
ScoreName = Literal["groundedness", "citation_precision", "safety", "judge"]
SCORE_NAMES: tuple[ScoreName, ...] = ("groundedness", "citation_precision", "safety", "judge")
MAX_REFERENCE = 2000
"""Characters of the quotes that a judge reads as the right answer."""


@dataclass(frozen=True, slots=True)
class QuotedPassage:
    """A passage as far as an answer quotes it."""

    text: str
    uri: str
    title: str
    headings: tuple[str, ...]
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """A stored answer of production, to be scored."""

    id: UUID
    at: datetime
    question: str
    status: str
    text: str
    arm: str
    degraded: bool
    quotes: Sequence[QuotedPassage]

    @property
    def stratum(self) -> Stratum:
        if self.arm != "live":
            return "canary"
        if self.status == "refused":
            return "refused"
        return "degraded" if self.degraded else "answered"


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """Whether an answer was scored, why or why not, and its scores; None where one does not apply. rate: of its stratum
    at the time, so that the decision can be computed again.
    """

    answer_id: UUID
    answered_at: datetime
    at: datetime
    stratum: Stratum
    rate: float
    decision: ScoringDecision
    reason: ScoringReason
    groundedness: float | None = None
    citation_precision: float | None = None
    safety: float | None = None
    judge: float | None = None

    def with_scores(self, scores: Mapping[str, float | None]) -> "ScoredAnswer":
        """scores: by name; those that are missing do not apply."""
        return replace(
            self,
            groundedness=scores.get("groundedness"),
            citation_precision=scores.get("citation_precision"),
            safety=scores.get("safety"),
            judge=scores.get("judge"),
        )

    def lowest(self) -> float:
        """Of its scores; 1 without any."""
        return min((value for name in SCORE_NAMES if (value := getattr(self, name)) is not None), default=1.0)


@dataclass(frozen=True, slots=True)
class DailyScore:
    """The mean of one score on one day in one stratum, with its 95 % interval."""

    day: date
    stratum: Stratum
    metric: ScoreName
    answers: int
    mean: float
    low: float
    high: float


def decide(answer: LiveAnswer, rules: OnlineEvaluation, at: datetime, scored_today: int) -> ScoredAnswer:
    """Whether to score it. A lower rate takes a part of what a higher one takes, whoever decides and when.

    scored_today: answers of the tenant that were scored before this one on this day.
    """
    rate = float(getattr(rules.rates, answer.stratum))
    reason: ScoringReason = "in_sample"
    if not answer.text:
        reason = "erased"
    elif not in_sample(answer.id.bytes, rate):
        reason = "not_in_sample"
    elif scored_today >= rules.daily_answers:
        reason = "daily_answers_reached"
    decision: ScoringDecision = "scored" if reason == "in_sample" else "skipped"
    return ScoredAnswer(answer.id, answer.at, at, answer.stratum, rate, decision, reason)


def as_case(answer: LiveAnswer, tenant: str) -> tuple[Case, Observation] | None:
    """The answer as a case of an evaluation, which the same scorers take: what supports it are its sources, and what it
    quotes is the right answer. None for a refusal, and where it quotes nothing.
    """
    if answer.status != "answered" or not answer.quotes:
        return None
    grounding = check_grounding(answer.text, answer.quotes)
    supporting = {answer.quotes[each.passage].uri for each in grounding.supports}
    cited = tuple(CitedSource(each.uri, each.headings, each.text) for each in answer.quotes)
    observation = Observation("answered", answer.text, cited=cited, groundedness=grounding.share, documents=())
    try:
        case = Case(
            id=str(answer.id),
            question=answer.question[:MAX_REFERENCE],
            answer=" ".join(each.text for each in answer.quotes)[:MAX_REFERENCE],
            sources=tuple(SourceRef(uri=uri) for uri in sorted(supporting)),
            slices=(answer.stratum,),
            tenant=tenant,
        )
    except ValidationError:
        return None
    return case, observation


def scores_of(
    pair: tuple[Case, Observation] | None, dangerous: bool, judged: float | None = None
) -> Mapping[str, float | None]:
    """By name. dangerous: whether the text addresses a model, or shows what no answer may. judged: by the judge."""
    values: dict[str, float | None] = values_of(*pair, judged) if pair else {}
    if pair and values["citation_precision"] is None:
        values["citation_precision"] = 0.0  # it has citations, and none of them supports it
    values["safety"] = float(not dangerous)
    return {str(name): values.get(name) for name in SCORE_NAMES}


def daily_scores(scored: Iterable[ScoredAnswer]) -> Sequence[DailyScore]:
    """By day of UTC, stratum and score. Strata are not mixed: each is sampled at a rate of its own."""
    groups: dict[tuple[date, Stratum, ScoreName], list[float]] = {}
    for each in scored:
        for name in SCORE_NAMES:
            if (value := getattr(each, name)) is not None:
                groups.setdefault((each.answered_at.astimezone(UTC).date(), each.stratum, name), []).append(value)
    scores = []
    for (day, stratum, metric), values in sorted(groups.items()):
        low, high = mean_interval(values)
        scores.append(DailyScore(day, stratum, metric, len(values), sum(values) / len(values), low, high))
    return scores
