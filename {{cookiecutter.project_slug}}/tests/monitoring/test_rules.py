"""Each alert fires where it has to, and only there; promtool judges, on series of every kind."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.objectives import Objectives
from app.core.slo import SloPolicy
from app.monitoring.domain.alerts import Alert, BurnAlert, burn_alerts
from app.monitoring.domain.indicators import INDICATORS
from app.monitoring.domain.rule_cases import Series
from app.monitoring.domain.rules import alerts_of, case_files, chart_rules, digest, rule_files
from benchmarks.alert_drill import PROMTOOL
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

OBJECTIVES = Objectives()
FILES, TESTS = rule_files(OBJECTIVES), case_files(OBJECTIVES)
ALERTS = alerts_of(OBJECTIVES)

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, environment = ["promtool", *arguments], os.environ | PROMTOOL
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@needs_promtool
def test_prometheus_accepts_every_rule(folder: Path) -> None:
    checked = promtool(folder, "check", "rules", *FILES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def alone(folder: Path, rules: str, alert: str) -> list[str]:
    """Files with the cases of one alert, before its rule and those that it reads: promtool evaluates every rule that it
    loads, at every step of every case.
    """
    content = yaml.load((folder / rules).read_text(), yaml.CSafeLoader)
    [group] = content["groups"]
    [rule] = [each for each in group["rules"] if each.get("alert") == alert]
    assert "ALERTS" not in rule["expr"]
    group["rules"] = [each for each in group["rules"] if "record" in each and each["record"] in rule["expr"]] + [rule]
    (folder / f"{alert}-{rules}").write_text(json.dumps(content))
    written = []
    for name, cases in parsed_tests(rules).items():
        if mine := [each for each in cases["tests"] if each["name"].startswith(f"{alert}: ")]:
            changed = cases | {"rule_files": [f"{alert}-{rules}"], "tests": mine}
            (folder / f"{alert}-{name}").write_text(json.dumps(changed))
            written.append(f"{alert}-{name}")
    return written


@functools.cache
def parsed_tests(rules: str) -> dict[str, Any]:
    """The files of cases of a file of rules."""
    return {name: yaml.load(text, yaml.CSafeLoader) for name, text in TESTS.items() if name.partition("-")[2] == rules}


@needs_promtool
@pytest.mark.parametrize("rules", FILES)
def test_alerts_fire_in_their_cases_and_in_no_others(folder: Path, rules: str) -> None:
    loaded = [rule for group in yaml.safe_load(FILES[rules])["groups"] for rule in group["rules"]]
    written = [name for rule in loaded if "alert" in rule for name in alone(folder, rules, rule["alert"])]
    loaded_tests = sum(len(cases["tests"]) for cases in parsed_tests(rules).values())
    assert loaded_tests == sum(len(json.loads((folder / name).read_text())["tests"]) for name in written) > 0
    tried = promtool(folder, "test", "rules", *written)
    assert tried.returncode == 0, tried.stdout + tried.stderr


@needs_promtool
def test_a_whole_file_passes_the_cases_of_its_alerts(folder: Path) -> None:
    """As the tests above do, without anything left out."""
    (folder / "20m-answered.yaml").write_text(TESTS["20m-answered.yaml"])
    tried = promtool(folder, "test", "rules", "20m-answered.yaml")
    assert tried.returncode == 0, tried.stdout + tried.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("right", "wrong"),
    [(" >= 50", " >= 0"), ("> 0.072", "> 0.05"), ("> 0.072", "> 0.1"), ('status=~"5.."', 'status=~"4.."')],
)
def test_a_rule_that_is_wrong_fails_its_cases(folder: Path, right: str, wrong: str) -> None:
    path = folder / "available.yaml"
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    [cases] = alone(folder, "available.yaml", "AvailableBudgetBurns14Point4Times")
    assert promtool(folder, "test", "rules", cases).returncode == 1


@pytest.mark.parametrize("alert", ALERTS, ids=[alert.name for alert in ALERTS])
def test_every_alert_has_six_cases_a_severity_and_a_page_that_helps(alert: Alert) -> None:
    cases = list(alert.cases())
    assert len(cases) >= 6
    assert {case.fires for case in cases} == {True, False}
    assert (ROOT / "docs" / "runbooks" / f"{alert.annotations.runbook}.md").is_file()
    assert (ROOT / "monitoring" / "dashboards" / f"{alert.annotations.dashboard}.json").is_file()


def test_names_of_alerts_are_unique() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_an_alert_that_no_share_could_reach_is_left_out() -> None:
    alerts = list(burn_alerts(OBJECTIVES))
    assert all(alert.threshold < 1 for alert in alerts)
    kept = {alert.indicator.objective for alert in alerts}
    assert kept == {indicator.objective for indicator in INDICATORS}
    assert 14.4 not in {alert.burn.factor for alert in alerts if alert.indicator.objective == "answered"}


def test_a_longer_window_allows_less_in_the_same_time() -> None:
    def highest(objectives: Objectives) -> float:
        return max(alert.threshold for alert in burn_alerts(objectives) if alert.indicator.objective == "available")

    assert highest(Objectives(window_days=60)) == pytest.approx(highest(OBJECTIVES) / 2)


def test_every_objective_of_the_policy_has_an_indicator() -> None:
    shares = set(Objectives.model_fields) - {"window_days", "min_events"}
    assert shares == {indicator.objective for indicator in INDICATORS}


def test_the_service_watches_the_objectives_of_its_policy() -> None:
    policy = SloPolicy.model_validate(yaml.safe_load((ROOT / "policies" / "slo.yaml").read_text()))
    folder = ROOT / "monitoring" / "rules"
    assert {path.name: path.read_text() for path in folder.iterdir()} == rule_files(policy.objectives)


def test_the_chart_has_the_rules_of_all_files() -> None:
    def alerts(text: str) -> set[str]:
        groups = yaml.safe_load(text)["groups"]
        return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}

    in_the_chart = alerts(chart_rules(OBJECTIVES))
    assert in_the_chart == set().union(*map(alerts, FILES.values())) == {alert.name for alert in ALERTS}
    assert (ROOT / "deploy" / "helm" / "files" / "rules.yml").read_text() == chart_rules(OBJECTIVES)


def test_every_file_says_from_which_objectives_it_was_made() -> None:
    other = Objectives(grounded=0.9)
    assert digest(OBJECTIVES) != digest(other)
    assert all(digest(OBJECTIVES) in text for text in FILES.values())
    assert all(digest(other) in text for text in rule_files(other).values())


@pytest.mark.parametrize(
    ("values", "notation"),
    [
        ((0.0, 1.0, 2.0, 3.0), "0+1x3"),
        ((5.0, 5.0, 5.0), "5+0x2"),
        ((0.0, 2.0, 4.0, 0.0, 2.0, 4.0), "0+2x2 0+2x2"),
        ((1.0,), "1"),
        ((1.0, 3.0), "1 3"),
        ((9.0, 6.0, 3.0), "9-3x2"),
    ],
)
def test_series_are_written_as_promtool_reads_them(values: tuple[float, ...], notation: str) -> None:
    assert Series("a", values).notation == notation


def test_burn_alerts_know_their_objective() -> None:
    alert = next(each for each in ALERTS if isinstance(each, BurnAlert))
    assert 'objective="available"' in alert.expression
