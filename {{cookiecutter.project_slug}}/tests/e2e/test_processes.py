import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import App, Running, Start, free_port, serving, start


def test_an_unknown_setting_stops_every_command_with_one_sentence(tmp_path: Path, forked_app: App) -> None:
    done = forked_app(tmp_path, "serve", APP_LOG_LEVLE="INFO")
    assert done.returncode == 1
    assert done.stderr == "app: APP_LOG_LEVLE is not a setting of this service; did you mean APP_LOG_LEVEL?\n"


def test_config_check_prints_each_setting_and_each_policy(tmp_path: Path, forked_app: App) -> None:
    done = forked_app(tmp_path, "config", "check", APP_KEY_PEPPER="x" * 32)
    assert done.returncode == 0, done.stderr
    assert "APP_KEY_PEPPER" in done.stdout
    assert "x" * 32 not in done.stdout
    assert "policies/ownership.yaml" in done.stdout


def test_a_command_that_needs_the_schema_says_how_to_make_it(tmp_path: Path, forked_app: App) -> None:
    done = forked_app(tmp_path, "keys", "list")
    assert done.returncode == 1
    assert "run 'app migrate'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_run_prints_a_key_that_works_and_the_same_one_at_the_next_start(tmp_path: Path, forked_start: Start) -> None:
    first = start(tmp_path)
    with first.client() as client:
        assert client.get("/v1/keys").status_code == 200
        [console] = re.findall(r"http\S+/console/", first.printed)
        assert client.get(console).headers["content-type"].startswith("text/html")
    assert first.stop() == 0
    second = forked_start(tmp_path)
    assert second.key == first.key
    assert second.stop() == 0


def test_run_refuses_a_port_that_is_taken(service: Running, tmp_path: Path, forked_app: App) -> None:
    done = forked_app(tmp_path, "run", APP_PORT=service.base.rsplit(":", 1)[1])
    assert done.returncode == 1
    assert "choose another with APP_PORT" in done.stderr


def test_a_start_with_another_embedder_than_the_index_has_says_at_once_what_to_set(
    tmp_path: Path, forked_app: App, forked_start: Start
) -> None:
    assert forked_start(tmp_path).stop() == 0
    for command in ("run", "serve"):
        done = forked_app(tmp_path, command, APP_EMBEDDER="none", APP_PORT=str(free_port()))
        assert done.returncode == 1
        assert done.stderr.startswith("app: Index 1 was built with the embedder minilm-int8@"), done.stderr
        assert "this process uses none. Set APP_EMBEDDER=minilm and no APP_EMBEDDER_FOLDER" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_key_made_on_the_command_line_works_and_is_soon_revoked(service: Running, forked_app: App) -> None:
    key = forked_app(service.data, "keys", "create", "reader", "--role", "user").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{service.base}/v1/models"
    assert httpx.get(address, headers=headers).status_code == 200
    assert forked_app(service.data, "keys", "revoke", key.split("_")[1]).returncode == 0
    _until(lambda: httpx.get(address, headers=headers).status_code == 401)


def test_the_service_survives_the_death_of_its_database(tmp_path: Path, forked_start: Start) -> None:
    running = forked_start(tmp_path, APP_EMBEDDER="none")
    try:
        with running.client() as client:
            os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]), 9)
            down = _first_down(client)
            assert down.json()["checks"]["database"] != "ok"
            assert client.get("/health/live").status_code == 200
            refused = client.get("/v1/keys")
            assert refused.status_code == 200 or refused.json()["code"] == "database_unavailable"
            _until(lambda: client.get("/health/ready").status_code == 200)
            assert client.get("/v1/keys").status_code == 200
    finally:
        assert running.stop() == 0


def _first_down(client: httpx.Client) -> httpx.Response:
    """Wait until the health route reports the outage; a connection may outlive its server for a moment."""
    while (reply := client.get("/health/ready")).status_code != 503:
        pass
    return reply


def _until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.1)


def test_a_start_without_a_database_answers_and_says_what_is_missing(tmp_path: Path, forked_app: App) -> None:
    gone = "postgresql://nobody@127.0.0.1:1/none"
    done = forked_app(tmp_path, "keys", "list", DATABASE_URL=gone)
    assert (done.returncode, done.stderr) == (
        1,
        "app: The database does not answer; start it, or correct DATABASE_URL.\n",
    )
    with serving(tmp_path, DATABASE_URL=gone) as base:
        assert httpx.get(f"{base}/health/live").status_code == 200
        ready = httpx.get(f"{base}/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] != "ok"
        refused = httpx.get(f"{base}/v1/keys", headers={"Authorization": f"Bearer sk_{'a' * 12}_{'a' * 32}"})
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
