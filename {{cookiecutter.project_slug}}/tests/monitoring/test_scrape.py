"""What the service exports holds every metric that alerts and dashboards name."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from app.core.objectives import Objectives
from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.indicators import INDICATORS
from app.monitoring.domain.rules import alerts_of
from tests.monitoring.test_dashboards import OF_PROMETHEUS, RECORDED, selectors

OF_WORKERS = {"app_documents_total", "app_jobs_total", "app_expired_total"}
"""Declared in this process too, since it has all modules."""


def named() -> set[str]:
    """The metrics of all queries."""
    queries = [query.expression for board in DASHBOARDS for panel in board.panels for query in panel.queries]
    queries += [alert.expression for alert in alerts_of(Objectives())]
    queries += [each.bad_ratio("5m") for each in INDICATORS]
    metrics = {metric for query in queries for metric, _ in selectors(query)}
    return {name for name in metrics if name not in OF_PROMETHEUS and not RECORDED.fullmatch(name)}


async def test_every_metric_is_exported(client: httpx.AsyncClient) -> None:
    exported = (await client.get("/metrics")).text
    families = {family.name for family in text_string_to_metric_families(exported)}
    endings = ("_total", "_bucket", "_count", "_sum")
    missing = {name for name in named() if not {name, *(name.removesuffix(end) for end in endings)} & families}
    assert missing == set()
    assert named() >= OF_WORKERS
