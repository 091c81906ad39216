from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.encryption.domain import WrappedKey
from app.encryption.tables import tenant_keys

KEY = tenant_keys.c
_KEYS = select(KEY.version, KEY.wrapped, KEY.master_key)
_TENANTS = text("select privacy_tenants()")


async def tenants(connection: AsyncConnection) -> list[UUID]:
    """Every tenant of the service, the oldest first."""
    return list((await connection.execute(_TENANTS)).scalars())


async def newest(connection: AsyncConnection, tenant_id: UUID) -> WrappedKey | None:
    query = _KEYS.where(KEY.tenant_id == tenant_id).order_by(KEY.version.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return WrappedKey(*row) if row else None


async def find(connection: AsyncConnection, tenant_id: UUID, version: int) -> WrappedKey | None:
    row = (await connection.execute(_KEYS.where(KEY.tenant_id == tenant_id, KEY.version == version))).first()
    return WrappedKey(*row) if row else None


async def list_usable(connection: AsyncConnection, tenant_id: UUID) -> list[WrappedKey]:
    """Those that were not destroyed, locked."""
    usable = _KEYS.where(KEY.tenant_id == tenant_id, KEY.wrapped.is_not(None)).order_by(KEY.version)
    return [WrappedKey(*row) for row in await connection.execute(usable.with_for_update())]


async def add(connection: AsyncConnection, tenant_id: UUID, key: WrappedKey, at: datetime) -> None:
    """Does nothing where another process has added this version."""
    values = {"version": key.version, "wrapped": key.wrapped, "master_key": key.master_key}
    new = insert(tenant_keys).values(tenant_id=tenant_id, created_at=at, **values)
    await connection.execute(new.on_conflict_do_nothing())


async def rewrap(connection: AsyncConnection, tenant_id: UUID, key: WrappedKey) -> None:
    same = (KEY.tenant_id == tenant_id, KEY.version == key.version)
    await connection.execute(update(tenant_keys).where(*same).values(wrapped=key.wrapped, master_key=key.master_key))


async def destroy(connection: AsyncConnection, tenant_id: UUID, at: datetime) -> int:
    whole = update(tenant_keys).where(KEY.tenant_id == tenant_id, KEY.wrapped.is_not(None))
    return (await connection.execute(whole.values(wrapped=None, destroyed_at=at))).rowcount
