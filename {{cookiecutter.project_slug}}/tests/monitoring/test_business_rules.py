"""What outcomes are worth, what goes with them, and how gamed ones show."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from uuid import UUID, uuid4

import pytest

from app.evaluation.domain.bootstrap import mean_interval
from app.monitoring.domain.business_policy import BusinessPolicy
from app.monitoring.domain.business_report import (
    MICRO,
    ValuedAnswer,
    business_report,
    ended_by,
    links_of,
    value_of,
    worth_of,
)
from app.monitoring.domain.outcomes import (
    OutcomeAmountUnusable,
    OutcomeOutOfTime,
    OutcomeReport,
    OutcomeUnknown,
    StoredOutcome,
    check_outcome,
    merged,
)
from app.monitoring.domain.proportions import difference_interval, share_interval
from app.monitoring.domain.reasking import AskedQuestion, asked_again, asker_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANSWER = uuid4()
POLICY = BusinessPolicy.model_validate(
    {
        "owner": "tests",
        "outcomes": {
            "resolved": {"means": "resolved", "value_usd": 4},
            "deflected": {"means": "deflected", "value_usd": 6},
            "escalated": {"means": "escalated", "value_usd": -8},
            "minutes_saved": {"means": "measured", "value_usd": 0.5},
        },
    }
)


def stored(outcome: str, minutes: float = 0, amount: int = 1) -> StoredOutcome:
    return StoredOutcome(ANSWER, outcome, Decimal(amount), NOW + timedelta(minutes=minutes))


class TestReports:
    def test_the_policy_declares_what_there_is(self) -> None:
        with pytest.raises(OutcomeUnknown, match="resolved, deflected, escalated, minutes_saved"):
            check_outcome(POLICY, OutcomeReport(ANSWER, "delighted"), NOW, NOW)

    def test_only_what_is_measured_has_an_amount(self) -> None:
        measured = OutcomeReport(ANSWER, "minutes_saved", Decimal("7.5"))
        assert check_outcome(POLICY, measured, NOW, NOW).means == "measured"
        with pytest.raises(OutcomeAmountUnusable):
            check_outcome(POLICY, OutcomeReport(ANSWER, "resolved", Decimal(2)), NOW, NOW)

    @pytest.mark.parametrize(("days", "fine"), [(0, True), (29, True), (-1, False), (31, False)])
    def test_a_late_outcome_is_fine_and_one_of_another_time_is_not(self, days: int, fine: bool) -> None:
        report, now = OutcomeReport(ANSWER, "resolved", at=NOW + timedelta(days=days)), NOW + timedelta(days=30)
        if fine:
            assert check_outcome(POLICY, report, NOW, now)
            return
        with pytest.raises(OutcomeOutOfTime):
            check_outcome(POLICY, report, NOW, now)

    def test_the_latest_of_a_kind_counts_in_whatever_order_they_arrive(self) -> None:
        early = OutcomeReport(ANSWER, "minutes_saved", Decimal(3), NOW)
        late = OutcomeReport(ANSWER, "minutes_saved", Decimal(5), NOW + timedelta(hours=1))
        for order in ((early, late), (late, early)):
            first, _ = merged(None, order[0], NOW)
            last, _ = merged(first, order[1], NOW)
            assert last.amount == 5

    def test_the_same_again_changes_nothing_also_without_a_time(self) -> None:
        first, result = merged(None, OutcomeReport(ANSWER, "resolved"), NOW)
        assert result == "recorded"
        later = NOW + timedelta(minutes=1)
        assert merged(first, OutcomeReport(ANSWER, "resolved"), later) == (first, "unchanged")
        assert merged(first, OutcomeReport(ANSWER, "resolved", at=NOW), later) == (first, "unchanged")
        assert merged(first, OutcomeReport(ANSWER, "resolved", at=later), later)[1] == "replaced"
        assert merged(first, OutcomeReport(ANSWER, "resolved", at=NOW - timedelta(1)), later) == (first, "superseded")


class TestWorth:
    def test_the_latest_end_counts_and_what_is_measured_beside_it(self) -> None:
        outcomes = [stored("resolved"), stored("escalated", 5), stored("minutes_saved", amount=10)]
        assert ended_by(POLICY, outcomes) == outcomes[1]
        assert value_of(POLICY, outcomes, reasked=False) == (-8 + 5) * MICRO

    def test_a_deflection_that_was_asked_again_is_worth_nothing(self) -> None:
        assert value_of(POLICY, [stored("deflected")], reasked=False) == 6 * MICRO
        assert value_of(POLICY, [stored("deflected")], reasked=True) == 0
        assert value_of(POLICY, [stored("resolved")], reasked=True) == 4 * MICRO

    def test_an_outcome_that_is_declared_no_more_counts_for_nothing(self) -> None:
        assert value_of(POLICY, [stored("delighted")], reasked=False) == 0
        assert ended_by(POLICY, [stored("delighted")]) is None

    def test_cost_is_shared_by_the_settled_questions(self) -> None:
        answers = [
            answer(ended="resolved", value=4 * MICRO),
            answer(ended="deflected", reasked=True),
            answer(ended="escalated", value=-8 * MICRO),
            answer(),
        ]
        worth = worth_of("", answers)
        assert (worth.answers, worth.reported, worth.settled, worth.reasked) == (4, 3, 1, 1)
        assert worth.settled_share.value == pytest.approx(1 / 3)
        assert worth.cost_per_settled_usd == pytest.approx(4 * 0.001)
        assert worth.value_usd.value == pytest.approx((4 - 8 - 3 * 0.001) / 3)
        assert worth.value_usd.low < worth.value_usd.value < worth.value_usd.high
        assert worth_of("", [answer()]).cost_per_settled_usd is None

    def test_releases_are_told_apart(self) -> None:
        answers = [answer(release="a", ended="resolved"), answer(release="b", ended="escalated")]
        report = business_report(NOW, NOW, answers, {"resolved": 1}, True)
        assert {each.release_id: each.settled for each in report.releases} == {"a": 1, "b": 0}
        assert report.total.answers == 2


def answer(
    release: str = "a",
    ended: str | None = None,
    value: int = 0,
    latency: float = 100.0,
    groundedness: float | None = 1.0,
    reasked: bool = False,
) -> ValuedAnswer:
    given = (uuid4(), release, "m", latency, groundedness, 1000)
    return ValuedAnswer(*given, ended, value, ended is not None, reasked)  # type: ignore[arg-type]


def traffic(amount: int, effect: float, seed: int) -> Sequence[ValuedAnswer]:
    """Half of the answers are slow; of those a share less by `effect` is settled."""
    chance = random.Random(seed)
    slow = [n % 2 == 0 for n in range(amount)]
    ends = ["resolved" if chance.random() < 0.7 - effect * each else "escalated" for each in slow]
    return [
        answer(ended=end, latency=1000 + n if each else 10 + n / amount)
        for n, (each, end) in enumerate(zip(slow, ends, strict=True))
    ]


class TestLinks:
    def test_an_outcome_that_goes_with_latency_is_found(self) -> None:
        [link] = links_of(traffic(400, 0.3, seed=1))
        assert (link.metric, link.part, link.answers) == ("latency", "all", 400)
        assert link.found
        assert link.difference.value == pytest.approx(-0.3, abs=0.1)

    def test_no_link_is_seldom_found(self) -> None:
        found = sum(link.found for seed in range(200) for link in links_of(traffic(200, 0.0, seed)))
        assert found / 200 <= 0.08

    def test_few_answers_show_nothing(self) -> None:
        assert links_of(traffic(20, 0.6, seed=1)) == ()

    def test_each_part_is_looked_at_and_the_level_is_stricter_for_it(self) -> None:
        answers = [*traffic(200, 0.3, 1), *(answer(release="b", ended="resolved", latency=n) for n in range(40))]
        parts = {link.part for link in links_of(answers)}
        assert parts == {"all", "release a", "release b"}
        alone = links_of(traffic(200, 0.3, 1))[0].difference
        among = next(link.difference for link in links_of(answers) if link.part == "release a")
        assert among.high - among.low > alone.high - alone.low


class TestReasking:
    def ask(self, minutes: float, words: str, asker: str = "ana") -> AskedQuestion:
        return AskedQuestion(uuid4(), asker, NOW + timedelta(minutes=minutes), frozenset(words.split()))

    def again(self, *questions: AskedQuestion) -> list[bool]:
        found = asked_again(questions, timedelta(hours=24), 0.5)
        return [each.answer_id in found for each in questions]

    def test_the_same_question_of_the_same_asker_counts(self) -> None:
        assert self.again(self.ask(0, "reset password"), self.ask(5, "reset my password")) == [True, False]

    def test_another_question_another_asker_and_another_day_do_not(self) -> None:
        first = self.ask(0, "reset password")
        assert not any(self.again(first, self.ask(5, "cancel order")))
        assert not any(self.again(first, self.ask(5, "reset password", "bob")))
        assert not any(self.again(first, self.ask(24 * 60 + 1, "reset password")))

    def test_a_question_that_was_erased_is_like_no_other(self) -> None:
        assert not any(self.again(self.ask(0, ""), self.ask(1, "")))

    def test_the_asker_is_the_conversation_or_else_the_key(self) -> None:
        tenant = UUID(int=7)
        assert asker_of("chat-5", tenant, uuid4()) == "conversation chat-5"
        assert asker_of(str(tenant), tenant, UUID(int=9)) == f"key {UUID(int=9)}"


class TestIntervals:
    def test_a_share_lies_within_its_interval_and_the_range(self) -> None:
        assert share_interval(0, 0) == (0, 1)
        low, high = share_interval(8, 10)
        assert (round(low, 3), round(high, 3)) == (0.490, 0.943)  # Wilson's interval of 8 of 10, as in textbooks
        assert share_interval(0, 20)[0] == 0

    def test_the_difference_of_two_shares_is_that_of_newcombe(self) -> None:
        difference, low, high = difference_interval(56, 70, 48, 80)
        # Example (a) of Newcombe 1998, method 10: 0.2000, 0.0524 to 0.3339.
        assert (round(difference, 4), round(low, 4), round(high, 4)) == (0.2, 0.0524, 0.3339)
        assert difference_interval(0, 0, 1, 2) == (0.0, -1.0, 1.0)

    def test_the_bootstrap_covers_the_mean_as_often_as_it_says(self) -> None:
        chance = random.Random(5)
        covered = 0
        for seed in range(200):
            values = [chance.expovariate(1.0) for _ in range(60)]
            low, high = mean_interval(values, seed=seed)
            assert low < fmean(values) < high
            covered += low <= 1 <= high
        assert 0.88 <= covered / 200 <= 0.99

    def test_equal_values_and_none_have_an_interval_of_a_point(self) -> None:
        assert mean_interval([2.0] * 9) == (2.0, 2.0)
        assert mean_interval([]) == (0.0, 0.0)
