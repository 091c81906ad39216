from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.domain.sessions import SignInNotConfigured
from app.identity.schemas import (
    CallerResponse,
    IdentityListResponse,
    IdentityResponse,
    KeyCreatedResponse,
    KeyListResponse,
    KeyRequest,
    KeyResponse,
)
from app.identity.service import Identity
from app.identity.service.caller import require

router = APIRouter(tags=["keys"])

IdentityService = Annotated[Identity, provided(Identity)]
KeyManager = Annotated[Principal, require("keys:manage")]
AnyCaller = Annotated[Principal, require("caller:read")]


@router.get("/v1/caller")
async def show_caller(caller: AnyCaller) -> CallerResponse:
    """The name, roles and permissions of the calling key. Every role may ask."""
    return CallerResponse.of(caller)


@router.post("/v1/keys", status_code=201)
async def create_key(body: KeyRequest, caller: KeyManager, identity: IdentityService) -> KeyCreatedResponse:
    """Creates a key of the caller's tenant, with roles that the caller has itself; the role service is granted on the
    command line alone. The key is in this response and nowhere else."""
    key = await identity.grant_key(caller, body.name, body.roles, body.groups, body.terms())
    return KeyCreatedResponse(prefix=key.prefix, key=key.text)


@router.get("/v1/keys")
async def list_keys(caller: KeyManager, identity: IdentityService) -> KeyListResponse:
    """The keys of the caller's tenant, without their secrets."""
    keys = await identity.list_keys(caller.tenant_id)
    return KeyListResponse(items=[KeyResponse.model_validate(key) for key in keys])


@router.delete("/v1/keys/{prefix}", status_code=204)
async def revoke_key(prefix: str, caller: KeyManager, identity: IdentityService) -> None:
    """Revokes the key; it is rejected at once here, and within a second by every other process."""
    await identity.revoke_key(caller.tenant_id, prefix, caller.name)


@router.post("/v1/oidc/backchannel-logout", status_code=204)
async def accept_logout(
    identity: IdentityService, response: Response, logout_token: Annotated[str, Form()] = ""
) -> None:
    """Where the identity provider tells that a person has signed out (OpenID Connect Back-Channel Logout): sessions
    end, and tokens of before are refused. It needs no key: the token is signed by the provider.
    """
    if identity.sessions is None:
        raise SignInNotConfigured()
    response.headers["cache-control"] = "no-store"
    await identity.sessions.sign_outs.accept(logout_token)


@router.get("/v1/identities")
async def list_identities(caller: KeyManager, identity: IdentityService) -> IdentityListResponse:
    """Who has come to the caller's tenant with a token of the identity provider."""
    found = await identity.list_identities(caller.tenant_id)
    return IdentityListResponse(items=[IdentityResponse.model_validate(each) for each in found])


@router.delete("/v1/identities/{identity_id}", status_code=204)
async def revoke_identity(identity_id: UUID, caller: KeyManager, identity: IdentityService) -> None:
    """Rejects every token of the identity from the next request on. `app identities admit` accepts it again."""
    await identity.revoke_identity(caller.tenant_id, identity_id, caller.name)
