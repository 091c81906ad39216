"""A backup is whole or none, and what was restored is what was backed up, row by row."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from app.backup import repository
from app.backup.domain import DUMP, MANIFEST, BackupManifest
from app.backup.service import (
    RestoreTarget,
    Verification,
    create,
    open_backup,
    record_backup,
    restore,
    verify_content,
)
from app.cli.backup import _record
from app.core import audit
from app.core.audit import Act, Head
from app.core.embedded import EmbeddedPostgres, Urls
from app.core.errors import StartRefused
from app.core.operation_runs import last_runs
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, UploadOptions
from app.privacy.domain.requests import Selection
from app.releases.domain import ReleaseUnservable
from app.settings import Settings
from app.wiring import State, build
from tests.clock import until
from tests.conftest import ROOT, TESTED
from tests.e2e.conftest import environment
from tests.forks import KILL, Forks

pytestmark = pytest.mark.in_order  # what one test erases, no later restore brings back

NOTE = b"# Lighthouse\n\nThe keeper of the lighthouse is Ada Quillfeather."


def silent(done: int, total: int) -> None:
    pass


@contextmanager
def empty_database(embedded: EmbeddedPostgres) -> Iterator[RestoreTarget]:
    name = f"restored_{uuid4().hex[:12]}"
    urls = embedded.urls(name)
    try:
        yield RestoreTarget(urls, urls.owner, ROOT)
    finally:
        embedded.drop(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups") / "whole"


@pytest.fixture
async def backup(state: State, principal: Principal, folder: Path) -> BackupManifest:
    """A backup of a database with a file, a release, a key and lines of the audit log; one for all tests here."""
    if folder.exists():  # noqa: ASYNC240
        return open_backup(folder)
    await state.retrieval.ready()
    await state.ingestion.upload(principal, UploadOptions(), [Upload("keeper.md", NOTE)])
    await state.releases.create("tests")

    def write_meanwhile(done: int, total: int) -> None:
        with psycopg.connect(state.urls.owner) as connection:
            connection.execute("update documents set title = title || '!'")

    return create(folder, state.urls.owner, write_meanwhile)


async def test_a_restored_database_equals_the_moment_of_the_backup_although_the_service_went_on(
    embedded: EmbeddedPostgres, state: State, backup: BackupManifest, folder: Path, settings: Settings
) -> None:
    with psycopg.connect(state.urls.owner) as connection:
        assert "!" in str(connection.execute("select title from documents").fetchone())
    with empty_database(embedded) as target:
        done = restore(folder, open_backup(folder), target, silent)
        assert done.migrated_from is None
        async with build(settings, target.urls) as restored:
            verified = await verification(restored).verify(backup)
        assert verified.audit_lines == backup.facts.audit_sequence > 0
        assert (verified.releases, verified.originals, verified.audit_lost) == (1, 1, None)
        with psycopg.connect(target.urls.owner) as connection:
            assert connection.execute("select title from documents").fetchone() == ("keeper.md",)


def verification(state: State) -> Verification:
    return Verification(state.audit, state.releases, state.privacy)


@pytest.mark.parametrize(
    ("statement", "clause"),
    [
        ("delete from blobs", "blobs has 0 rows instead of 1"),
        ("update document_versions set name = 'other.md'", "document_versions has other content"),
        ("alter table audit_log disable trigger all; delete from audit_log", "the audit log ends at line 0 instead of"),
        ("drop table feedback", "the table feedback is missing"),
        (
            "insert into corpus_versions (tenant_id, index_number, version, chunks) select id, 1, 1, 9 from tenants",
            "the chunks of index 1 of tenant [-0-9a-f]+ are not as many as counted",
        ),
    ],
)
async def test_a_database_that_is_not_what_was_backed_up_is_refused_with_what_differs(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, statement: str, clause: str
) -> None:
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        with psycopg.connect(target.urls.owner) as connection:
            connection.execute(statement.encode())
        with pytest.raises(StartRefused, match=clause):
            verify_content(backup, target)


async def test_a_restored_release_without_one_of_its_parts_is_named(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, settings: Settings
) -> None:
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        with psycopg.connect(target.urls.owner) as connection:
            connection.execute("alter table release_parts disable trigger all")
            connection.execute("delete from release_parts where digest = (select min(digest) from release_parts)")
        async with build(settings, target.urls) as restored:
            with pytest.raises(ReleaseUnservable):
                await verification(restored).verify(backup)


async def test_what_was_erased_since_the_backup_is_erased_again_and_what_was_lost_is_counted(
    embedded: EmbeddedPostgres,
    state: State,
    tenant: UUID,
    backup: BackupManifest,
    folder: Path,
    settings: Settings,
) -> None:
    with psycopg.connect(state.urls.owner) as connection:
        [owner] = connection.execute("select tenant_id from documents").fetchone() or [None]
    await state.privacy.erasure.erase(owner, Selection("tenant", "all"), "tests", "request 17")
    exported = await state.audit.head()
    assert exported
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        async with build(settings, target.urls) as restored:
            with pytest.raises(StartRefused, match="reapply"):
                await restored.privacy.refuse_restored()
            verified = await verification(restored).verify(backup, exported)
            await restored.privacy.refuse_restored()
        assert verified.erasures == 1
        assert verified.audit_lost == exported.sequence - backup.facts.audit_sequence > 0
        with psycopg.connect(target.urls.owner) as connection:
            assert connection.execute("select count(*) from blobs").fetchone() == (0,)


async def test_a_history_that_was_rewritten_before_the_backup_is_found_by_an_older_head(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, settings: Settings
) -> None:
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        async with build(settings, target.urls) as restored:
            with pytest.raises(StartRefused, match="the log was rewritten"):
                await verification(restored).verify(backup, Head(1, "0" * 64))


async def test_without_the_master_key_of_the_backup_its_files_are_reported_as_unreadable(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, tmp_path: Path, forks: Forks
) -> None:
    other = Settings(root=TESTED, data_dir=tmp_path, embedder="none", _env_file=None)
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        async with build(other, target.urls) as restored:
            with pytest.raises(StartRefused, match=r"original files cannot be read.*Set APP_MASTER_KEY"):
                await verification(restored).verify(backup)


async def test_a_backup_of_a_newer_schema_is_refused_and_names_the_version_that_can_restore_it(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path
) -> None:
    newer = backup.model_copy(update={"facts": backup.facts.model_copy(update={"revision": "9999"})})
    with empty_database(embedded) as target:
        with pytest.raises(StartRefused, match="9999, which is newer than this code knows"):
            restore(folder, newer, target, silent)
        assert repository.tables(target.urls.owner) == []


async def test_a_database_that_holds_tables_is_left_alone(state: State, backup: BackupManifest, folder: Path) -> None:
    with pytest.raises(StartRefused, match="restore into an empty one"):
        restore(folder, backup, RestoreTarget(state.urls, state.urls.owner, ROOT), silent)


async def test_a_folder_that_is_there_is_never_written_over(state: State, backup: BackupManifest, folder: Path) -> None:
    with pytest.raises(StartRefused, match="exists already"):
        create(folder, state.urls.owner, silent)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "is no whole backup"),
        (lambda folder: (folder / DUMP).unlink(), "is no whole backup"),
        (lambda folder: os.truncate(folder / DUMP, 5000), "is not what was written"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), "is no manifest"),
        (lambda folder: of_format(folder, 2), "has format 2, this code reads 1"),
    ],
)
async def test_a_backup_that_is_not_whole_is_refused(
    backup: BackupManifest, folder: Path, tmp_path: Path, damage: object, sentence: str
) -> None:
    assert callable(damage)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (MANIFEST, DUMP):
        (copy / name).write_bytes((folder / name).read_bytes())
    damage(copy)
    with pytest.raises(StartRefused, match=sentence):
        open_backup(copy)


def of_format(folder: Path, number: int) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": number}))


def command(forks: Forks, urls: Urls, data: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    names = {"DATABASE_URL": urls.service, "APP_DATABASE_OWNER_URL": urls.owner, "APP_EMBEDDER": "none"}
    return subprocess.Popen(
        [*forks.command("app"), *arguments],
        cwd=ROOT,
        env=environment(data, **names),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


WAITING = "wait_event_type = 'Lock'"
OTHERS = "pid <> pg_backend_pid()"


def sessions(urls: Urls, condition: str) -> int:
    """How many sessions of a database there are of which it holds."""
    counted = f"select count(*) from pg_stat_activity where datname = current_database() and {condition}"
    with psycopg.connect(urls.owner) as connection:
        row = connection.execute(counted.encode()).fetchone()
    return int(row[0]) if row else 0


async def test_a_backup_that_is_killed_leaves_nothing_that_looks_like_one(
    state: State, tmp_path: Path, forks: Forks
) -> None:
    with psycopg.connect(state.urls.owner) as connection:
        connection.execute("lock table feedback in access exclusive mode")
        process = command(forks, state.urls, tmp_path.parent / "data", "backup", str(tmp_path / "killed"))
        await until(lambda: sessions(state.urls, WAITING) == 1)
        process.send_signal(KILL)
        process.wait()
    [partial] = tmp_path.iterdir()  # noqa: ASYNC240
    assert partial.name.startswith(".killed.")
    with pytest.raises(StartRefused, match="is no whole backup"):
        open_backup(partial)


async def test_a_restore_that_is_killed_leaves_the_database_empty(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, tmp_path: Path, forks: Forks
) -> None:
    with empty_database(embedded) as target:
        with psycopg.connect(target.urls.owner) as connection:
            connection.execute("create table feedback ()")  # until the end of this transaction a restore waits here
            process = command(forks, target.urls, tmp_path, "restore", str(folder))
            await until(lambda: sessions(target.urls, WAITING) == 1)
            process.send_signal(KILL)
            process.wait()
            connection.rollback()
        await until(lambda: sessions(target.urls, OTHERS) == 0)
        assert repository.tables(target.urls.owner) == []
        restore(folder, backup, target, silent)


async def test_the_audit_log_goes_on_after_a_restore(
    embedded: EmbeddedPostgres, backup: BackupManifest, folder: Path, settings: Settings
) -> None:
    with empty_database(embedded) as target:
        restore(folder, backup, target, silent)
        async with build(settings, target.urls) as restored:
            async with restored.database.transaction(None) as connection:
                line = await audit.record(connection, Act("tests", "test", "restored"), restored.clock.now())
            assert line == backup.facts.audit_sequence + 1


async def test_a_backup_is_on_record_and_a_schema_without_records_is_no_obstacle(
    state: State, backup: BackupManifest, capsys: pytest.CaptureFixture[str]
) -> None:
    await record_backup(state.urls, backup, "ada")
    async with state.database.read(None) as connection:
        (run,) = [run for run in await last_runs(connection) if run.kind == "backup"]
    assert (run.at, run.actor, run.passed, run.digest) == (backup.created_at, "ada", True, backup.digest)
    with psycopg.connect(state.urls.owner) as owner:
        owner.execute("alter table operation_runs rename to elsewhere")
    try:
        await asyncio.to_thread(_record, state.urls, backup)
    finally:
        with psycopg.connect(state.urls.owner) as owner:
            owner.execute("alter table elsewhere rename to operation_runs")
    assert "could not be recorded: the schema is older" in " ".join(capsys.readouterr().err.split())
