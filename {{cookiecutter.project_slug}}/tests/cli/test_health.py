"""`app health` asks a process of this machine, and `app migrate --wait` its database."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.cli.database import migrate_database
from app.cli.health import health, missing_of
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.schema import migrate
from tests.cli.own_process import run_alone
from tests.conftest import ROOT, TESTED, FreshDatabase


class Process(BaseHTTPRequestHandler):
    """Shows metrics as a worker does, and one failing check as an API does whose database is down."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/metrics" else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"checks": {"storage": "ok", "database": "does not answer"}}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Process)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_an_api_that_is_not_ready_is_unhealthy_by_the_name_of_what_is_missing(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_PORT", str(port))
    with pytest.raises(StartRefused, match=r"^database: does not answer$"):
        health(worker=False)


def test_a_worker_is_healthy_while_it_shows_its_metrics(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_WORKER_METRICS_PORT", str(port))
    health(worker=True)
    monkeypatch.setenv("APP_WORKER_METRICS_PORT", "1")
    with pytest.raises(StartRefused, match="The worker does not answer"):
        health(worker=True)
    assert missing_of("http://127.0.0.1:1")


def test_asking_for_health_imports_no_part_of_the_service(tmp_path: Path) -> None:
    ended, loaded = run_alone(tmp_path, "health", APP_PORT="1")
    assert (ended.returncode, ended.stderr) == (1, "app: The API does not answer yet.\n")
    assert not {"sqlalchemy", "fastapi", "psycopg", "app.wiring"} & loaded


@pytest.fixture
def empty(fresh_database: FreshDatabase) -> Iterator[Urls]:
    with fresh_database() as urls:
        migrate(urls.owner, urls.service, ROOT, "base")
        yield urls


def test_a_process_can_wait_for_the_schema_and_never_makes_it(empty: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty.service)
    monkeypatch.setenv("APP_ROOT", str(TESTED))
    with pytest.raises(StartRefused, match="run 'app migrate'"):
        migrate_database(wait=0)
    monkeypatch.setattr("app.cli.database.AGAIN_SECONDS", 0)
    printed: list[str] = []

    def migrates(text: str, **_: object) -> None:
        printed.append(text)
        migrate(empty.owner, empty.service, ROOT)

    monkeypatch.setattr("app.cli.database.out.print", migrates)
    migrate_database(wait=3600)
    assert len(printed) == 1


def test_a_database_that_does_not_answer_is_waited_for_too(nowhere: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", nowhere.service)
    with pytest.raises(DatabaseUnavailable):
        migrate_database(wait=0)
