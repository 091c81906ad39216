from typing import Annotated

from fastapi import APIRouter

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.schemas import CallerShown, KeyCreated, KeyList, KeyRequest, KeyShown
from app.identity.service import Identity, require

router = APIRouter(tags=["keys"])

Identities = Annotated[Identity, provided(Identity)]
Manager = Annotated[Principal, require("keys:manage")]
Anybody = Annotated[Principal, require("caller:read")]


@router.get("/v1/caller")
async def show_caller(caller: Anybody) -> CallerShown:
    """Who the key belongs to and what it may do. Every role may ask."""
    return CallerShown.of(caller)


@router.post("/v1/keys", status_code=201)
async def create_key(body: KeyRequest, caller: Manager, identity: Identities) -> KeyCreated:
    """Makes a key of the caller's tenant, with roles that the caller could use itself; the role service is given at the
    command line alone. The key is in this reply and nowhere else."""
    key = await identity.give_key(caller, body.name, body.roles, body.groups)
    return KeyCreated(prefix=key.prefix, key=key.text)


@router.get("/v1/keys")
async def list_keys(caller: Manager, identity: Identities) -> KeyList:
    """The keys of the caller's tenant, without their secrets."""
    rows = await identity.list_keys(caller.tenant_id)
    return KeyList(items=[KeyShown.model_validate(row._asdict()) for row in rows])


@router.delete("/v1/keys/{prefix}", status_code=204)
async def revoke_key(prefix: str, caller: Manager, identity: Identities) -> None:
    """Refuses the key from the next second on."""
    await identity.revoke_key(caller.tenant_id, prefix, caller.name)
