"""The dependency by which routes get their caller."""

import structlog
from fastapi import Depends, Request, params

from app.core.admission import authorization
from app.identity.domain import KeyRequired, Principal
from app.identity.service.keys import Identity

SESSION_COOKIE = "__Host-session"
CSRF_HEADER = "x-csrf-token"


def require(permission: str) -> params.Depends:
    """A dependency: the authenticated caller, which has `permission`, calls from where it may, and is within its rate
    limits.
    """

    async def caller(request: Request) -> Principal:
        identity: Identity = request.app.state.provided[Identity]
        principal = await authenticate_request(identity, request)
        structlog.contextvars.bind_contextvars(tenant_id=str(principal.tenant_id), key_id=str(principal.key_id))
        identity.known_tenants.note(authorization(request.scope["headers"]), principal)
        principal.check_source(request.client.host if request.client else None)
        principal.require(permission)
        await identity.check_rate_limit(principal)
        identity.last_use.record(principal.key_id)
        return principal

    caller.permission = permission  # type: ignore[attr-defined]
    dependency: params.Depends = Depends(caller)
    return dependency


async def authenticate_request(identity: Identity, request: Request) -> Principal:
    """The caller by its key or token, or by the session of the console where neither was sent.

    Errors: KeyRequired, and as the services of Identity.
    """
    session = request.cookies.get(SESSION_COOKIE)
    headers = request.headers
    if session and identity.sessions and "authorization" not in headers:
        return await identity.sessions.authenticate(
            session, request.method, headers.get(CSRF_HEADER), headers.get("sec-fetch-site")
        )
    return await identity.authenticate(_bearer_key(request))


def _bearer_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyRequired("Send the header 'Authorization: Bearer <key>'.")
    return key.strip()
