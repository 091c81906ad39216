"""Series, alerts and rules as text: what promtool and Prometheus read is what was meant."""

import random
import re

import pytest
import yaml

from app.core.objectives import Objectives
from app.monitoring.domain.alerts import (
    BURN_RATES,
    WINDOWS,
    Annotations,
    BurnAlert,
    IncreaseAlert,
    LevelAlert,
    TargetAlert,
    burn_alerts,
    event_series,
)
from app.monitoring.domain.indicators import INDICATORS, Counted, Indicator
from app.monitoring.domain.rule_cases import Series, constant, counting
from app.monitoring.domain.rules import case_files, chart_rules, digest, rule_files

OBJECTIVES = Objectives()
NOTES = Annotations("something", "overloaded")
ITEM = re.compile(r"(-?[\d.]+)(?:([+-][\d.]+)x(\d+))?")


def read(notation: str) -> list[float]:
    """As promtool does it: `a+bxn` is a, and n more values, each b more than the one before."""
    values: list[float] = []
    for item in notation.split():
        match = ITEM.fullmatch(item)
        assert match, item
        first, step, times = float(match[1]), float(match[2] or 0), int(match[3] or 0)
        values += [first + step * number for number in range(times + 1)]
    return values


@pytest.mark.parametrize("seed", range(30))
def test_no_value_of_a_series_is_lost_or_changed(seed: int) -> None:
    chance = random.Random(seed)
    values: list[float] = []
    while len(values) < 60:
        start, step = chance.randrange(0, 40) / 4, chance.randrange(-8, 9) / 4
        values += [start + step * number for number in range(chance.randrange(1, 9))]
    assert read(Series("a", tuple(values)).notation) == pytest.approx(values)


def test_a_series_without_values_is_written_as_nothing() -> None:
    assert Series("a", ()).notation == ""


def test_hours_of_a_steady_counter_are_one_item() -> None:
    assert Series("a", tuple(counting(0.1, 5000))).notation == "0+0.1x5000"
    assert Series("a", tuple(constant(3, 100))).notation == "3+0x100"
    assert (counting(2, 0), constant(2, 0)) == ([0], [2])


def indicator(name: str) -> Indicator:
    return next(each for each in INDICATORS if each.objective == name)


class TestIndicators:
    def test_a_set_of_series_without_labels_has_no_braces(self) -> None:
        assert Counted("a_total").rate("5m") == "sum(rate(a_total[5m]))"
        assert Counted("a_total", 'b="c"').increase("1h") == 'sum(increase(a_total{b="c"}[1h]))'

    def test_without_any_bad_event_the_share_is_nothing_instead_of_missing(self) -> None:
        assert indicator("in_time").bad_ratio("1h") == (
            "(sum(rate(app_answers_late_total[1h])) or vector(0)) / sum(rate(app_answers_total[1h]))"
        )

    @pytest.mark.parametrize("each", INDICATORS, ids=[each.objective for each in INDICATORS])
    def test_series_of_its_cases_add_up_to_all_events(self, each: Indicator) -> None:
        bad, others = event_series(each, [0.0, 10.0, 20.0], [0.0, 1.0, 2.0])
        assert bad.values == (0.0, 1.0, 2.0)
        assert bad.name.startswith(each.bad.metric)
        assert bad.name != others.name
        one_metric = each.bad.metric == each.events.metric
        assert others.values == ((0.0, 9.0, 18.0) if one_metric else (0.0, 10.0, 20.0))


