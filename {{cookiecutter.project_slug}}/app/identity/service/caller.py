"""The dependency by which routes get their caller."""

import structlog
from fastapi import Depends, Request, params

from app.identity.domain import KeyRequired, Principal
from app.identity.service.keys import Identity


def require(permission: str) -> params.Depends:
    """A dependency: the authenticated caller, which has `permission` and is within its rate limit."""

    async def caller(request: Request) -> Principal:
        identity: Identity = request.app.state.provided[Identity]
        principal = await identity.authenticate(_bearer_key(request))
        structlog.contextvars.bind_contextvars(tenant_id=str(principal.tenant_id), key_id=str(principal.key_id))
        principal.require(permission)
        identity.check_rate_limit(principal)
        return principal

    caller.permission = permission  # type: ignore[attr-defined]
    dependency: params.Depends = Depends(caller)
    return dependency


def _bearer_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyRequired("Send the header 'Authorization: Bearer <key>'.")
    return key.strip()
