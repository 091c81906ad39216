"""Principals of stored keys and identities."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity import repository
from app.identity.domain import ALL_ROLES, COMMAND_LINE, Principal
from app.identity.repository import identity_rows

SERVICE = "app"
"""The actor in the audit log when no person or key acts."""


async def key_owners(connection: AsyncConnection) -> dict[str, tuple[str, str]]:
    """Name and person of every key and identity of the transaction's tenant, by id; revoked ones too."""
    keys = {str(key.id): (key.name, key.person or key.name) for key in await repository.list_keys(connection)}
    identities = {str(each.id): (each.name, each.name) for each in await identity_rows.list_all(connection)}
    return {str(COMMAND_LINE): ("command line", "command line"), **identities, **keys}


async def find_principal(connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> Principal | None:
    """The principal of a key or an identity, as of now, read in a transaction of its tenant; None where it is missing,
    revoked or expired.
    """
    if key_id == COMMAND_LINE:
        return Principal(tenant_id, key_id, SERVICE, ALL_ROLES)
    row = await repository.find_active_key(connection, key_id)
    if row is not None:
        return repository.principal_of_row(row)
    found = await identity_rows.find(connection, key_id)
    if found is None or found.revoked_at or found.suspended_at:
        return None
    return Principal(tenant_id, key_id, found.name, frozenset(found.roles), frozenset(found.groups))
