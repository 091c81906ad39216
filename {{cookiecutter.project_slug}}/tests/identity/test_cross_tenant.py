"""The walk over every route with ids of another tenant, by people who come with tokens instead of keys."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.console.service import addresses
from app.identity.domain import PERMISSIONS
from app.wiring import State
from tests.e2e import test_tenants
from tests.e2e.test_tenants import MARKER, theirs
from tests.identity.conftest import Federation
from tests.identity.test_scopes import BODIES, address, within
from tests.identity.test_sign_in import sign_in

__all__ = ["theirs"]

ROLES = ["user", "reviewer", "operator", "admin", "service"]


@pytest_asyncio.fixture
async def state(federation: Federation) -> State:
    return federation.state


@pytest_asyncio.fixture(params=["token", "session"])
async def stranger(federation: Federation, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with every role in a tenant without data."""
    name = f"stranger-{federation.tenant}"
    await federation.state.identity.ensure_tenant(name)
    values = {role: role for role in ROLES if role != "service"}
    federation.set_policy(
        tenant={"claim": "tenant", "values": {"strangers": name}},
        roles={"claim": "groups", "values": values, "service": ["service"]},
        groups={"claim": "groups", "values": {}},
    )
    changed = {"tenant": "strangers", "groups": ROLES, "exp": federation.issuer.now + 3600}
    if request.param == "token":
        async with federation.client(federation.issuer.token(**changed)) as client:
            yield client
        return
    federation.issuer.access_claims = changed
    async with federation.browser() as client:
        client.headers["x-csrf-token"] = await sign_in(federation, client)
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


async def test_no_page_of_the_console_shows_anything_of_a_tenant(
    stranger: httpx.AsyncClient, theirs: dict[str, str]
) -> None:
    for path in sorted(addresses() - {"/console", "/console/sign-in", "/console/signed-in", "/console/sign-out"}):
        reply = await stranger.get(path)
        assert reply.status_code in (200, 404), path
        assert not [each for each in (MARKER, *theirs.values()) if len(each) > 6 and each in reply.text], path
