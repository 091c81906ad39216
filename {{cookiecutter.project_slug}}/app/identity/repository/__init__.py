from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.identity.domain import ApiKey, Principal
from app.identity.tables import api_keys, tenants


class StoredKey(NamedTuple):
    """A row of find_api_key."""

    id: UUID
    tenant_id: UUID
    name: str
    digest: bytes
    roles: list[str]
    groups: list[str]
    person: str | None
    permissions: list[str] | None
    hosts: list[str]
    requests_per_minute: int | None
    expires_at: datetime | None


_FIND_KEY = f"select {', '.join(StoredKey._fields)} from find_api_key(%s)"  # noqa: S608


def principal_of_row(row: Row[Any] | StoredKey) -> Principal:
    return Principal(
        row.tenant_id,
        row.id,
        row.person or row.name,
        frozenset(row.roles),
        frozenset(row.groups),
        None if row.permissions is None else frozenset(row.permissions),
        tuple(row.hosts),
        row.requests_per_minute,
        row.expires_at,
    )


async def find_key(database: Database, prefix: str) -> StoredKey | None:
    """One round trip, because a busy service asks for each key about once a second."""
    rows = await database.ask(_FIND_KEY, (prefix,))
    return StoredKey(*rows[0]) if rows else None


async def find_tenant(connection: AsyncConnection, name: str) -> UUID | None:
    return (await connection.execute(text("select find_tenant(:name)"), {"name": name})).scalar()


async def tenant_ids(connection: AsyncConnection) -> list[UUID]:
    """Of all tenants, the oldest first."""
    return list((await connection.execute(text("select privacy_tenants()"))).scalars())


async def tenant_name(connection: AsyncConnection, tenant_id: UUID) -> str | None:
    return (await connection.execute(select(tenants.c.name).where(tenants.c.id == tenant_id))).scalar()


async def add_tenant(connection: AsyncConnection, tenant_id: UUID, name: str) -> None:
    await connection.execute(insert(tenants).values(id=tenant_id, name=name))


async def add_key(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(api_keys).values(**values))


async def find_active_key(connection: AsyncConnection, key_id: UUID) -> Row[Any] | None:
    unexpired = api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > func.now())
    query = select(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None), unexpired)
    return (await connection.execute(query)).first()


async def list_keys(connection: AsyncConnection) -> list[ApiKey]:
    """The oldest first."""
    query = select(*(api_keys.c[each.name] for each in fields(ApiKey))).order_by(api_keys.c.created_at)
    return [ApiKey(**row._mapping) for row in await connection.execute(query)]


async def find_active_keys(connection: AsyncConnection, name: str) -> list[Row[Any]]:
    """Keys of that name or prefix that are not revoked."""
    named = (api_keys.c.name == name) | (api_keys.c.prefix == name)
    query = select(api_keys).where(named, api_keys.c.revoked_at.is_(None))
    return list((await connection.execute(query)).all())


async def revoke(connection: AsyncConnection, prefix: str, at: datetime) -> tuple[UUID, list[str]] | None:
    """Id and roles of the revoked key; None when there is no active one."""
    active = update(api_keys).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
    revoked = active.values(revoked_at=at).returning(api_keys.c.id, api_keys.c.roles)
    row = (await connection.execute(revoked)).first()
    return (row.id, row.roles) if row else None


async def take_requests(
    database: Database, subject: UUID, per_minute: int, wanted: int, at: datetime | None
) -> tuple[int, float]:
    """How many of the wanted requests the limit allows now, and if none, the seconds until it allows one.

    at: instead of the database's time.
    """
    statement = "select taken, wait from take_requests(%s, %s, %s, %s)"
    [(taken, wait)] = await database.ask(statement, (subject, per_minute, wanted, at))
    return taken, wait


async def store_last_use(database: Database, used: Mapping[UUID, datetime]) -> None:
    """Of keys and of identities of all tenants."""
    await database.ask("select store_last_use(%s, %s)", (list(used), list(used.values())))
