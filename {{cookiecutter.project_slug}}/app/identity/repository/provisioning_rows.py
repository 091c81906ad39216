"""Provisioned users and groups of a tenant. A deleted user is remembered: its tokens stay refused."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, Table, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.locks import lock_name, lock_name_shared
from app.identity.domain.provisioning import (
    AttributeFilter,
    GroupContent,
    LinkAttribute,
    ProvisionedAccess,
    ProvisionedGroup,
    ProvisionedUser,
    UserContent,
    user_key,
)
from app.identity.tables import provisioned_groups, provisioned_members, provisioned_users, provisioned_values

_USER, _GROUP = provisioned_members.c.user_id, provisioned_members.c.group_id
_ACCESS = """
    with person as (
        select id, active, deleted_at from provisioned_users where tenant_id = :tenant and {column} = :link
    )
    select exists (select from person) as known,
        coalesce((select bool_and(active) from person where deleted_at is null), false) as active,
        array(
            select v.value from provisioned_values v where v.tenant_id = :tenant and v.value = any(:values)
              and not exists (
                select from provisioned_members m join person p on p.id = m.user_id and p.deleted_at is null
                join provisioned_groups g on g.tenant_id = m.tenant_id and g.id = m.group_id
                where m.tenant_id = :tenant and v.value in (g.display_name, g.external_id)
              )
        ) as withheld
"""
_COLUMNS = {"user_name": "user_key", "external_id": "external_id"}
_ACCESS_BY_ATTRIBUTE = {attribute: text(_ACCESS.format(column=column)) for attribute, column in _COLUMNS.items()}


async def lock(connection: AsyncConnection, tenant_id: UUID, *, shared: bool) -> None:
    """Until the end of the transaction. shared: for who reads what is provisioned and stores what follows from it."""
    await (lock_name_shared if shared else lock_name)(connection, f"provisioning {tenant_id}")


async def access_of(
    connection: AsyncConnection, tenant_id: UUID, attribute: LinkAttribute, link: str, values: Collection[str]
) -> ProvisionedAccess:
    """values: of the claims of the person's token."""
    parameters = {"tenant": tenant_id, "link": link, "values": list(values)}
    row = (await connection.execute(_ACCESS_BY_ATTRIBUTE[attribute], parameters)).one()
    return ProvisionedAccess(row.known, row.active, frozenset(row.withheld))


async def list_users(
    connection: AsyncConnection, where: AttributeFilter | None, offset: int, limit: int
) -> tuple[int, list[ProvisionedUser]]:
    """The number of all that match, and some of them, the oldest first."""
    there = [provisioned_users.c.deleted_at.is_(None), *_condition(provisioned_users, where)]
    total, rows = await _page(connection, provisioned_users, there, offset, limit)
    groups = await _names(connection, rows, _USER, _GROUP, provisioned_groups.c.display_name)
    return total, [
        ProvisionedUser(
            row.id,
            row.user_name,
            row.external_id,
            row.display_name,
            row.active,
            row.created_at,
            row.updated_at,
            groups[row.id],
        )
        for row in rows
    ]


async def list_groups(
    connection: AsyncConnection, where: AttributeFilter | None, offset: int, limit: int
) -> tuple[int, list[ProvisionedGroup]]:
    """As `list_users`."""
    total, rows = await _page(connection, provisioned_groups, _condition(provisioned_groups, where), offset, limit)
    members = await _names(connection, rows, _GROUP, _USER, provisioned_users.c.user_name)
    return total, [
        ProvisionedGroup(row.id, row.display_name, row.external_id, row.created_at, row.updated_at, members[row.id])
        for row in rows
    ]


