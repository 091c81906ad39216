"""A missing privilege is reported in one sentence with the statement that grants it, and the statement works."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.grants import ADMINISTRATOR, greeting_of, sentence_of
from app.core.revisions import required
from app.core.schema import migrate
from tests.conftest import ROOT
from tests.e2e.conftest import app
from tests.forks import Forks


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


@contextmanager
def server_at(admin: Urls, revision: str) -> Iterator[BareServer]:
    """A database of a revision, owned by an ordinary role."""
    server = BareServer(admin)
    try:
        server.run("create extension vector", database=None)
        server.run(f"grant app_service to {server.service}")
        server.run(f"alter schema public owner to {server.owner}", database=None)
        migrate(server.url(server.owner), server.url(server.service), ROOT, revision)
        yield server
    finally:
        server.drop()


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
    latest = " with ".join(required(ROOT))
    assert migrate(bare.url(bare.owner), bare.url(bare.service), ROOT) == (latest, latest)


def test_a_migration_without_ownership_of_the_tables_reports_it(bare: BareServer, tmp_path: Path, forks: Forks) -> None:
    bare.run("create extension vector", database=None)
    bare.run(f"grant app_service to {bare.service}")
    migrate(bare.url(), bare.url(bare.service), ROOT)
    names = {"DATABASE_URL": bare.url(bare.service), "APP_DATABASE_OWNER_URL": bare.url(bare.owner)}
    done = app(tmp_path, "migrate", "--to", "0014", command=forks.command("app"), **names)
    assert done.returncode == 1
    assert re.fullmatch(r"app: The role \w+_owner (lacks|does not own|may not) .+ run '.+;' in .+\n", done.stderr), (
        done.stderr
    )


def test_any_command_reports_a_missing_privilege(bare: BareServer, tmp_path: Path, forks: Forks) -> None:
    bare.run("create extension vector", database=None)
    bare.run(f"grant app_service to {bare.service}")
    migrate(bare.url(), bare.url(bare.service), ROOT)
    bare.run("revoke all on api_keys from app_service", database=None)
    names = {"DATABASE_URL": bare.url(bare.service), "APP_EMBEDDER": "none", "APP_MASTER_KEY": "m" * 64}
    done = app(tmp_path, "keys", "create", "reader", command=forks.command("app"), **names)
    assert done.returncode == 1
    assert done.stderr == (
        f"app: The role {bare.service} lacks all on the table api_keys; let an administrator of the database run "
        f"'grant all on table api_keys to {bare.service};' in this database, then try again.\n"
    )


def test_a_database_that_does_not_exist_is_named(database_urls: Urls, tmp_path: Path, forks: Forks) -> None:
    url = make_url(database_urls.service).set(database="nowhere").render_as_string(hide_password=False)
    for command in (["keys", "list"], ["migrate"]):
        done = app(tmp_path, *command, command=forks.command("app"), DATABASE_URL=url)
        assert done.returncode == 1
        assert done.stderr.startswith('app: The database refuses the connection: database "nowhere" does not exist;')


Refused = psycopg.errors.InsufficientPrivilege
OWNER, SERVICE = "postgresql://own@h/d", "postgresql://serve@h/d"


@pytest.mark.parametrize(
    ("message", "need", "statement"),
    [
        (
            'permission denied to create extension "vector"',
            "may not create the extension vector",
            "create extension vector",
        ),
        ("permission denied to create role", "may not create the role app_service", "create role app_service nologin"),
        (
            'permission denied to grant role "app_service"',
            "may not grant the role app_service",
            "grant app_service to serve",
        ),
        (
            'must have admin option on role "app_service"',
            "may not grant the role app_service",
            "grant app_service to serve",
        ),
        ("must be owner of table documents", "does not own the table documents", "alter table documents owner to own"),
        (
            "must be owner of relation documents",
            "does not own the table documents",
            "alter table documents owner to own",
        ),
        (
            "must be owner of materialized view counts",
            "does not own the materialized view counts",
            "alter materialized view counts owner to own",
        ),
        (
            "permission denied for schema public",
            "lacks usage, create on the schema public",
            "grant usage, create on schema public to own",
        ),
        ("permission denied for table answers", "lacks all on the table answers", "grant all on table answers to own"),
        (
            "permission denied for view pg_shadow",
            "lacks select on the view pg_shadow",
            "grant select on view pg_shadow to own",
        ),
        ("permission denied for sequence s", "lacks all on the sequence s", "grant all on sequence s to own"),
        ("permission denied for function f", "lacks execute on the function f", "grant execute on function f to own"),
        (
            "permission denied for large object 7",
            "lacks all on the large object 7",
            "grant all on large object 7 to own",
        ),
    ],
)
def test_each_missing_privilege_has_its_statement(message: str, need: str, statement: str) -> None:
    found = f"The role own {need}; {ADMINISTRATOR} '{statement};' in this database, then try again."
    assert sentence_of(Refused(message), OWNER, SERVICE) == found
    assert sentence_of(DBAPIError("select 1", None, Refused(message)), OWNER, SERVICE) == found


@pytest.mark.parametrize(
    ("url", "role"),
    [
        ("postgresql://Own@h/d", '"Own"'),
        ("postgresql://my-owner@h/d", '"my-owner"'),
        ("postgresql://a%22%3B--@h/d", '"a"";--"'),
    ],
)
def test_a_role_that_is_no_plain_name_is_quoted_in_the_statement(url: str, role: str) -> None:
    found = sentence_of(Refused("permission denied for table t"), url, SERVICE)
    assert found is not None
    assert f"'grant all on table t to {role};'" in found


def test_a_privilege_without_a_known_statement_is_reported_as_the_server_says_it() -> None:
    found = sentence_of(Refused("permission denied to set parameter.\nmore"), OWNER, SERVICE)
    assert found == (
        "The role own lacks a privilege: permission denied to set parameter; "
        "let an administrator of the database grant it."
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no database"), None),
        (psycopg.errors.UndefinedTable("no such table."), "The database refused a statement (42P01): no such table."),
        (psycopg.OperationalError("gone\nfar"), "The database refused a statement: gone."),
        (
            psycopg.errors.FeatureNotSupported('extension "vector" is not available'),
            "This database server does not have pgvector: install version 0.8.5 or newer on it, then try again.",
        ),
        (
            psycopg.errors.FeatureNotSupported("cross-database references"),
            "The database refused a statement (0A000): cross-database references.",
        ),
    ],
)
def test_other_errors_of_the_database_are_one_sentence(error: Exception, sentence: str | None) -> None:
    assert sentence_of(error, OWNER, SERVICE) == sentence


def test_the_greeting_of_a_server_is_found_below_other_errors() -> None:
    refusal = psycopg.OperationalError('connection failed: FATAL:  database "d" does not exist \nmore')
    outer = RuntimeError("outer")
    outer.__cause__ = RuntimeError("between")
    outer.__cause__.__cause__ = refusal
    assert greeting_of(outer) == greeting_of(refusal) == 'database "d" does not exist'
    assert greeting_of(psycopg.OperationalError("could not connect")) is None
    assert greeting_of(ValueError("FATAL: no error of the server")) is None
