"""The database schema: verified at every start, changed only by `app migrate`."""

import importlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from app.core.database import CONNECT_SECONDS, database_problems, metadata, problem_of
from app.core.errors import StartRefused
from app.core.grants import sentence_of
from app.core.locks import MIGRATIONS
from app.core.pooling import PATIENT_SECONDS, check_addresses, refuse_shared_sessions_now
from app.core.revisions import (
    EXTENSIONS,
    NO_EXTENSIONS,
    VERSIONS,
    current,
    extensions,
    reached,
    required,
    revisions,
    supported_code,
)
from app.core.rls import SERVICE_ROLE

OLDEST_PGVECTOR = (0, 8, 5)
OWNER_SETTING = "APP_DATABASE_OWNER_URL"
LOCK_SECONDS = 5
STATEMENT_SECONDS = 600
POLL_SECONDS = 0.2


def _engine(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)


def migrate(owner_url: str, service_url: str, root: Path, target: str = "head") -> tuple[str | None, str | None]:
    """Migrate the schema to `target`, one process at a time; returns the revisions before and after.

    target: a revision of either chain, "head" for the newest of both, "base" for no tables,
    "extensions@base" for those of the template alone.
    Each statement waits at most 5 s for a lock and runs at most 10 min, so that a migration never blocks traffic
    for longer. A failed migration changes nothing; one that builds indexes concurrently keeps what is done and can be
    run again. Errors: StartRefused, with the privilege that is missing.
    """
    refuse_shared_sessions_now(owner_url, "DATABASE_URL" if owner_url == service_url else OWNER_SETTING)
    _refuse_other_encoding(owner_url)
    engine = _engine(owner_url)
    try:
        with engine.connect() as connection:
            return _migrate(connection, service_url, root, target)
    except DBAPIError as error:
        if problem_of(error) or not (sentence := sentence_of(error, owner_url, service_url)):
            raise
        raise StartRefused(sentence) from error


IS_UTF8 = "select encoding = pg_char_to_encoding('UTF8') from pg_database where datname = current_database()"
NOT_UTF8 = (
    "The database is not encoded in UTF8, so that text comes back as bytes: make another one with "
    "\"create database NAME encoding 'UTF8' template template0\" and name it in DATABASE_URL."
)


def _refuse_other_encoding(url: str) -> None:
    """Errors: StartRefused. SQLAlchemy would fail at its first look at the server, without a reason."""
    with psycopg.connect(url, connect_timeout=PATIENT_SECONDS) as connection:
        if connection.execute(IS_UTF8).fetchone() != (True,):
            raise StartRefused(NOT_UTF8)