async def _names(
    connection: AsyncConnection, rows: Sequence[Row[Any]], own: Column[UUID], other: Column[UUID], name: Column[str]
) -> dict[UUID, dict[UUID, str]]:
    """Names of who is on the other side of a membership, by the ids of both. own, other: the columns of the sides."""
    found: dict[UUID, dict[UUID, str]] = {row.id: {} for row in rows}
    query = select(own, other, name).join_from(provisioned_members, name.table, name.table.c.id == other)
    for one, another, text_of in await connection.execute(query.where(own.in_(found))):
        found[one][another] = text_of
    return found


async def _page(
    connection: AsyncConnection, table: Table, there: Sequence[Any], offset: int, limit: int
) -> tuple[int, Sequence[Row[Any]]]:
    total = await connection.scalar(select(func.count()).select_from(table).where(*there))
    query = select(table).where(*there).order_by(table.c.created_at, table.c.id).offset(offset).limit(limit)
    return total or 0, (await connection.execute(query)).all()


def _condition(table: Table, where: AttributeFilter | None) -> Sequence[Any]:
    if where is None:
        return []
    column = table.c[where.attribute]
    if where.attribute == "user_name":
        return [table.c.user_key == user_key(str(where.value))]
    if where.attribute == "id":
        try:
            return [column == UUID(str(where.value))]
        except ValueError:
            return [column.is_(None)]
    return [column == where.value]


async def store_user(
    connection: AsyncConnection, tenant_id: UUID, user_id: UUID, content: UserContent, now: datetime, *, new: bool
) -> None:
    """Errors: IntegrityError, where another user has the name."""
    values = {
        "user_name": content.user_name,
        "user_key": user_key(content.user_name),
        "external_id": content.external_id,
        "display_name": content.display_name,
        "active": content.active,
        "updated_at": now,
    }
    await _store(connection, provisioned_users, tenant_id, user_id, values, new)


async def store_group(
    connection: AsyncConnection, tenant_id: UUID, group_id: UUID, content: GroupContent, now: datetime, *, new: bool
) -> None:
    """With its members, and the values that it decides about. Errors: IntegrityError."""
    values = {"display_name": content.display_name, "external_id": content.external_id, "updated_at": now}
    await _store(connection, provisioned_groups, tenant_id, group_id, values, new)
    table = provisioned_members
    await connection.execute(delete(table).where(table.c.group_id == group_id))
    if content.members:
        members = [{"tenant_id": tenant_id, "group_id": group_id, "user_id": each} for each in sorted(content.members)]
        await connection.execute(insert(table), members)
    decided = [each for each in (content.display_name, content.external_id) if each]
    rows = [{"tenant_id": tenant_id, "value": each} for each in sorted(set(decided))]
    await connection.execute(upsert(provisioned_values).values(rows).on_conflict_do_nothing())


async def _store(
    connection: AsyncConnection, table: Table, tenant_id: UUID, key: UUID, values: dict[str, Any], new: bool
) -> None:
    if new:
        values = values | {"id": key, "tenant_id": tenant_id, "created_at": values["updated_at"]}
        await connection.execute(insert(table).values(values))
    else:
        await connection.execute(update(table).where(table.c.id == key).values(values))


async def existing_users(connection: AsyncConnection, users: Collection[UUID]) -> set[UUID]:
    table = provisioned_users.c
    query = select(table.id).where(table.id.in_(users), table.deleted_at.is_(None))
    return set((await connection.execute(query)).scalars())


async def delete_user(connection: AsyncConnection, user_id: UUID, now: datetime) -> None:
    await connection.execute(delete(provisioned_members).where(provisioned_members.c.user_id == user_id))
    gone = update(provisioned_users).where(provisioned_users.c.id == user_id)
    await connection.execute(gone.values(deleted_at=now, active=False, display_name=None))


async def delete_group(connection: AsyncConnection, group_id: UUID) -> None:
    """What it decided about is given to nobody any more."""
    await connection.execute(delete(provisioned_members).where(provisioned_members.c.group_id == group_id))
    await connection.execute(delete(provisioned_groups).where(provisioned_groups.c.id == group_id))
