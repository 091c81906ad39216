"""A backup is a folder: the dump, and a manifest of what is in it. It gets its name when all of it is on the disk."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from app import __version__
from app.backup import repository
from app.backup.domain import DUMP, FORMAT, MANIFEST, BackupManifest, DatabaseFacts, digest_of_chunks
from app.core.errors import StartRefused
from app.core.postgres_tools import find_tool, run_tool

BLOCK = 1 << 20

OnProgress = Callable[[int, int], None]
"""Called with what is done and what there is."""


def create(folder: Path, url: str, progress: OnProgress) -> BackupManifest:
    """Back up the whole database, as of one moment, while the service runs.

    folder: must not exist; a run that is killed leaves only a folder `.NAME.….partial` beside it.
    url: of a role that sees every row. Errors: StartRefused.
    """
    if folder.exists():
        raise StartRefused(f"{folder} exists already; name a folder that does not.")
    partial = _partial(folder)
    try:
        manifest = _write(partial, url, progress)
        os.rename(partial, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _partial(folder: Path) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise StartRefused(f"{folder.parent} cannot be written ({error.strerror}).") from error


def _write(partial: Path, url: str, progress: OnProgress) -> BackupManifest:
    with repository.connect(url) as connection:
        snapshot, facts = repository.export_snapshot(connection), repository.read_facts(connection)
        _dump(partial / DUMP, url, snapshot, facts, progress)
    digest, size = digest_of_chunks(blocks_of(partial / DUMP))
    manifest = BackupManifest(
        format=FORMAT,
        created_at=datetime.now(UTC),
        service_version=__version__,
        bytes=size,
        digest=digest,
        facts=facts,
    )
    _sync(partial / DUMP)
    (partial / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    _sync(partial / MANIFEST)
    _sync(partial)
    return manifest


def _dump(file: Path, url: str, snapshot: str, facts: DatabaseFacts, progress: OnProgress) -> None:
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if "dumping contents of table" in line:
            done += 1
            progress(done, len(facts.tables))

    arguments = ["--format=custom", "--verbose", f"--snapshot={snapshot}", f"--file={file}"]
    run_tool(find_tool("pg_dump", facts.server), arguments, url, on_line)


def open_backup(folder: Path) -> BackupManifest:
    """Read a backup's manifest, and check that its dump is what was written. Errors: StartRefused."""
    if not folder.is_dir():
        raise StartRefused(f"There is no folder {folder}.")
    if not (folder / MANIFEST).is_file() or not (folder / DUMP).is_file():
        raise StartRefused(f"{folder} is no whole backup: {MANIFEST} and {DUMP} must be there; take another one.")
    manifest = BackupManifest.parse((folder / MANIFEST).read_text(encoding="utf-8"), str(folder / MANIFEST))
    if digest_of_chunks(blocks_of(folder / DUMP)) != (manifest.digest, manifest.bytes):
        raise StartRefused(f"{folder / DUMP} is not what was written: its digest differs; take another backup.")
    return manifest


def blocks_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block


def _sync(path: Path) -> None:
    """So that a power cut leaves no file that is named and empty. Windows syncs no folders."""
    windows = sys.platform == "win32"
    if windows and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
