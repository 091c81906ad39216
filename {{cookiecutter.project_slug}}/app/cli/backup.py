from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from app.backup.domain import BackupManifest
from app.backup.service import (
    RestoreTarget,
    Verification,
    VerifiedRestore,
    create,
    open_backup,
    record_backup,
    verify_content,
)
from app.backup.service import restore as restore_backup
from app.backup.service.writing import OnProgress
from app.cli.common import actor, err, out, settings_for_command, with_state
from app.core.audit import Head
from app.core.embedded import Urls
from app.core.errors import Problem
from app.core.event_loop import run_coroutine
from app.core.pooling import refuse_shared_sessions_now
from app.setup.process import reading_url
from app.wiring import database_urls, observe

MOMENT = "%Y-%m-%d %H:%M:%S UTC"
READER_SETTING = "APP_DATABASE_BACKUP_URL"


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
) -> None:
    """Back up the whole database into a folder, as of one moment, while the service runs."""
    with _target() as target:
        with _bar("Backing up") as progress:
            manifest = create(folder, target.reader, progress)
        _record(target.urls, manifest)
    _print_manifest(manifest)
    _print(
        f"It is in {folder}. APP_KEY_PEPPER and APP_MASTER_KEY are not in it, nor is the file of APP_TOMBSTONES: keep "
        "copies of them elsewhere."
    )


def _record(urls: Urls, manifest: BackupManifest) -> None:
    """The backup is whole whether or not that is recorded: the schema may be older than this code."""
    try:
        run_coroutine(record_backup(urls, manifest, actor()))
    except (Problem, DBAPIError) as error:
        what = error.detail if isinstance(error, Problem) else "the schema is older than this code"
        err.print(f"The backup is whole; that it was made could not be recorded: {what}", markup=False)


def restore_database(
    folder: Annotated[Path, typer.Argument(help="The folder of the backup.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Restore nothing: compare a database that was just restored.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Open no database: only check the backup.")] = False,
    exported: Annotated[
        Path | None,
        typer.Option(help="The last export of the audit log, or its head: says how many lines were lost.", exists=True),
    ] = None,
) -> None:
    """Restore a backup into an empty database, verify it, and say what was lost since."""
    manifest = open_backup(folder)
    head = Head.read(exported.read_text(encoding="utf-8")) if exported else None
    _print_manifest(manifest)
    if check:
        _print("The backup is whole.")
        return
    _restore(folder, manifest, verify)
    verified = with_state(lambda state: Verification(state.audit, state.releases, state.privacy).verify(manifest, head))
    _print_verified(manifest, verified)


def _restore(folder: Path, manifest: BackupManifest, verify: bool) -> None:
    with _target() as target, _bar("Restoring") as progress:
        done = verify_content(manifest, target) if verify else restore_backup(folder, manifest, target, progress)
    if done.migrated_from:
        _print(f"The schema was at {done.migrated_from} and was migrated to that of this code.")


@contextmanager
def _target() -> Iterator[RestoreTarget]:
    """The database of the settings; a server that was started for it is stopped at the end of the block."""
    settings = settings_for_command()
    observe(settings)
    urls, server = database_urls(settings)
    try:
        reader = reading_url(settings, urls)
        refuse_shared_sessions_now(reader, READER_SETTING)
        yield RestoreTarget(urls, reader, settings.root)
    finally:
        if server:
            server.stop()


def _print_manifest(manifest: BackupManifest) -> None:
    facts = manifest.facts
    _print(
        f"Backup of {manifest.created_at:{MOMENT}}: {facts.rows:,} rows of {len(facts.tables)} tables, "
        f"{manifest.bytes / 1e6:,.1f} MB, schema {facts.revision}."
    )


def _print_verified(manifest: BackupManifest, verified: VerifiedRestore) -> None:
    facts = manifest.facts
    _print(
        f"Verified: every row of {len(facts.tables)} tables, the audit log up to line {verified.audit_lines}, "
        f"{verified.releases} releases by their digests, a ledger of {facts.micro_usd:,} micro-dollars, "
        f"{verified.originals} original files."
    )
    newest = ", ".join(f"{kind} {at:{MOMENT}}" for kind, at in sorted(facts.newest.items()))
    _print(f"Newest in the backup: {newest or 'nothing'}. What was written after it is lost.")
    if verified.audit_lost:
        _print(f"Of the exported audit log {verified.audit_lost} lines are not in the backup: keep the export.")
    if verified.erasures:
        _print(f"{verified.erasures} erasures since the backup were applied again.")


def _print(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def _bar(what: str) -> Iterator[OnProgress]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("tables"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
