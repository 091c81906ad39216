"""Every query of a rule or a panel names metrics and labels that the service has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.dashboards import Dashboard, Panel
from tests.conftest import ROOT
from tests.house.test_docs import load_reference

OF_PROMETHEUS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}
OF_THE_PROCESS = {"process_resident_memory_bytes"}
RECORDED = re.compile(r"slo:(bad_ratio:rate|events:increase)(5m|30m|1h|2h|6h|1d|3d)")
SUFFIX = re.compile(r"_(bucket|count|sum|total)$")
RULES = sorted((ROOT / "monitoring" / "rules").glob("*.yaml"))


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The labels of each metric that the code declares."""
    load_reference().import_everything()
    metrics = {}
    for collector, names in REGISTRY._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            metrics[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return metrics


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of a query, each with the labels that it is selected by."""

    def walk(node: object) -> Iterator[tuple[str, set[str]]]:
        if isinstance(node, promql_parser.VectorSelector):
            yield str(node.name), {str(matcher.name) for matcher in node.matchers.matchers}
        for name in ("vector_selector", "expr", "lhs", "rhs", "param"):
            if (child := getattr(node, name, None)) is not None:
                yield from walk(child)
        for child in getattr(node, "args", None) or ():
            yield from walk(child)

    query = expression.replace("$__rate_interval", "5m").replace("$__range", "1h")
    yield from walk(promql_parser.parse(query))


def grouped_by(expression: str) -> set[str]:
    groups = re.findall(r"by \(([^)]*)\)", expression)
    return {label.strip() for group in groups for label in group.split(",")}


def unknown_names(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What the query names and the service does not have."""
    used = list(selectors(expression))
    assert used, expression
    wrong, labels = [], {"job", "instance"}
    for metric, chosen in used:
        if RECORDED.fullmatch(metric):
            has = {"objective"}
        elif metric in OF_PROMETHEUS:
            has = OF_PROMETHEUS[metric]
        elif metric in OF_THE_PROCESS or metric in known:
            has = known.get(metric, set())
        else:
            wrong.append(metric)
            continue
        labels |= has
        wrong += [f"{metric}{{{label}}}" for label in chosen - has - {"job", "instance"}]
    return wrong + sorted(grouped_by(expression) - labels)


@pytest.mark.parametrize("board", DASHBOARDS, ids=[board.uid for board in DASHBOARDS])
def test_every_panel_shows_what_the_service_counts(board: Dashboard, known: dict[str, set[str]]) -> None:
    wrong = {panel.title: unknown_names(query.expression, known) for panel in board.panels for query in panel.queries}
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("path", RULES, ids=[path.stem for path in RULES])
def test_every_rule_is_about_what_the_service_counts(path: Path, known: dict[str, set[str]]) -> None:
    groups = yaml.safe_load(path.read_text())["groups"]
    wrong = {rule["expr"]: unknown_names(rule["expr"], known) for group in groups for rule in group["rules"]}
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(app_answer_total[5m]))",
        'sum(rate(app_answers_total{state="x"}[5m]))',
        "max by (arm) (app_charges_late)",
    ],
)
def test_a_query_for_what_does_not_exist_is_noticed(query: str, known: dict[str, set[str]]) -> None:
    assert unknown_names(query, known)


@pytest.mark.parametrize("board", DASHBOARDS, ids=[board.uid for board in DASHBOARDS])
def test_panels_do_not_overlap_and_each_is_explained(board: Dashboard) -> None:
    read = json.loads(board.as_json())
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in read["panels"]}
    assert len(places) == len(board.panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in read["panels"])
    for panel in read["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len(panel["targets"]) == len({target["refId"] for target in panel["targets"]})
    titles = [panel.title for panel in board.panels]
    assert len(set(titles)) == len(titles)


def test_no_query_of_a_panel_is_lost() -> None:
    panels: list[Panel] = [panel for board in DASHBOARDS for panel in board.panels]
    assert max(len(panel.queries) for panel in panels) <= 8
    for board in DASHBOARDS:
        read = json.loads(board.as_json())
        assert [len(panel["targets"]) for panel in read["panels"]] == [len(panel.queries) for panel in board.panels]


def test_the_dashboards_in_the_folder_are_those_of_the_code() -> None:
    folder = ROOT / "monitoring" / "dashboards"
    expected = {f"{board.uid}.json": board.as_json() for board in DASHBOARDS}
    assert {path.name: path.read_text() for path in folder.iterdir()} == expected