class TestAlerts:
    @pytest.mark.parametrize(
        ("name", "factor", "days", "threshold"),
        [
            ("available", 14.4, 30, 0.072),
            ("available", 1, 30, 0.005),
            ("available", 1, 90, 0.001667),
            ("available", 6, 7, 0.128571),
            ("answered", 3, 30, 0.9),
        ],
    )
    def test_the_share_at_which_a_budget_burns_so_fast(
        self, name: str, factor: float, days: int, threshold: float
    ) -> None:
        burn = next(each for each in BURN_RATES if each.factor == factor)
        alert = BurnAlert(indicator(name), burn, Objectives(window_days=days))
        assert alert.threshold == pytest.approx(threshold)
        assert alert.expression.count(f"> {alert.threshold:g}") == 2
        assert alert.expression.endswith(f">= {OBJECTIVES.min_events}")

    def test_a_shorter_window_and_a_lower_target_leave_alerts_out(self) -> None:
        tight = list(burn_alerts(Objectives(answered=0.7, window_days=7)))
        assert {each.burn.factor for each in tight if each.indicator.objective == "answered"} == set()
        none = Objectives(**dict.fromkeys((each.objective for each in INDICATORS), 0.001))
        assert {each.burn.factor for each in burn_alerts(none)} == {1}

    def test_both_windows_of_each_rate_are_recorded_and_fit_their_steps(self) -> None:
        for burn in BURN_RATES:
            assert {burn.long, burn.short} <= set(WINDOWS)
            assert burn.long_minutes > burn.short_minutes >= 4 * burn.step_minutes
            assert burn.long_minutes % burn.step_minutes == 0

    def test_names_have_no_character_that_prometheus_refuses(self) -> None:
        names = {each.name for each in burn_alerts(OBJECTIVES)}
        assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", name) for name in names)
        assert "InTimeBudgetBurns14Point4Times" in names

    def test_the_others_ask_for_what_they_say(self) -> None:
        counted = Counted("a_total", 'b="c"')
        happened = IncreaseAlert("Happened", "page", counted, "", NOTES, "2h", least=2.5)
        level = LevelAlert("High", "ticket", Counted("a"), "", 0.8, NOTES)
        assert happened.expression == 'sum(increase(a_total{b="c"}[2h])) >= 2.5'
        assert level.expression == "max(a) >= 0.8"
        assert TargetAlert("Gone", "page", "api", NOTES).expression == 'absent(up{job="api"} == 1)'
        assert {len(case.series) for case in TargetAlert("Gone", "page", "api", NOTES).cases()} == {0, 1, 2}
        assert all(case.end_minutes == 240 for case in happened.cases())
        assert all(len(series.values) == 31 for case in level.cases() for series in case.series)


class TestFiles:
    def test_shares_are_recorded_before_the_alerts_that_read_them(self) -> None:
        for name, text in rule_files(OBJECTIVES).items():
            [group] = yaml.safe_load(text)["groups"]
            kinds = ["record" if "record" in rule else "alert" for rule in group["rules"]]
            assert kinds == sorted(kinds, reverse=True), name
            recorded = {rule["record"] for rule in group["rules"] if "record" in rule}
            for rule in group["rules"]:
                assert set(re.findall(r"slo:\w+:\w+", rule["expr"] if "alert" in rule else "")) <= recorded

    def test_an_alert_that_fires_at_once_waits_for_nothing(self) -> None:
        rules = [
            rule
            for text in rule_files(OBJECTIVES).values()
            for group in yaml.safe_load(text)["groups"]
            for rule in group["rules"]
            if "alert" in rule
        ]
        assert {rule.get("for") for rule in rules} >= {None, "10m"}
        assert "0m" not in {rule.get("for") for rule in rules}
        assert {frozenset(rule["annotations"]) for rule in rules} == {frozenset({"summary", "runbook", "dashboard"})}

    def test_the_digest_changes_with_every_objective(self) -> None:
        changed = [Objectives(**{name: 0.5}) for name in ("available", "processed")]
        others = [Objectives(window_days=60), Objectives(min_events=9)]
        assert len({digest(OBJECTIVES), *map(digest, [*changed, *others])}) == 5
        assert digest(Objectives(available=0.995)) == digest(OBJECTIVES)
        assert all(digest(OBJECTIVES) in text for text in rule_files(OBJECTIVES).values())
        assert digest(OBJECTIVES) in chart_rules(OBJECTIVES)

    def test_each_file_of_cases_has_one_interval_and_its_own_rules(self) -> None:
        for name, text in case_files(OBJECTIVES).items():
            file, step = yaml.safe_load(text), name.partition("-")[0]
            assert name == f"{step}-{file['rule_files'][0]}"
            assert {file["evaluation_interval"], *(case["interval"] for case in file["tests"])} == {step}
