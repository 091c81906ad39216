"""A missing privilege is reported in one sentence with the statement that grants it, and the statement works."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.revisions import newest
from app.core.schema import migrate
from tests.conftest import ROOT
from tests.e2e.conftest import app


class BareServer:
    """A database on a server on which nothing has been prepared for the service."""

    def __init__(self, admin: Urls) -> None:
        self.name = f"bare_{uuid4().hex[:12]}"
        self.owner, self.service = f"{self.name}_owner", f"{self.name}_service"
        self.admin = make_url(admin.owner)
        for role in (self.owner, self.service):
            self.run(f"create role {role} login")
        self.run(f"create database {self.name}")

    def url(self, role: str | None = None, database: str | None = None) -> str:
        url = self.admin.set(database=database or self.name)
        return (url.set(username=role) if role else url).render_as_string(hide_password=False)

    def run(self, statement: str, database: str | None = "postgres") -> None:
        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def migrate(self) -> str:
        """Migrate; returns the error, or an empty string."""
        try:
            migrate(self.url(self.owner), self.url(self.service), ROOT)
        except StartRefused as refused:
            return str(refused)
        return ""

    def drop(self) -> None:
        self.run(f"drop database {self.name} with (force)")
        for role in (self.owner, self.service):
            self.run(f"drop role {role}")


@pytest.fixture
def bare(database_urls: Urls) -> Iterator[BareServer]:
    made = BareServer(database_urls)
    yield made
    made.drop()


def test_the_statements_in_the_errors_lead_to_a_migrated_database(bare: BareServer) -> None:
    errors: list[str] = []
    while error := bare.migrate():
        assert error not in errors, error
        assert error.startswith(f"The role {bare.owner} "), error
        errors.append(error)
        [statement] = re.findall(r"run '(.+?);' in this database", error)
        bare.run(statement, database=None)
    assert len(errors) >= 2
    assert migrate(bare.url(bare.owner), bare.url(bare.service), ROOT) == (newest(ROOT), newest(ROOT))


def test_a_migration_without_ownership_of_the_tables_reports_it(bare: BareServer, tmp_path: Path) -> None:
    bare.run("create extension vector", database=None)
    bare.run(f"grant app_service to {bare.service}")
    migrate(bare.url(), bare.url(bare.service), ROOT)
    names = {"DATABASE_URL": bare.url(bare.service), "APP_DATABASE_OWNER_URL": bare.url(bare.owner)}
    done = app(tmp_path, "migrate", "--to", "0014", **names)
    assert done.returncode == 1
    assert re.fullmatch(r"app: The role \w+_owner (lacks|does not own|may not) .+ run '.+;' in .+\n", done.stderr), (
        done.stderr
    )


def test_any_command_reports_a_missing_privilege(bare: BareServer, tmp_path: Path) -> None:
    bare.run("create extension vector", database=None)
    bare.run(f"grant app_service to {bare.service}")
    migrate(bare.url(), bare.url(bare.service), ROOT)
    bare.run("revoke all on api_keys from app_service", database=None)
    names = {"DATABASE_URL": bare.url(bare.service), "APP_EMBEDDER": "none", "APP_MASTER_KEY": "m" * 64}
    done = app(tmp_path, "keys", "create", "reader", **names)
    assert done.returncode == 1
    assert done.stderr == (
        f"app: The role {bare.service} lacks all on the table api_keys; let an administrator of the database run "
        f"'grant all on table api_keys to {bare.service};' in this database, then try again.\n"
    )


def test_a_database_that_does_not_exist_is_named(database_urls: Urls, tmp_path: Path) -> None:
    url = make_url(database_urls.service).set(database="nowhere").render_as_string(hide_password=False)
    for command in (["keys", "list"], ["migrate"]):
        done = app(tmp_path, *command, DATABASE_URL=url)
        assert done.returncode == 1
        assert done.stderr.startswith('app: The database refuses the connection: database "nowhere" does not exist;')
