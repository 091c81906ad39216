from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.monitoring.domain.drift.signals import DriftReference, DriftReferences, SignalCheck, StoredCheck
from app.monitoring.tables import drift_checks, drift_references

_CHECK = drift_checks.c
_FIELDS = tuple(SignalCheck.__dataclass_fields__)


async def pin(connection: AsyncConnection, tenant: UUID, reference: DriftReference) -> None:
    await connection.execute(insert(drift_references).values(tenant_id=tenant, **asdict(reference)))


async def find_references(connection: AsyncConnection) -> DriftReferences | None:
    """Those that were pinned last. One of a release counts until another one of all signals is pinned."""
    columns = (drift_references.c[name] for name in DriftReference.__dataclass_fields__)
    newest = select(*columns).order_by(drift_references.c.pinned_at.desc()).limit(1)
    answers = (await connection.execute(newest)).first()
    questions = (await connection.execute(newest.where(drift_references.c.release_id.is_(None)))).first()
    return DriftReferences(DriftReference(*questions), DriftReference(*answers)) if questions and answers else None


async def store_checks(
    connection: AsyncConnection, tenant: UUID, checks: Sequence[StoredCheck], oldest: datetime
) -> None:
    """Stores the checks of one look, and deletes those before `oldest`."""
    await connection.execute(delete(drift_checks).where(_CHECK.at < oldest))
    rows = [
        {
            "tenant_id": tenant,
            "id": new_id(),
            "at": each.at,
            "drifted": each.drifted,
            "examples": list(each.examples),
            **asdict(each.check),
        }
        for each in checks
    ]
    if rows:
        await connection.execute(insert(drift_checks).values(rows))


async def list_newest(connection: AsyncConnection) -> list[StoredCheck]:
    """The newest check of each signal."""
    query = select(drift_checks).ext(distinct_on(_CHECK.signal)).order_by(_CHECK.signal, _CHECK.at.desc())
    return [
        StoredCheck(
            row.at,
            SignalCheck(**{name: row._mapping[name] for name in _FIELDS}),
            row.drifted,
            tuple(row.examples),
        )
        for row in await connection.execute(query)
    ]
