from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.tables import api_keys, tenants


async def find_key(connection: AsyncConnection, prefix: str) -> Row[Any] | None:
    found = await connection.execute(text("select * from find_api_key(:prefix)"), {"prefix": prefix})
    return found.first()


async def find_tenant(connection: AsyncConnection, name: str) -> UUID | None:
    return (await connection.execute(text("select find_tenant(:name)"), {"name": name})).scalar()


async def name_of(connection: AsyncConnection, tenant_id: UUID) -> str | None:
    return (await connection.execute(select(tenants.c.name).where(tenants.c.id == tenant_id))).scalar()


async def add_tenant(connection: AsyncConnection, tenant_id: UUID, name: str) -> None:
    await connection.execute(insert(tenants).values(id=tenant_id, name=name))


async def add_key(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(api_keys).values(**values))


async def live_key(connection: AsyncConnection, key_id: UUID) -> Any:
    wanted = select(api_keys.c.tenant_id, api_keys.c.name, api_keys.c.roles, api_keys.c.groups)
    return (await connection.execute(wanted.where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)))).first()


async def keys(connection: AsyncConnection) -> list[Row[Any]]:
    columns = (c for c in api_keys.c if c.name != "digest")
    return list((await connection.execute(select(*columns).order_by(api_keys.c.created_at))).all())


async def live_keys(connection: AsyncConnection, name: str) -> list[Any]:
    """Those of that name or prefix that are not revoked."""
    named = (api_keys.c.name == name) | (api_keys.c.prefix == name)
    wanted = select(api_keys.c.id, api_keys.c.prefix).where(named, api_keys.c.revoked_at.is_(None))
    return list((await connection.execute(wanted)).all())


async def revoke(connection: AsyncConnection, prefix: str, at: datetime) -> list[str] | None:
    """The roles of the key that was revoked; None when there is no live one."""
    live = update(api_keys).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
    roles: list[str] | None = await connection.scalar(live.values(revoked_at=at).returning(api_keys.c.roles))
    return roles