def _migrate(connection: Connection, service_url: str, root: Path, target: str) -> tuple[str | None, str | None]:
    _wait_for_lock(connection)
    try:
        with connection.begin():
            _prepare(connection, service_url)
        before = _revisions(connection, root)
        connection.execute(sql(f"set lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(sql(f"set statement_timeout = '{STATEMENT_SECONDS}s'"))
        connection.commit()
        _move(connection, target, before, root)
        after = _revisions(connection, root)
        _write_support(connection, after, root)
    finally:
        connection.rollback()
        connection.execute(sql(MIGRATIONS.release()))
        connection.commit()
    return named(before), named(after)


def named(revisions: Sequence[str]) -> str | None:
    """The state of a schema in words: the template's revision, and the team's where it has one."""
    return " with ".join(revisions) or None


def _wait_for_lock(connection: Connection) -> None:
    """By asking again and again: a statement that waits is a transaction, for whose end an index that the holder of the
    lock builds concurrently would wait.
    """
    while not connection.execute(sql(MIGRATIONS.try_for_session())).scalar():
        connection.rollback()
        time.sleep(POLL_SECONDS)
    connection.commit()


def prepare(owner_url: str, service_url: str) -> None:
    """Make what a restored schema needs in an empty database: the extension, and the role of the service.

    Errors: StartRefused, with the privilege that is missing.
    """
    _refuse_other_encoding(owner_url)
    try:
        with _engine(owner_url).begin() as connection:
            _prepare(connection, service_url)
    except DBAPIError as error:
        if problem_of(error) or not (sentence := sentence_of(error, owner_url, service_url)):
            raise
        raise StartRefused(sentence) from error


def _move(connection: Connection, target: str, before: Sequence[str], root: Path) -> None:
    from alembic import command
    from alembic.config import Config

    known = revisions(root).keys() | extensions(root).keys()
    if unknown := [each for each in before if each not in known]:
        raise StartRefused(_newer(unknown[0], required(root)))
    if target not in {"head", "base", NO_EXTENSIONS, *known}:
        raise StartRefused(f"There is no revision '{target}'; the newest is {named(required(root))}.")
    folder = root / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option(
        "version_locations", "\n".join(str(folder / each) for each in (VERSIONS, EXTENSIONS)).replace("%", "%%")
    )
    config.attributes["connection"] = connection
    back = target in ("base", NO_EXTENSIONS) or target in reached(root, before) - set(before)
    (command.downgrade if back else command.upgrade)(config, "heads" if target == "head" else target)


def _write_support(connection: Connection, after: Sequence[str], root: Path) -> None:
    """Say in the database which code may run on it: older code does not know the migrations that came after it."""
    if after and connection.execute(sql("select to_regclass('public.schema_support')")).scalar():
        connection.execute(sql("delete from schema_support"))
        rows = [{"revision": each} for each in supported_code(after, root)]
        connection.execute(sql("insert into schema_support (revision) values (:revision)"), rows)
        connection.commit()


def _prepare(connection: Connection, service_url: str) -> None:
    user = make_url(service_url).username or SERVICE_ROLE
    connection.execute(sql("create extension if not exists vector"))
    if not connection.execute(sql("select 1 from pg_roles where rolname = :r"), {"r": SERVICE_ROLE}).scalar():
        connection.execute(sql(f"create role {SERVICE_ROLE} nologin"))
    connection.execute(sql(f"grant usage on schema public to {SERVICE_ROLE}"))
    is_member = sql("select pg_has_role(:u, :r, 'member') from pg_roles where rolname = :u")
    if user != SERVICE_ROLE and not connection.execute(is_member, {"u": user, "r": SERVICE_ROLE}).scalar():
        quoted = connection.dialect.identifier_preparer.quote(user)
        connection.execute(sql(f"grant {SERVICE_ROLE} to {quoted}"))


def _revisions(connection: Connection, root: Path) -> tuple[str, ...]:
    exists = connection.execute(sql("select to_regclass('public.alembic_version')")).scalar()
    applied = connection.execute(sql("select version_num from alembic_version")).scalars().all() if exists else ()
    connection.rollback()
    return current(root, applied)


def drift(owner_url: str, root: Path) -> list[str]:
    """Differences between the tables in code and the migrated schema; empty when they agree."""
    for path in sorted(Path(__file__).parent.parent.glob("*/tables.py")):
        # Packages whose queries are plain SQL import their tables nowhere else.
        importlib.import_module(f"app.{path.parent.name}.tables")
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with _engine(owner_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        differences = compare_metadata(context, metadata)
    return [str(difference) for difference in differences]


def ours(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Whether to compare an item: not the queue's own tables, nor indexes that only SQL can express."""
    if (name or "").startswith("procrastinate_") or name == "alembic_version":
        return False
    table = getattr(item, "table", None)
    if table is not None and table.name.startswith("procrastinate_"):
        return False
    return not (kind == "index" and reflected and compare_to is None and (name or "").startswith("sx_"))


@dataclass
class SchemaCheck:
    """A health check that verifies the schema until it succeeds once."""

    url: str
    root: Path
    session_url: str = ""
    verified: bool = False

    async def __call__(self) -> None:
        if not self.verified:
            await verify(self.url, self.root, self.session_url)
            self.verified = True


async def verify(service_url: str, root: Path, session_url: str = "") -> None:
    """Errors: StartRefused when the schema is older or newer than the code, pgvector is too old, the role can bypass
    row-level security, or a pooler shares sessions, each with its remedy; DatabaseUnavailable when none answers.
    """
    with database_problems():
        await check_addresses(service_url, session_url)
        connecting = psycopg.AsyncConnection.connect(
            session_url or service_url, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        async with await connecting as connection:
            await _verify(connection, root)


async def _verify(connection: psycopg.AsyncConnection[Any], root: Path) -> None:
    if not await _one(connection, IS_UTF8):
        raise StartRefused(NOT_UTF8)
    await _verify_role(connection)
    await _verify_revision(connection, root)
    await _verify_pgvector(connection)


async def _one(connection: psycopg.AsyncConnection[Any], query: str) -> Any:
    row = await (await connection.execute(query.encode())).fetchone()
    return row[0] if row else None


async def _verify_revision(connection: psycopg.AsyncConnection[Any], root: Path) -> None:
    needed = required(root)
    exists = await _one(connection, "select to_regclass('public.alembic_version')")
    rows = await (await connection.execute("select version_num from alembic_version")).fetchall() if exists else []
    applied = [str(revision) for (revision,) in rows]
    there = reached(root, applied)
    unknown = [each for each in applied if each not in there]
    if not unknown and there >= set(needed):
        return
    if not unknown:
        state = named(current(root, applied)) or "nothing"
        raise StartRefused(f"The database schema is at {state}, this code needs {named(needed)}; run 'app migrate'.")
    if not await _supports(connection, needed):
        raise StartRefused(_newer(unknown[0], needed))


async def _supports(connection: psycopg.AsyncConnection[Any], needed: Sequence[str]) -> bool:
    """Whether the newer schema says that the code of these revisions may run on it."""
    if not await _one(connection, "select to_regclass('public.schema_support')"):
        return False
    rows = await (await connection.execute("select revision from schema_support")).fetchall()
    return {revision for (revision,) in rows} >= {*needed, *([NO_EXTENSIONS] if len(needed) == 1 else [])}


def _newer(revision: str, needed: Sequence[str]) -> str:
    commands = " and ".join(f"'app migrate --to {each}'" for each in needed)
    return (
        f"The database schema is at {revision}, which is newer than this code knows ({named(needed)}); "
        f"deploy the newer code, or with it run {commands}."
    )


async def _verify_role(connection: psycopg.AsyncConnection[Any]) -> None:
    bypasses = await _one(connection, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
    owns = await _one(
        connection,
        "select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
        "and pg_get_userbyid(relowner) = current_user",
    )
    if bypasses or owns:
        raise StartRefused(
            "DATABASE_URL connects as a role that can bypass row-level security (superuser, BYPASSRLS or table owner); "
            "give the service a role of its own and put this one into APP_DATABASE_OWNER_URL for 'app migrate'."
        )


async def _verify_pgvector(connection: psycopg.AsyncConnection[Any]) -> None:
    version = await _one(connection, "select extversion from pg_extension where extname = 'vector'") or "0"
    if tuple(int(part) for part in version.split(".")) < OLDEST_PGVECTOR:
        needed = ".".join(map(str, OLDEST_PGVECTOR))
        raise StartRefused(
            f"pgvector {version} is too old (wrong rows under filters, index corruption): install {needed} or newer, "
            "then run 'alter extension vector update' in this database."
        )
