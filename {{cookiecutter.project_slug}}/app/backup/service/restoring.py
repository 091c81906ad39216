"""A backup is restored into an empty database in one transaction, and compared with its manifest."""

from dataclasses import dataclass
from pathlib import Path

from app.backup import repository
from app.backup.domain import DUMP, BackupManifest, differences
from app.backup.service.writing import OnProgress
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.postgres_tools import find_tool, run_tool
from app.core.revisions import extensions, required, revisions
from app.core.schema import migrate, named, prepare


@dataclass(frozen=True)
class RestoreTarget:
    """Where to restore. urls: of the service and of the owner of the tables; reader: of a role that sees every row."""

    urls: Urls
    reader: str
    root: Path


@dataclass(frozen=True)
class Restore:
    """A backup that is in the database. migrated_from: the backup's revision, where it is older than the code."""

    manifest: BackupManifest
    migrated_from: str | None


def restore(folder: Path, manifest: BackupManifest, target: RestoreTarget, progress: OnProgress) -> Restore:
    """All of it or nothing: a run that is killed leaves the database empty, or whole. Errors: StartRefused."""
    refuse_newer(manifest, target.root)
    if there := repository.tables(target.urls.owner):
        raise StartRefused(
            f"The database holds {len(there)} tables already: restore into an empty one, or compare it with the "
            "backup by 'app restore --verify'."
        )
    with repository.connect(target.reader) as connection:
        server = connection.info.server_version // 10_000
    prepare(target.urls.owner, target.urls.service)
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if "processing data for table" in line:
            done += 1
            progress(done, len(manifest.facts.tables))

    arguments = ["--single-transaction", "--no-owner", "--no-comments", "--verbose", str(folder / DUMP)]
    run_tool(find_tool("pg_restore", server), arguments, target.urls.owner, on_line)
    repository.analyse(target.urls.owner)
    return verify_content(manifest, target)


def verify_content(manifest: BackupManifest, target: RestoreTarget) -> Restore:
    """Compare every row, then migrate to the schema of this code. Errors: StartRefused, with what differs."""
    refuse_newer(manifest, target.root)
    with repository.connect(target.reader) as connection:
        wrong = list(differences(manifest.facts, repository.read_facts(connection)))
        wrong += [f"the chunks of {each} are not as many as counted" for each in repository.wrong_indexes(connection)]
    if wrong:
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise StartRefused(f"The database is not what was backed up: {'; '.join(wrong[:5])}{more}.")
    before, after = migrate(target.urls.owner, target.urls.service, target.root)
    return Restore(manifest, before if before != after else None)


def refuse_newer(manifest: BackupManifest, root: Path) -> None:
    """Errors: StartRefused, when the backup's schema is none that this code knows."""
    revision = manifest.facts.revision
    if not set(revision.split()) <= revisions(root).keys() | extensions(root).keys():
        raise StartRefused(
            f"The backup has the schema {revision}, which is newer than this code knows ({named(required(root))}): "
            f"restore it with version {manifest.service_version} of the service or a newer one."
        )
