"""What other rooms' routes ask for: the caller."""

from typing import Any

import structlog
from fastapi import Depends, Request

from app.identity.domain import KeyRequired, Principal
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


def _key_in(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyRequired("Send the header 'Authorization: Bearer <key>'.")
    return key.strip()
