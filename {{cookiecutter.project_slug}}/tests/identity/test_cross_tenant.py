"""The walk over every route with ids of another tenant, by people who come with tokens instead of keys."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from app.identity.domain import PERMISSIONS
from app.wiring import State
from tests.e2e import test_tenants
from tests.e2e.test_tenants import MARKER, theirs
from tests.identity.conftest import Federation
from tests.identity.test_scopes import BODIES, address, within

__all__ = ["theirs"]

ROLES = ["user", "reviewer", "operator", "admin", "service"]


@pytest_asyncio.fixture
async def state(federation: Federation) -> State:
    return federation.state


@pytest_asyncio.fixture
async def stranger(federation: Federation) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with every role in a tenant without data."""
    name = f"stranger-{federation.tenant}"
    await federation.state.identity.ensure_tenant(name)
    values = {role: role for role in ROLES if role != "service"}
    federation.set_policy(
        tenant={"claim": "tenant", "values": {"strangers": name}},
        roles={"claim": "groups", "values": values, "service": ["service"]},
        groups={"claim": "groups", "values": {}},
    )
    token = federation.issuer.token(tenant="strangers", groups=ROLES, exp=federation.issuer.now + 3600)
    async with federation.client(token) as client:
        yield client


async def test_an_id_of_another_tenant_is_the_same_as_a_missing_one_to_an_identity(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, theirs: dict[str, str]
) -> None:
    await test_tenants.test_an_id_of_another_tenant_is_the_same_as_a_missing_one_on_every_route(
        client, stranger, theirs
    )


async def test_no_route_shows_an_identity_anything_of_another_tenant(
    stranger: httpx.AsyncClient, theirs: dict[str, str]
) -> None:
    caller = (await stranger.get("/v1/caller")).json()
    assert set(caller["permissions"]) == frozenset().union(*PERMISSIONS.values())
    for method, path in within("tenant") + within("own"):
        if method == "GET" or "{" in path:
            reply = await stranger.request(method, address(path, theirs), json=BODIES.get((method.lower(), path)))
            assert MARKER not in reply.text, path
            assert "{" not in path or reply.status_code in (403, 404), (method, path, reply.text)
