"""What each kind of alert watches, and in which cases it is tried."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from app.core.objectives import Objectives
from app.monitoring.domain.alerts import (
    BURN_RATES,
    WINDOWS,
    Alert,
    Annotations,
    BurnAlert,
    BurnRate,
    IncreaseAlert,
    LevelAlert,
    TargetAlert,
    burn_alerts,
    event_series,
)
from app.monitoring.domain.indicators import INDICATORS, Counted, Indicator
from app.monitoring.domain.rule_cases import RuleCase, constant, counting

SAYS = Annotations("Something happened", "overloaded")


def indicator(objective: str) -> Indicator:
    return next(each for each in INDICATORS if each.objective == objective)


def burning(objective: str, factor: float, **objectives: float) -> BurnAlert:
    burn = next(each for each in BURN_RATES if each.factor == factor)
    return BurnAlert(indicator(objective), burn, Objectives.model_validate(objectives))


def firing(alert: Alert) -> Iterator[RuleCase]:
    return (case for case in alert.cases() if case.fires)


def increase(values: Sequence[float]) -> float:
    """Of a counter that may start anew."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


class TestShares:
    def test_a_month_of_a_budget_lasts_two_days_at_144_tenths(self) -> None:
        assert burning("available", 14.4, available=0.995).threshold == pytest.approx(0.072)
        assert burning("available", 1, available=0.995).threshold == pytest.approx(0.005)

    def test_both_windows_and_enough_events_are_needed(self) -> None:
        assert burning("available", 6, available=0.99, min_events=20).expression.split("\nand ") == [
            'slo:bad_ratio:rate6h{objective="available"} > 0.06',
            'slo:bad_ratio:rate30m{objective="available"} > 0.06',
            'slo:events:increase6h{objective="available"} >= 20',
        ]

    def test_the_short_window_is_a_twelfth_of_the_long_one(self) -> None:
        assert all(burn.long_minutes == 12 * burn.short_minutes for burn in BURN_RATES)
        assert {window for burn in BURN_RATES for window in (burn.long, burn.short)} == set(WINDOWS)

    def test_fast_burns_page_and_slow_ones_open_a_ticket(self) -> None:
        assert [burn.severity for burn in BURN_RATES] == ["page", "page", "ticket", "ticket"]

    @pytest.mark.parametrize("burn", BURN_RATES, ids=lambda burn: burn.long)
    def test_a_short_window_holds_five_steps_of_the_cases(self, burn: BurnRate) -> None:
        assert burn.short_minutes / burn.step_minutes >= 5

    def test_a_share_without_any_bad_event_is_zero_and_not_missing(self) -> None:
        assert indicator("processed").bad_ratio("5m") == (
            '(sum(rate(app_jobs_total{result!="done"}[5m])) or vector(0)) / sum(rate(app_jobs_total[5m]))'
        )
        assert Counted("a").increase("1h") == "sum(increase(a[1h]))"

    @pytest.mark.parametrize("objective", [each.objective for each in INDICATORS])
    def test_the_cases_have_the_share_that_they_are_named_after(self, objective: str) -> None:
        for alert in burn_alerts(Objectives()):
            if alert.indicator.objective != objective:
                continue
            burns, slower = (next(c for c in alert.cases() if what in c.what) for what in ("faster", "slower"))
            assert share(alert.indicator, burns) > alert.threshold
            assert 0.85 * alert.threshold < share(alert.indicator, slower) < alert.threshold

    def test_an_outage_that_is_over_ends_before_the_short_window(self) -> None:
        alert = burning("available", 14.4)
        [over] = [case for case in alert.cases() if "is over" in case.what]
        bad = over.series[0].values
        assert not over.fires
        assert increase(bad[-alert.burn.short_minutes - 1 :]) == 0
        assert increase(bad) > 0

    def test_too_few_events_are_fewer_than_the_policy_asks(self) -> None:
        for alert in burn_alerts(Objectives(min_events=30)):
            [few] = [case for case in alert.cases() if "too few" in case.what]
            assert events(alert.indicator, few) < 30

    def test_the_value_and_the_window_are_in_the_message(self) -> None:
        summary = burning("in_time", 3).annotations.summary
        assert "humanizePercentage" in summary
        assert "within 1d" in summary
        assert "3 times" in summary


