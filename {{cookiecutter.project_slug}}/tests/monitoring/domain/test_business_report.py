"""What answers were worth at the bounds: none, ties, values of fractions, metrics that are all the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app.monitoring.domain.business_policy import BusinessPolicy, OutcomeMeaning
from app.monitoring.domain.business_report import (
    MAX_SLICES,
    MICRO,
    MIN_LINKED,
    ValuedAnswer,
    business_report,
    ended_by,
    links_of,
    value_of,
    worth_of,
)
from app.monitoring.domain.outcomes import (
    CLOCK_SKEW,
    OutcomeOutOfTime,
    OutcomeReport,
    StoredOutcome,
    check_outcome,
    merged,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KINDS = {
    "resolved": {"means": "resolved", "value_usd": "0.0000015"},
    "deflected": {"means": "deflected", "value_usd": 6},
    "escalated": {"means": "escalated", "value_usd": "-0.0000015"},
    "minutes": {"means": "measured", "value_usd": "0.1"},
}
POLICY = BusinessPolicy.model_validate({"owner": "tests", "outcomes": KINDS})


def stored(outcome: str, minutes: float = 0, amount: str = "1") -> StoredOutcome:
    return StoredOutcome(UUID(int=1), outcome, Decimal(amount), NOW + timedelta(minutes=minutes))


def answer(
    number: int = 0,
    ended: OutcomeMeaning | None = "resolved",
    release: str = "a",
    model: str = "m",
    groundedness: float | None = None,
) -> ValuedAnswer:
    return ValuedAnswer(uuid4(), release, model, float(number), groundedness, 0, ended, reported=ended is not None)


class TestEnds:
    def test_of_two_at_one_moment_the_same_counts_in_every_order(self) -> None:
        outcomes = [stored("resolved"), stored("escalated"), stored("deflected"), stored("minutes", 9)]
        assert {ended_by(POLICY, order) for order in permutations(outcomes)} == {outcomes[0]}

    def test_the_latest_is_that_of_the_moment_and_not_of_the_clock_on_the_wall(self) -> None:
        early = StoredOutcome(UUID(int=1), "resolved", Decimal(1), NOW.astimezone(timezone(timedelta(hours=9))))
        assert ended_by(POLICY, [early, stored("escalated", 1)]) == stored("escalated", 1)

    def test_nothing_and_what_is_measured_is_no_end(self) -> None:
        assert ended_by(POLICY, []) is None
        assert ended_by(POLICY, [stored("minutes")]) is None


class TestValues:
    @pytest.mark.parametrize(
        ("outcomes", "reasked", "micro_usd"),
        [
            ([], False, 0),
            ([stored("resolved")], False, 1),
            ([stored("escalated")], False, -1),
            ([stored("minutes", amount="0.0001")], False, 10),
            ([stored("minutes", amount="7.5"), stored("deflected")], False, 6_750_000),
            ([stored("minutes", amount="7.5"), stored("deflected")], True, 750_000),
            ([stored("deflected"), stored("resolved", 1)], True, 1),
            ([stored("deflected", 1), stored("resolved")], True, 0),
            ([stored("minutes", amount="1000000")], True, 100_000 * MICRO),
        ],
    )
    def test_of_what_ended_and_of_what_was_measured(
        self, outcomes: Sequence[StoredOutcome], reasked: bool, micro_usd: int
    ) -> None:
        assert value_of(POLICY, outcomes, reasked) == micro_usd


class TestWorth:
    def test_no_answer_has_figures_all_the_same(self) -> None:
        worth = worth_of("", [])
        assert (worth.answers, worth.settled, worth.cost_usd, worth.cost_per_settled_usd) == (0, 0, 0, None)
        assert (worth.settled_share.value, worth.settled_share.low, worth.settled_share.high) == (0, 0, 1)
        assert (worth.value_usd.value, worth.value_usd.low, worth.value_usd.high) == (0, 0, 0)

    def test_what_was_only_measured_is_reported_and_settles_nothing(self) -> None:
        only = ValuedAnswer(uuid4(), "a", "m", 1.0, None, 0, None, 5 * MICRO, reported=True)
        worth = worth_of("a", [only, answer(ended=None)])
        assert (worth.answers, worth.reported, worth.settled, worth.value_usd.value) == (2, 1, 0, 5)

    def test_an_answer_that_was_reasked_without_an_end_is_no_deflection(self) -> None:
        reasked = ValuedAnswer(uuid4(), "a", "m", 1.0, None, 0, None, reasked=True)
        resolved = ValuedAnswer(uuid4(), "a", "m", 1.0, None, 0, "resolved", reported=True, reasked=True)
        worth = worth_of("a", [reasked, resolved])
        assert (worth.reasked, worth.deflected, worth.resolved, worth.settled) == (0, 0, 1, 0)

    def test_a_report_of_nothing_and_one_of_the_newest_only(self) -> None:
        report = business_report(NOW, NOW, [], {}, True)
        assert (report.releases, report.links, report.total.answers) == ([], (), 0)
        assert not business_report(NOW, NOW, [answer()], {}, False).complete


class TestLinks:
    @pytest.mark.parametrize(("amount", "links"), [(MIN_LINKED - 1, 0), (MIN_LINKED, 1)])
    def test_as_many_answers_as_are_needed_are_enough(self, amount: int, links: int) -> None:
        assert len(links_of([answer(n) for n in range(amount)])) == links

    def test_answers_without_an_end_or_without_the_metric_do_not_count(self) -> None:
        ended = [answer(n, groundedness=None if n % 2 else n / 60) for n in range(MIN_LINKED)]
        open_ = [answer(n, ended=None, groundedness=n / 60) for n in range(MIN_LINKED)]
        assert [link.metric for link in links_of([*ended, *open_])] == ["latency"]

    def test_nothing_lies_above_where_all_have_the_highest_value(self) -> None:
        answers = [answer(n, groundedness=1.0) for n in range(40)]
        assert [link.metric for link in links_of(answers)] == ["latency"]

    def test_those_at_the_median_are_below(self) -> None:
        answers = [answer(5, "escalated") for _ in range(30)] + [answer(9) for _ in range(10)]
        [link] = links_of(answers)
        assert (link.median, link.difference.value, link.found) == (5, 1, True)

    def test_only_the_largest_releases_are_looked_at_and_models_beside_them(self) -> None:
        answers = [
            answer(n, release=f"{number:064x}", model=f"m{number % 2}")
            for number in range(MAX_SLICES + 2)
            for n in range(MIN_LINKED + number)
        ]
        parts = [link.part for link in links_of(answers)]
        # The first 12 digits are shown, which are the same for all of these: one part is no part.
        assert parts == ["all", "model m0", "model m1"]
        told = [answer(n, release=f"{number}" * 64) for number in range(7) for n in range(MIN_LINKED + number)]
        assert [link.part for link in links_of(told)] == ["all", *(f"release {str(n) * 12}" for n in (6, 5, 4, 3, 2))]


class TestOutcomes:
    @pytest.mark.parametrize(
        ("at", "fine"),
        [
            (-CLOCK_SKEW, True),
            (-CLOCK_SKEW - timedelta(seconds=1), False),
            (timedelta(hours=1) + CLOCK_SKEW, True),
            (timedelta(hours=1) + CLOCK_SKEW + timedelta(seconds=1), False),
        ],
    )
    @pytest.mark.parametrize("hours", [-12, 0, 14])
    def test_clocks_may_differ_a_little_and_time_zones_by_anything(self, at: timedelta, fine: bool, hours: int) -> None:
        moment = (NOW + at).astimezone(timezone(timedelta(hours=hours)))
        report = OutcomeReport(UUID(int=1), "resolved", at=moment)
        if fine:
            assert check_outcome(POLICY, report, NOW, NOW + timedelta(hours=1)).means == "resolved"
            return
        with pytest.raises(OutcomeOutOfTime, match="The answer is of 2026-05-01 12:00"):
            check_outcome(POLICY, report, NOW, NOW + timedelta(hours=1))

    def test_the_same_moment_in_another_time_zone_changes_nothing(self) -> None:
        there = NOW.astimezone(timezone(timedelta(hours=9)))
        assert merged(stored("minutes"), OutcomeReport(UUID(int=1), "minutes", at=there), NOW)[1] == "unchanged"

    def test_another_amount_at_the_same_moment_replaces(self) -> None:
        report = OutcomeReport(UUID(int=1), "minutes", Decimal(2), NOW)
        assert merged(stored("minutes"), report, NOW + timedelta(days=1)) == (stored("minutes", amount="2"), "replaced")


@pytest.mark.parametrize(
    "changes",
    [
        {"outcomes": {}},
        {"outcomes": {"Resolved": KINDS["resolved"]}},
        {"outcomes": {"resolved\n": KINDS["resolved"]}},
        {"outcomes": {"r" * 41: KINDS["resolved"]}},
        {"outcomes": {f"r{'a' * n}": KINDS["resolved"] for n in range(21)}},
        {"outcomes": {"resolved": {"means": "delighted", "value_usd": 1}}},
        {"outcomes": {"resolved": {"means": "resolved", "value_usd": "NaN"}}},
        {"outcomes": {"resolved": {"means": "resolved", "value_usd": 1_000_001}}},
        {"reask_overlap": 0},
        {"reask_hours": 0},
        {"report_days": 366},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BusinessPolicy.model_validate({"owner": "tests", "outcomes": KINDS, **changes})
