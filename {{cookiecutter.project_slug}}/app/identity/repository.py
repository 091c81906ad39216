from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain import ApiKey
from app.identity.tables import api_keys, tenants


async def find_key(connection: AsyncConnection, prefix: str) -> Row[Any] | None:
    rows = await connection.execute(text("select * from find_api_key(:prefix)"), {"prefix": prefix})
    return rows.first()


async def find_tenant(connection: AsyncConnection, name: str) -> UUID | None:
    return (await connection.execute(text("select find_tenant(:name)"), {"name": name})).scalar()


async def tenant_name(connection: AsyncConnection, tenant_id: UUID) -> str | None:
    return (await connection.execute(select(tenants.c.name).where(tenants.c.id == tenant_id))).scalar()


async def add_tenant(connection: AsyncConnection, tenant_id: UUID, name: str) -> None:
    await connection.execute(insert(tenants).values(id=tenant_id, name=name))


async def add_key(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(api_keys).values(**values))


async def find_active_key(connection: AsyncConnection, key_id: UUID) -> Row[Any] | None:
    query = select(api_keys)
    return (await connection.execute(query.where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)))).first()


async def list_keys(connection: AsyncConnection) -> list[ApiKey]:
    """The oldest first."""
    query = select(*(api_keys.c[each.name] for each in fields(ApiKey))).order_by(api_keys.c.created_at)
    return [ApiKey(**row._mapping) for row in await connection.execute(query)]


async def find_active_keys(connection: AsyncConnection, name: str) -> list[Row[Any]]:
    """Keys of that name or prefix that are not revoked."""
    named = (api_keys.c.name == name) | (api_keys.c.prefix == name)
    query = select(api_keys).where(named, api_keys.c.revoked_at.is_(None))
    return list((await connection.execute(query)).all())


async def revoke(connection: AsyncConnection, prefix: str, at: datetime) -> list[str] | None:
    """The roles of the revoked key; None when there is no active one."""
    active = update(api_keys).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
    roles: list[str] | None = await connection.scalar(active.values(revoked_at=at).returning(api_keys.c.roles))
    return roles