def share(indicator: Indicator, case: RuleCase) -> float:
    return increase(case.series[0].values) / events(indicator, case)


def events(indicator: Indicator, case: RuleCase) -> float:
    bad, other = (increase(each.values) for each in case.series)
    return other if indicator.bad.metric != indicator.events.metric else bad + other


@pytest.mark.parametrize("objective", [each.objective for each in INDICATORS])
def test_series_of_one_metric_share_their_events_and_others_count_all(objective: str) -> None:
    bad, other = event_series(indicator(objective), [0, 10, 20], [0, 1, 2])
    assert bad.values == (0, 1, 2)
    same = indicator(objective).bad.metric == indicator(objective).events.metric
    assert other.values == ((0, 9, 18) if same else (0, 10, 20))
    assert bad.name.startswith(indicator(objective).bad.metric)


class TestIncreases:
    ALERT = IncreaseAlert("Lost", "page", Counted("lost_total", 'kind="a"'), '{kind="a"}', SAYS, "30m", 5)

    def test_it_counts_within_its_window(self) -> None:
        assert self.ALERT.expression == 'sum(increase(lost_total{kind="a"}[30m])) >= 5'
        assert (
            IncreaseAlert("Lost", "page", Counted("lost_total"), "", SAYS).expression
            == "sum(increase(lost_total[1h])) >= 1"
        )

    def test_it_fires_on_what_happens_now_also_after_a_restart(self) -> None:
        assert [case.what for case in firing(self.ALERT)] == ["Lost: happens", "Lost: happens again after a restart"]
        assert all(increase(case.series[0].values[-30:]) >= 5 for case in firing(self.ALERT))

    def test_what_happened_earlier_or_reset_the_counter_is_silent(self) -> None:
        silent = [case for case in self.ALERT.cases() if not case.fires]
        assert [case.what.partition(": ")[2] for case in silent] == [
            "does not happen",
            "has no series",
            "happened before the window",
            "happened before a restart",
        ]


class TestLevels:
    ALERT = LevelAlert("Full", "ticket", Counted("used_ratio"), '{span="day"}', 0.9, SAYS, "10m")

    def test_the_highest_series_counts(self) -> None:
        assert self.ALERT.expression == "max(used_ratio) >= 0.9"
        assert LevelAlert("Full", "page", Counted("a", 'b="c"'), "", 2, SAYS).expression == 'max(a{b="c"}) >= 2'

    def test_it_has_to_last(self) -> None:
        [moment] = [case for case in self.ALERT.cases() if "moment" in case.what]
        assert sum(value >= 0.9 for value in moment.series[0].values) < 10
        assert not moment.fires

    def test_the_level_itself_counts(self) -> None:
        assert {case.what for case in firing(self.ALERT)} == {"Full: is above", "Full: is just at the level"}


class TestTargets:
    ALERT = TargetAlert("NoApi", "page", "api", SAYS)

    def test_one_process_that_is_up_is_enough(self) -> None:
        assert self.ALERT.expression == 'absent(up{job="api"} == 1)'
        [two] = [case for case in self.ALERT.cases() if "one of two" in case.what]
        assert not two.fires
        assert len(two.series) == 2

    def test_silence_of_prometheus_is_no_good_sign(self) -> None:
        assert {case.what for case in firing(self.ALERT)} == {
            "NoApi: is down",
            "NoApi: has no series",
            "NoApi: vanished",
        }


def test_a_counter_starts_at_nothing_and_a_constant_does_not_move() -> None:
    assert counting(2, 3) == [0, 2, 4, 6]
    assert constant(0.5, 2) == [0.5, 0.5, 0.5]
