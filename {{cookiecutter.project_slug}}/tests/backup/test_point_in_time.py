"""Point-in-time recovery with PostgreSQL's own programs and the settings of the how-to page."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from app.core.embedded import EmbeddedPostgres, start_embedded
from app.core.postgres_tools import find_tool
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "how-to" / "back-up-and-restore.md"
OWN_USER = "pgserver"
"""As which the embedded server runs where the tests are root."""


def settings_of(page: Path) -> list[str]:
    section = page.read_text(encoding="utf-8").split("\n## Point-in-time recovery\n")[1]
    return re.findall(r"```ini\n(.*?)```", section, re.S)


def run_sql(server: EmbeddedPostgres, *statements: str) -> list[str]:
    """The statements as the superuser; the first column of what the last one gives."""
    with psycopg.connect(server.urls("postgres").owner, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return [str(row[0]) for row in cursor] if cursor.description else []


def give_to_the_server(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam(OWN_USER).pw_uid
        for each in (path, *path.rglob("*")):
            os.chown(each, owner, -1)


@contextmanager
def running(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = start_embedded(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.slow
def test_a_base_backup_and_the_archive_bring_back_the_minute_before_the_mistake(tmp_path: Path) -> None:
    archive, old, new = (tmp_path / name for name in ("archive", "old", "new"))
    archiving, recovering = settings_of(PAGE)
    archive.mkdir()
    with running(old):
        pass
    give_to_the_server(archive)
    configure(old, archiving.replace("/archive", str(archive)))
    with running(old) as server:
        [host] = parse_qs(urlsplit(server.urls("postgres").owner).query)["host"]
        run_sql(server, "create table notes (text text)", "insert into notes values ('before the backup')")
        base = ["--checkpoint=fast", "--username=postgres", f"--host={host}", f"--pgdata={new / 'postgres'}"]
        new.mkdir()
        subprocess.run([find_tool("pg_basebackup", 18), *base], check=True, capture_output=True)
        [moment] = run_sql(server, "insert into notes values ('after the backup')", "select clock_timestamp()")
        run_sql(server, "delete from notes", "select pg_switch_wal()")
        # What the archive does not hold is lost: the last segment has to arrive.
        [last] = run_sql(server, "select last_archived_wal from pg_stat_archiver")
        while last == "None":
            [last] = run_sql(server, "select last_archived_wal from pg_stat_archiver")
    give_to_the_server(new / "postgres")
    recovering = recovering.replace("/archive", str(archive))
    configure(new, re.sub(r"(recovery_target_time = )'.*'", rf"\1'{moment}'", recovering))
    (new / "postgres" / "recovery.signal").touch()
    give_to_the_server(new / "postgres")
    with running(new) as server:
        while run_sql(server, "select pg_is_in_recovery()") == ["True"]:
            pass
        assert run_sql(server, "select text from notes order by 1") == ["after the backup", "before the backup"]
        run_sql(server, "insert into notes values ('the service goes on')")
    shutil.rmtree(archive)


def configure(folder: Path, lines: str) -> None:
    with (folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write(f"\n{lines}")
