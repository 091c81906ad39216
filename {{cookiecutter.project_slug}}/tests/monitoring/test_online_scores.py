"""Which answers are scored is decided by their ids alone, and scored by what evaluations score with."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.evaluation.domain.policy import OnlineEvaluation, OnlineRates
from app.monitoring.domain.online_scores import (
    LiveAnswer,
    QuotedPassage,
    ScoredAnswer,
    as_case,
    daily_scores,
    decide,
    scores_of,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BUILT = QuotedPassage("The lighthouse was built in 1874 by Marta Holm.", "tower.md", "Tower", ())
TOLLS = QuotedPassage("Tolls on the bridge were abolished in 1964.", "bridge.md", "Bridge", ())


def live(text: str = "The lighthouse was built in 1874 [1].", **more: object) -> LiveAnswer:
    given = {"id": uuid4(), "status": "answered", "arm": "live", "degraded": False, "quotes": (BUILT,), **more}
    return LiveAnswer(at=NOW, question="When was the lighthouse built?", text=text, **given)  # type: ignore[arg-type]


def at_rate(rate: float) -> OnlineEvaluation:
    return OnlineEvaluation(rates=OnlineRates(answered=rate), daily_answers=10_000)


class TestSampling:
    def test_a_lower_rate_takes_a_part_of_what_a_higher_one_takes(self) -> None:
        answers = [live(id=UUID(int=n)) for n in range(2000)]
        taken = {
            rate: {each.id for each in answers if decide(each, at_rate(rate), NOW, 0).decision == "scored"}
            for rate in (0.0, 0.1, 0.3, 1.0)
        }
        assert taken[0.0] < taken[0.1] < taken[0.3] < taken[1.0]
        assert len(taken[0.1]) == pytest.approx(200, abs=45)
        assert len(taken[1.0]) == 2000

    @pytest.mark.parametrize(
        ("answer", "stratum"),
        [
            (live(arm="canary", status="refused"), "canary"),
            (live(arm="control"), "canary"),
            (live(status="refused", degraded=True), "refused"),
            (live(degraded=True), "degraded"),
            (live(), "answered"),
        ],
    )
    def test_each_kind_of_answer_has_its_own_rate(self, answer: LiveAnswer, stratum: str) -> None:
        none = dict.fromkeys(("canary", "refused", "degraded", "answered"), 0.0)
        rules = OnlineEvaluation(rates=OnlineRates.model_validate({**none, stratum: 1.0}))
        decided = decide(answer, rules, NOW, 0)
        assert (decided.stratum, decided.rate, decided.decision) == (stratum, 1.0, "scored")
        assert decide(answer, OnlineEvaluation(rates=OnlineRates.model_validate(none)), NOW, 0).decision == "skipped"

    def test_each_decision_has_its_reason(self) -> None:
        rules = OnlineEvaluation(rates=OnlineRates(answered=1), daily_answers=3)
        reasons = [decide(live(), rules, NOW, before).reason for before in (0, 2, 3)]
        assert reasons == ["in_sample", "in_sample", "daily_answers_reached"]
        assert decide(live(""), rules, NOW, 0).reason == "erased"
        assert decide(live(), at_rate(0), NOW, 0).reason == "not_in_sample"


class TestScores:
    def test_what_is_supported_scores_high(self) -> None:
        scores = scores_of(as_case(live(), "default"), dangerous=False)
        assert scores == {"groundedness": 1.0, "citation_precision": 1.0, "safety": 1.0, "judge": None}

    def test_an_invented_sentence_and_an_idle_citation_score_low(self) -> None:
        answer = live(
            "The lighthouse was built in 1874 [1]. It is painted in green stripes [2].", quotes=(BUILT, TOLLS)
        )
        scores = scores_of(as_case(answer, "default"), dangerous=True, judged=0.0)
        assert scores == {"groundedness": 0.5, "citation_precision": 0.5, "safety": 0.0, "judge": 0.0}

    def test_citations_of_which_none_supports_anything_score_nothing(self) -> None:
        scores = scores_of(as_case(live("It is painted in green stripes [1].", quotes=(TOLLS,)), "default"), False)
        assert (scores["groundedness"], scores["citation_precision"]) == (0.0, 0.0)

    def test_a_refusal_is_safe_or_not_and_nothing_else(self) -> None:
        scores = scores_of(as_case(live("No document says so.", status="refused", quotes=()), "default"), False)
        assert scores == {"groundedness": None, "citation_precision": None, "safety": 1.0, "judge": None}


def test_days_and_strata_are_not_mixed_and_have_an_interval() -> None:
    def scored(days: int, stratum: str, groundedness: float) -> ScoredAnswer:
        at = NOW + timedelta(days=days)
        more = (stratum, 0.1, "scored", "in_sample", groundedness)
        return ScoredAnswer(uuid4(), at, at, *more)  # type: ignore[arg-type]

    days = daily_scores([scored(n % 2, "answered", n / 20) for n in range(20)] + [scored(0, "degraded", 0.1)])
    assert [(each.day.day, each.stratum) for each in days] == [(1, "answered"), (1, "degraded"), (2, "answered")]
    first = days[0]
    assert (first.answers, first.mean) == (10, pytest.approx(0.45))
    assert first.low < first.mean < first.high
