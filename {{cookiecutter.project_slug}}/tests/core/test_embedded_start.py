"""A first start of the embedded server that was interrupted, such as by a kill."""

from pathlib import Path

import psycopg
import pytest

from app.core.embedded import start_embedded

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
