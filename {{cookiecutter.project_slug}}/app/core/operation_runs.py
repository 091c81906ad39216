"""The newest run of each regular operation, in the database."""

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.operations import OperationRun
from app.core.tables import operation_runs


async def record_run(connection: AsyncConnection, run: OperationRun) -> None:
    """Replaces the run of the same kind, in the caller's transaction, unless that one is newer."""
    values = asdict(run)
    statement = insert(operation_runs).values(values)
    changes = {name: statement.excluded[name] for name in values if name != "kind"}
    newer = operation_runs.c.at <= statement.excluded.at
    await connection.execute(statement.on_conflict_do_update(index_elements=["kind"], set_=changes, where=newer))


async def last_runs(connection: AsyncConnection) -> list[OperationRun]:
    """The newest run of each kind that ever ran."""
    return [OperationRun(*row) for row in await connection.execute(select(operation_runs))]
