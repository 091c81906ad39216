"""Alerts, and the series that they are tried on, speak of metrics as the service exports them."""

import re

import pytest

from app.monitoring.domain.alert_catalogue import CAUSES
from app.monitoring.domain.alerts import IncreaseAlert, LevelAlert
from app.monitoring.domain.drift.signals import SIGNALS
from tests.conftest import ROOT

LINE = re.compile(r"^\| `(app_\w+)` \| (\w+) \| (.*?) \|", re.M)
EXPORTED = {
    name: set(re.findall(r"`(\w+)`", labels))
    for name, _, labels in LINE.findall((ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8"))
}
"""The labels of each metric, as the page lists them that is made from the collectors."""


OWN = [each for each in CAUSES if isinstance(each, IncreaseAlert | LevelAlert)]


def labels_of(selector: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)=~?"([^"]*)"', selector))


@pytest.mark.parametrize("alert", OWN, ids=lambda alert: alert.name)
def test_the_series_of_its_cases_have_all_labels_of_the_metric_and_no_others(alert: IncreaseAlert | LevelAlert) -> None:
    assert alert.counted.metric in EXPORTED
    assert set(labels_of(alert.labels)) == EXPORTED[alert.counted.metric]


@pytest.mark.parametrize("alert", OWN, ids=lambda alert: alert.name)
def test_it_selects_by_labels_that_the_metric_has(alert: IncreaseAlert | LevelAlert) -> None:
    assert set(labels_of(alert.counted.vector)) <= EXPORTED[alert.counted.metric]


def test_drift_is_tried_on_one_of_the_signals() -> None:
    [alert] = [each for each in OWN if each.name == "TrafficDrifted"]
    assert isinstance(alert, LevelAlert)
    assert labels_of(alert.labels)["signal"] in SIGNALS
    assert alert.level == 1  # a single tenant
