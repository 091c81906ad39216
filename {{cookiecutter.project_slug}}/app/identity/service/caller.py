"""What other rooms' routes ask for: the caller, and a transaction of the caller's tenant."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.identity.domain import KeyMissing, Principal
from app.identity.service.keys import Identity


def require(permission: str) -> Any:
    """A dependency: the caller, known by its key, within its limits and holding `permission`."""

    async def caller(request: Request) -> Principal:
        identity: Identity = request.app.state.provided[Identity]
        principal = await identity.authenticate(_key_in(request))
        structlog.contextvars.bind_contextvars(tenant_id=str(principal.tenant_id), key_id=str(principal.key_id))
        principal.require(permission)
        identity.admit(principal)
        return principal

    caller.permission = permission  # type: ignore[attr-defined]
    return Depends(caller)


def connection_for(permission: str) -> Any:
    """A dependency: a transaction of the caller's tenant, committed before the response leaves."""

    async def open_transaction(
        request: Request, caller: Annotated[Principal, require(permission)]
    ) -> AsyncIterator[AsyncConnection]:
        database: Database = request.app.state.provided[Database]
        async with database.transaction(caller.tenant_id) as connection:
            yield connection

    return Depends(open_transaction, scope="function")


def _key_in(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyMissing("Send the header 'Authorization: Bearer <key>'.")
    return key.strip()
