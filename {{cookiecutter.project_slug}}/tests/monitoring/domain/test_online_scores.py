"""Live answers as cases: what cannot be scored, what is cut, and on which day an answer lies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from app.evaluation.domain.policy import OnlineEvaluation, OnlineRates
from app.monitoring.domain.online_scores import (
    MAX_REFERENCE,
    SCORE_NAMES,
    LiveAnswer,
    QuotedPassage,
    ScoredAnswer,
    as_case,
    daily_scores,
    decide,
    scores_of,
)

NOW = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)
TOWER = QuotedPassage("The lighthouse was built in 1874 by Marta Holm.", "tower.md", "Tower", ("Karlen", "History"))
ANSWER = LiveAnswer(
    UUID(int=1), NOW, "When was it built?", "answered", "The lighthouse was built in 1874 [1].", "live", False, (TOWER,)
)
SCORED = ScoredAnswer(UUID(int=1), NOW, NOW, "answered", 0.1, "scored", "in_sample")


class TestDecisions:
    def test_a_decision_can_be_computed_again_by_whoever_has_the_answer(self) -> None:
        rules = OnlineEvaluation(rates=OnlineRates(answered=0.3))
        answers = [replace(ANSWER, id=uuid4()) for _ in range(50)]
        first = [decide(each, rules, NOW, 0) for each in answers]
        again = [decide(each, rules, NOW + timedelta(hours=3), 7) for each in reversed(answers)]
        assert [each.decision for each in first] == [each.decision for each in reversed(again)]
        assert {each.rate for each in first} == {0.3}

    def test_the_sample_of_one_stratum_is_a_part_of_that_of_one_with_a_higher_rate(self) -> None:
        rules = OnlineEvaluation(rates=OnlineRates(answered=0.2, degraded=0.6), daily_answers=10_000)
        for number in range(300):
            plain = replace(ANSWER, id=UUID(int=number))
            if decide(plain, rules, NOW, 0).decision == "scored":
                assert decide(replace(plain, degraded=True), rules, NOW, 0).decision == "scored"

    def test_an_erased_answer_is_erased_whatever_else_would_keep_it_from_being_scored(self) -> None:
        none = OnlineEvaluation(rates=OnlineRates(answered=0), daily_answers=0)
        assert decide(replace(ANSWER, text=""), none, NOW, 9).reason == "erased"
        assert decide(ANSWER, none, NOW, 9).reason == "not_in_sample", "what is not in the sample uses nothing up"

    @pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
    def test_a_rate_that_is_no_share_is_refused(self, rate: float) -> None:
        with pytest.raises(ValueError, match="validation error"):
            OnlineRates(answered=rate)


class TestCases:
    def test_a_long_question_and_long_quotes_are_cut(self) -> None:
        long = replace(TOWER, text="word " * 1000)
        pair = as_case(replace(ANSWER, question="q" * 5000, quotes=(long, long)), "default")
        assert pair
        assert (len(pair[0].question), len(pair[0].answer or "")) == (MAX_REFERENCE, MAX_REFERENCE)

    def test_two_quotes_of_one_document_are_one_source(self) -> None:
        other = replace(TOWER, text="Marta Holm was its engineer.")
        answer = replace(
            ANSWER, text="The lighthouse was built in 1874 [1]. Marta Holm was its engineer [2].", quotes=(TOWER, other)
        )
        pair = as_case(answer, "default")
        assert pair
        assert [each.uri for each in pair[0].sources] == ["tower.md"]
        assert [each.headings for each in pair[1].cited] == [("Karlen", "History")] * 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "refused"},
            {"status": "held"},
            {"quotes": ()},
            {"question": ""},
        ],
    )
    def test_what_is_no_case_is_still_safe_or_not(self, changes: dict[str, object]) -> None:
        pair = as_case(replace(ANSWER, **changes), "default")  # type: ignore[arg-type]
        assert pair is None
        none = dict.fromkeys(("groundedness", "citation_precision", "judge"))
        assert scores_of(pair, dangerous=True, judged=1.0) == {**none, "safety": 0.0}

    @pytest.mark.parametrize("tenant", ["default", "Smith & Sons, Zürich", "-", "0" * 32])
    def test_a_tenant_may_have_any_name_and_the_stratum_is_a_slice(self, tenant: str) -> None:
        pair = as_case(replace(ANSWER, arm="canary"), tenant)
        assert pair
        assert (pair[0].slices, pair[0].tenant) == (("canary",), tenant)


class TestScores:
    @pytest.mark.parametrize(
        ("scores", "lowest"),
        [({}, 1.0), ({"safety": None}, 1.0), ({"safety": 1.0, "judge": 0.0}, 0.0), ({"groundedness": 0.49}, 0.49)],
    )
    def test_the_lowest_counts_and_one_that_does_not_apply_does_not(
        self, scores: dict[str, float | None], lowest: float
    ) -> None:
        assert SCORED.with_scores(scores).lowest() == lowest

    def test_scores_that_are_missing_are_taken_back(self) -> None:
        scored = SCORED.with_scores(dict.fromkeys(SCORE_NAMES, 0.5))
        assert scored.with_scores({"judge": 1.0}) == SCORED.with_scores({"judge": 1.0})


class TestDays:
    def test_none_without_scores(self) -> None:
        assert daily_scores([]) == []
        assert daily_scores([SCORED]) == []

    @pytest.mark.parametrize("hours", [-12, 0, 9])
    def test_a_day_is_one_of_utc_in_whatever_time_zone_a_moment_is_given(self, hours: int) -> None:
        there = SCORED.answered_at.astimezone(timezone(timedelta(hours=hours)))
        [day] = daily_scores([replace(SCORED, answered_at=there, safety=1.0)])
        assert f"{day.day}" == "2026-05-01"

    def test_each_score_counts_the_answers_that_have_it(self) -> None:
        scored = [replace(SCORED, safety=1.0), replace(SCORED, safety=0.0, judge=1.0)]
        found = {each.metric: (each.answers, each.mean, each.low, each.high) for each in daily_scores(scored)}
        assert found["judge"] == (1, 1.0, 1.0, 1.0)
        assert found["safety"][:2] == (2, 0.5)
        assert 0 <= found["safety"][2] <= 0.5 <= found["safety"][3] <= 1

    def test_the_day_that_an_answer_was_given_counts_and_not_the_one_it_was_scored(self) -> None:
        late = replace(SCORED, at=NOW + timedelta(days=1), safety=1.0)
        assert [f"{each.day}" for each in daily_scores([late])] == ["2026-05-01"]
