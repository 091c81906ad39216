"""Prometheus rules, and promtool's tests of them, from the objectives."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import yaml

from app.core.objectives import Objectives
from app.monitoring.domain.alert_catalogue import CAUSES
from app.monitoring.domain.alerts import WINDOWS, Alert, BurnAlert, burn_alerts
from app.monitoring.domain.indicators import INDICATORS, Indicator
from app.monitoring.domain.rule_cases import RuleCase

CAUSES_FILE = "causes.yaml"


@lru_cache(4)  # each readiness report asks for them, and writing YAML takes longer than most of its checks
def rule_files(objectives: Objectives) -> Mapping[str, str]:
    """The files of rules that Prometheus loads, by name: one for each objective, and one for the other alerts."""
    files = {}
    for indicator in INDICATORS:
        alerts = [alert for alert in burn_alerts(objectives) if alert.indicator is indicator]
        # One group: its rules are evaluated in order, so that an alert sees the shares of the same moment.
        group = {"name": indicator.objective, "rules": [*_recorded(indicator), *(_rule(alert) for alert in alerts)]}
        files[f"{indicator.objective}.yaml"] = _written(objectives, {"groups": [group]})
    causes = {"name": "causes", "rules": [_rule(alert) for alert in CAUSES]}
    return MappingProxyType({**files, CAUSES_FILE: _written(objectives, {"groups": [causes]})})


def chart_rules(objectives: Objectives) -> str:
    """All rules in one file, for the chart of deploy/helm."""
    groups = [group for text in rule_files(objectives).values() for group in yaml.safe_load(text)["groups"]]
    return _written(objectives, {"groups": sorted(groups, key=lambda group: str(group["name"]))})


def case_files(objectives: Objectives) -> dict[str, str]:
    """Files for `promtool test rules`, by name: each alert in each of its cases. The cases of one file have one
    interval, in which rules are evaluated too, so that those over days take no longer than those over minutes.
    """
    tests: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for alert in alerts_of(objectives):
        for case in alert.cases():
            tests.setdefault((_file_of(alert), case.step_minutes), []).append(_test(alert, case))
    return {
        f"{step:g}m-{rules}": yaml.safe_dump(
            {"rule_files": [rules], "evaluation_interval": f"{step:g}m", "tests": cases}, sort_keys=False, width=1000
        )
        for (rules, step), cases in tests.items()
    }


def alerts_of(objectives: Objectives) -> tuple[Alert, ...]:
    return (*burn_alerts(objectives), *CAUSES)


def _file_of(alert: Alert) -> str:
    return f"{alert.indicator.objective}.yaml" if isinstance(alert, BurnAlert) else CAUSES_FILE


def digest(objectives: Objectives) -> str:
    """SHA-256 of the objectives that files were written from."""
    stated = json.dumps(objectives.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()


def _recorded(indicator: Indicator) -> Iterator[dict[str, Any]]:
    labels = {"objective": indicator.objective}
    for window in WINDOWS:
        yield {"record": f"slo:bad_ratio:rate{window}", "expr": indicator.bad_ratio(window), "labels": labels}
        yield {"record": f"slo:events:increase{window}", "expr": indicator.events.increase(window), "labels": labels}


def _rule(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expression}
    if alert.lasting != "0m":
        rule["for"] = alert.lasting
    return {**rule, "labels": {"severity": alert.severity}, "annotations": _annotations(alert)}


def _annotations(alert: Alert) -> dict[str, str]:
    annotations = alert.annotations
    return {
        "summary": annotations.summary,
        "runbook": f"docs/runbooks/{annotations.runbook}.md",
        "dashboard": f"/d/{annotations.dashboard}",
    }


def _test(alert: Alert, case: RuleCase) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{alert.name}",alertstate="firing"}}) or vector(0)'
    expected = [{"labels": "{}", "value": int(case.fires)}]
    return {
        "name": case.what,
        "interval": f"{case.step_minutes:g}m",
        "input_series": [{"series": each.name, "values": each.notation} for each in case.series],
        "promql_expr_test": [{"expr": firing, "eval_time": f"{case.end_minutes:g}m", "exp_samples": expected}],
    }


def _written(objectives: Objectives, content: dict[str, Any]) -> str:
    first = (
        "# Written by `app monitoring write` from `objectives` in policies/slo.yaml, whose digest is\n"
        f"# {digest(objectives)}. Change that file, not this one.\n"
    )
    return first + yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)
