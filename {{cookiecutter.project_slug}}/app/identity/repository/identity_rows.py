from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain.identification import StoredIdentity
from app.identity.domain.tokens import GrantSource
from app.identity.tables import identities

COLUMNS = [identities.c[each.name] for each in fields(StoredIdentity)]


async def find(connection: AsyncConnection, identity_id: UUID) -> StoredIdentity | None:
    row = (await connection.execute(select(*COLUMNS).where(identities.c.id == identity_id))).first()
    return _identity(row) if row else None


async def store(connection: AsyncConnection, identity: StoredIdentity) -> None:
    """Unless a newer grant is stored. A revocation is kept."""
    values = {column.name: getattr(identity, column.name) for column in COLUMNS}
    values["sources"] = sorted([each.value, each.kind, each.name] for each in identity.sources)
    new = insert(identities).values(values)
    changed = {
        name: new.excluded[name]
        for name in ("name", "roles", "groups", "granted_at", "link", "sources", "suspended_at")
    }
    newer = identities.c.granted_at < new.excluded.granted_at
    await connection.execute(new.on_conflict_do_update(index_elements=["id", "tenant_id"], set_=changed, where=newer))


async def list_all(connection: AsyncConnection) -> Sequence[StoredIdentity]:
    """Those of the tenant, the oldest first."""
    query = select(*COLUMNS).order_by(identities.c.created_at, identities.c.id)
    return [_identity(row) for row in await connection.execute(query)]


async def list_linked(connection: AsyncConnection, links: Collection[str] | None) -> Sequence[StoredIdentity]:
    """The identities of these provisioned accounts; None: of all that could be of one."""
    which = identities.c.link.is_not(None) if links is None else identities.c.link.in_(links)
    return [_identity(row) for row in await connection.execute(select(*COLUMNS).where(which))]


async def set_access(
    connection: AsyncConnection, identity_id: UUID, roles: list[str], groups: list[str], suspended_at: datetime | None
) -> None:
    values = {"roles": roles, "groups": groups, "suspended_at": suspended_at}
    await connection.execute(update(identities).where(identities.c.id == identity_id).values(values))


def _identity(row: Row[Any]) -> StoredIdentity:
    values = dict(row._mapping)
    return StoredIdentity(**{**values, "sources": tuple(GrantSource(*each) for each in values["sources"])})


async def set_revoked(connection: AsyncConnection, identity_id: UUID, at: datetime | None) -> str | None:
    """The name of the identity that was revoked, or admitted again (None); None where there was nothing to change."""
    revoked = identities.c.revoked_at
    there = update(identities).where(identities.c.id == identity_id, revoked.is_(None) if at else revoked.is_not(None))
    name: str | None = await connection.scalar(there.values(revoked_at=at).returning(identities.c.name))
    return name
