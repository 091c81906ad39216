"""The record that a backup was made, in the database that was backed up."""

from app.backup.domain import BackupManifest
from app.core.database import open_database
from app.core.embedded import Urls
from app.core.operation_runs import record_run
from app.core.operations import OperationRun
from app.core.pooling import PATIENT_SECONDS

CONNECTIONS = 2


async def record_backup(urls: Urls, manifest: BackupManifest, actor: str) -> None:
    """Errors: Problem; DBAPIError, where the schema is older than this code."""
    detail = f"{manifest.facts.rows:,} rows, {manifest.bytes / 1e6:,.1f} MB"
    run = OperationRun("backup", manifest.created_at, actor, True, manifest.digest, detail)
    database = await open_database(urls.service, CONNECTIONS, urls.session, PATIENT_SECONDS)
    try:
        async with database.transaction(None) as connection:
            await record_run(connection, run)
    finally:
        await database.close()
