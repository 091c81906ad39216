"""A real Prometheus scrapes the API and a worker, loads the shipped rules, and answers the query of every panel."""

import shutil
from collections.abc import Iterator

import httpx
import pytest

from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.dashboards import Dashboard
from tests.conftest import ROOT
from tests.e2e.conftest import Running, Start, free_port, prometheus
from tests.e2e.test_worker_metrics import until
from tests.monitoring.test_dashboards import OF_PROMETHEUS, RECORDED, selectors

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus here")

ENDINGS = ("_total", "_bucket", "_count", "_sum")
ON_EVERY_SERIES = {"job", "instance", "__name__"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, forked_start: Start) -> Iterator[str]:
    """The address of a Prometheus that has scraped a service which did what it is for."""
    port = free_port()
    running = forked_start(tmp_path_factory.mktemp("panels"), APP_WORKER_METRICS_PORT=str(port))
    try:
        used(running)
        with prometheus(tmp_path_factory.mktemp("prometheus"), config(running.base, port)) as address:
            until(lambda: len(asked(address, "up == 1")) == 2, "API and worker were not scraped")
            until(lambda: evaluated(address), "the rules were not evaluated")
            yield address
    finally:
        running.stop()


def used(running: Running) -> None:
    """A document, an answer, a refusal and a request that is refused."""
    with running.client() as client:
        sent = client.post("/v1/documents", files={"file": ("note.md", b"# Tea\n\nTea is made at four o'clock.")})
        document = sent.json()["items"][0]["id"]
        until(
            lambda: client.get(f"/v1/documents/{document}").json()["status"] == "published", "the document was not read"
        )
        for question in ("When is tea made?", "Which planets have rings?"):
            assert client.post("/v1/answers", json={"question": question}).status_code == 200


def config(api: str, worker: int) -> str:
    """With the rules that are shipped, evaluated every second."""
    targets = {"api": api.removeprefix("http://"), "worker": f"127.0.0.1:{worker}"}
    jobs = "".join(f"  - {{job_name: {job}, static_configs: [{{targets: ['{at}']}}]}}\n" for job, at in targets.items())
    rules = ROOT / "monitoring" / "rules" / "*.yaml"
    return f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{rules}']\nscrape_configs:\n{jobs}"


def fetched(base: str, path: str, **parameters: str) -> object:
    try:
        reply = httpx.get(f"{base}/api/v1/{path}", params=parameters)
    except httpx.TransportError:
        return None
    return reply.json().get("data") if reply.status_code == 200 else None


def asked(base: str, query: str) -> list[dict[str, dict[str, str]]]:
    found = fetched(base, "query", query=query)
    return found["result"] if isinstance(found, dict) else []


def all_rules(base: str) -> list[dict[str, str]]:
    found = fetched(base, "rules")
    groups = found["groups"] if isinstance(found, dict) else []
    return [rule for group in groups for rule in group["rules"]]


def evaluated(base: str) -> bool:
    rules = all_rules(base)
    return bool(rules) and all(rule["health"] != "unknown" for rule in rules)


@pytest.fixture(scope="module")
def families(base: str) -> set[str]:
    """The metrics that the two processes show, also those without any series yet."""
    found = fetched(base, "targets/metadata")
    assert isinstance(found, list)
    return {each["metric"] for each in found}


def unknown(base: str, expression: str, families: set[str]) -> list[str]:
    """Metrics of a query that no process shows, and labels that no series of theirs has."""
    wrong = []
    for metric, chosen in selectors(expression):
        if RECORDED.fullmatch(metric) or metric in OF_PROMETHEUS:
            continue
        if not {metric, *(metric.removesuffix(ending) for ending in ENDINGS)} & families:
            wrong.append(metric)
            continue
        series = fetched(base, "series", **{"match[]": metric})
        has = {label for each in series for label in each} if isinstance(series, list) else set()
        if has:  # without a series there are no labels to compare with
            wrong += [f"{metric}{{{label}}}" for label in sorted(chosen - has - ON_EVERY_SERIES)]
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("board", DASHBOARDS, ids=[board.uid for board in DASHBOARDS])
def test_every_panel_is_answered_from_what_is_scraped(base: str, families: set[str], board: Dashboard) -> None:
    for panel in board.panels:
        for query in panel.queries:
            expression = query.expression.replace("$__rate_interval", "1m").replace("$__range", "1h")
            reply = httpx.get(f"{base}/api/v1/query", params={"query": expression})
            assert reply.json()["status"] == "success", (panel.title, reply.text)
            assert unknown(base, expression, families) == [], panel.title


@pytest.mark.slow
def test_answers_are_shown_by_the_release_that_gave_them(base: str) -> None:
    panel = next(each for board in DASHBOARDS for each in board.panels if each.title == "Answers by release")
    expression = panel.queries[0].expression.replace("$__rate_interval", "1m")
    until(lambda: bool(asked(base, expression)), "no release is shown")
    assert [each["metric"] for each in asked(base, expression)] == [{"release": "1", "arm": "live"}]


@pytest.mark.slow
def test_every_rule_is_evaluated_on_what_is_scraped(base: str, families: set[str]) -> None:
    rules = all_rules(base)
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}
    assert {rule["name"]: wrong for rule in rules if (wrong := unknown(base, rule["query"], families))} == {}


@pytest.mark.slow
def test_a_service_that_works_sets_off_no_alert(base: str) -> None:
    assert [each["metric"]["alertname"] for each in asked(base, 'ALERTS{alertstate="firing"}')] == []


@pytest.mark.slow
@pytest.mark.parametrize("query", ["rate(app_answer_total[1m])", 'sum(app_answers_total{colour="red"})'])
def test_a_name_that_does_not_exist_is_noticed(base: str, families: set[str], query: str) -> None:
    assert unknown(base, query, families)
