"""A worker exports its metrics on its own port, over HTTP and to a real Prometheus if one is installed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT
from tests.e2e.conftest import App, Running, Start, environment, free_port, prometheus
from tests.forks import Forks

TRIES = 1200


def until(true: Callable[[], bool], what: str) -> None:
    for _ in range(TRIES):
        if true():
            return
        time.sleep(0.1)
    pytest.fail(what)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, forked_start: Start, port: int) -> Iterator[Running]:
    """A service whose worker has run a job."""
    running = forked_start(tmp_path_factory.mktemp("scraped"), APP_WORKER_METRICS_PORT=str(port))
    try:
        with running.client() as client:
            sent = client.post("/v1/documents", files={"file": ("note.md", b"# Tea\n\nTea is made at four.")})
            assert sent.status_code == 202, sent.text
            document = sent.json()["items"][0]["id"]
            until(
                lambda: client.get(f"/v1/documents/{document}").json()["status"] == "published",
                "the document was not read",
            )
        yield running
    finally:
        running.stop()


def samples(address: str) -> dict[str, float]:
    reply = httpx.get(address)
    assert reply.headers["content-type"].startswith("text/plain")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_a_workers_jobs_and_ingestion_are_shown_on_its_own_port(running: Running, port: int) -> None:
    address = f"http://127.0.0.1:{port}/metrics"
    until(lambda: samples(address).get("app_jobs_total", 0) >= 1, "the worker counted no job")
    shown = samples(address)
    assert shown["app_documents_total"] == 1
    assert shown["app_ingestion_step_seconds_count"] > 0
    assert samples(f"{running.base}/metrics").get("app_jobs_total", 0) == 0


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus here")
def test_a_prometheus_configured_as_the_handbook_says_scrapes_both(running: Running, port: int, tmp_path: Path) -> None:
    with prometheus(tmp_path, config(running.base.rsplit(":", 1)[1], str(port))) as base:
        query = {"query": 'sum by (job) (app_jobs_total{result="done"})'}
        until(lambda: bool(asked(base, query)), "no scrape of the worker arrived")
        assert [each["metric"]["job"] for each in asked(base, query)] == ["worker"]
        until(lambda: len(asked(base, {"query": "up == 1"})) == 2, "one of the two is not scraped")


def asked(base: str, query: dict[str, str]) -> list[dict[str, dict[str, str]]]:
    try:
        found: list[dict[str, dict[str, str]]] = httpx.get(f"{base}/api/v1/query", params=query).json()["data"][
            "result"
        ]
    except (httpx.TransportError, ValueError, KeyError):
        return []
    return found


def config(api: str, worker: str) -> str:
    """The configuration of docs/how-to/observe.md and these ports."""
    page = (ROOT / "docs" / "how-to" / "observe.md").read_text(encoding="utf-8")
    written = page.split("```yaml\n")[1].split("```")[0]
    assert "localhost:8000" in written
    assert "localhost:8001" in written
    ports = written.replace("localhost:8000", f"127.0.0.1:{api}").replace("localhost:8001", f"127.0.0.1:{worker}")
    return "global: {scrape_interval: 1s}\n" + ports


@contextmanager
def taken(host: str = "127.0.0.1") -> Iterator[int]:
    with socket.create_server((host, 0)) as held:
        yield held.getsockname()[1]


def test_a_second_worker_on_the_same_port_says_which_setting_to_change(
    running: Running, port: int, forked_app: App
) -> None:
    done = forked_app(running.data, "worker", APP_WORKER_METRICS_PORT=str(port))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == f"app: Port {port} of 127.0.0.1 is in use; choose another with APP_WORKER_METRICS_PORT."
    assert "Traceback" not in done.stderr


def test_run_refuses_a_taken_metrics_port_before_it_starts_anything(tmp_path: Path, forked_app: App) -> None:
    with taken() as port:
        done = forked_app(tmp_path, "run", APP_PORT=str(free_port()), APP_WORKER_METRICS_PORT=str(port))
    assert (done.returncode, done.stderr) == (
        1,
        f"app: Port {port} of 127.0.0.1 is in use; choose another with APP_WORKER_METRICS_PORT.\n",
    )
    assert not (tmp_path / "postgres").exists()


def test_run_refuses_one_port_for_both(tmp_path: Path, forked_app: App) -> None:
    port = str(free_port())
    done = forked_app(tmp_path, "run", APP_PORT=port, APP_WORKER_METRICS_PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"app: API and worker cannot share port {port}; choose another with")


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_taken_port_of_the_api_is_one_sentence(command: str, tmp_path: Path, forked_app: App) -> None:
    with taken() as port:
        done = forked_app(tmp_path, command, APP_PORT=str(port))
    assert (done.returncode, done.stderr) == (
        1,
        f"app: Port {port} of 127.0.0.1 is in use; choose another with APP_PORT.\n",
    )


@pytest.mark.parametrize("command", ["serve", "run"])
def test_an_address_that_is_not_of_this_machine_is_one_sentence(command: str, tmp_path: Path, forked_app: App) -> None:
    done = forked_app(tmp_path, command, APP_HOST="192.0.2.1")
    assert done.returncode == 1
    assert done.stderr.startswith("app: Nothing can listen on 192.0.2.1 (")
    assert done.stderr.endswith("set APP_HOST to an address of this machine.\n")


def once_it_listens(url: str) -> str:
    """The reply of a worker, which starts beside the API and may listen later."""
    while True:
        try:
            return httpx.get(url).text
        except httpx.ConnectError:
            time.sleep(0.1)


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_an_ipv6_address_serves_api_and_metrics_and_is_printed_in_brackets(tmp_path: Path, forks: Forks) -> None:
    port, metrics = free_port(), free_port()
    process = subprocess.Popen(
        [*forks.command("app"), "run"],
        cwd=ROOT,
        env=environment(tmp_path, APP_HOST="::1", APP_PORT=str(port), APP_WORKER_METRICS_PORT=str(metrics)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Development key" in line:
                break
        assert f"http://[::1]:{port}" in said
        assert httpx.get(f"http://[::1]:{port}/health/ready").json()["status"] == "ok"
        assert "app_jobs_total" in once_it_listens(f"http://[::1]:{metrics}/metrics")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
