"""Dashboards for Grafana, as JSON of its classic schema (version 39), which every Grafana since 10 reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["short", "s", "percentunit", "reqps", "currencyUSD", "ops"]

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS, _HEIGHT = 3, 8
_WIDTH = 24 // _COLUMNS


@dataclass(frozen=True)
class Query:
    """legend: with labels in Grafana's double braces."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """description: what a reader learns from it."""

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    least: float | None = 0


@dataclass(frozen=True)
class Dashboard:
    """uid: unique, and part of its address."""

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]

    def as_json(self) -> str:
        panels = [_panel(number, panel) for number, panel in enumerate(self.panels)]
        board = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["service"],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": [_DATASOURCE]},
            "panels": panels,
        }
        return json.dumps(board, indent=2) + "\n"


_DATASOURCE = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus", "hide": 0}


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": panel.least, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [_target(letter, query) for letter, query in zip("ABCDEFGH", panel.queries, strict=False)],
    }


def _target(letter: str, query: Query) -> dict[str, Any]:
    return {"refId": letter, "datasource": _SOURCE, "expr": query.expression, "legendFormat": query.legend or "total"}
