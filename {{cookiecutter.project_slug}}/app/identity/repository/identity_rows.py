from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain.identification import StoredIdentity
from app.identity.tables import identities

COLUMNS = [identities.c[each.name] for each in fields(StoredIdentity)]


async def find(connection: AsyncConnection, identity_id: UUID) -> StoredIdentity | None:
    row = (await connection.execute(select(*COLUMNS).where(identities.c.id == identity_id))).first()
    return StoredIdentity(**row._mapping) if row else None


async def store(connection: AsyncConnection, identity: StoredIdentity) -> None:
    """Unless a newer grant is stored. A revocation is kept."""
    values = {column.name: getattr(identity, column.name) for column in COLUMNS}
    new = insert(identities).values(values)
    changed = {name: new.excluded[name] for name in ("name", "roles", "groups", "granted_at")}
    newer = identities.c.granted_at < new.excluded.granted_at
    await connection.execute(new.on_conflict_do_update(index_elements=["id", "tenant_id"], set_=changed, where=newer))


async def list_all(connection: AsyncConnection) -> Sequence[StoredIdentity]:
    """Those of the tenant, the oldest first."""
    query = select(*COLUMNS).order_by(identities.c.created_at, identities.c.id)
    return [StoredIdentity(**row._mapping) for row in await connection.execute(query)]


async def set_revoked(connection: AsyncConnection, identity_id: UUID, at: datetime | None) -> str | None:
    """The name of the identity that was revoked, or admitted again (None); None where there was nothing to change."""
    revoked = identities.c.revoked_at
    there = update(identities).where(identities.c.id == identity_id, revoked.is_(None) if at else revoked.is_not(None))
    name: str | None = await connection.scalar(there.values(revoked_at=at).returning(identities.c.name))
    return name
