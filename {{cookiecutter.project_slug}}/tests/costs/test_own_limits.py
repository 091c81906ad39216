"""Who is limited by a budget does not raise it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.errors import PaymentRequired
from app.costs.domain.budgets import NoLimit
from app.costs.service import Budgets
from app.main import create_app
from app.wiring import State


def wanted(usd: str | None, **more: Any) -> dict[str, Any]:
    return {"scope": "tenant", "span": "day", "usd": usd, "reason": "a quiet month", **more}


@pytest_asyncio.fixture
async def admin(state: State, tenant: UUID) -> AsyncIterator[httpx.AsyncClient]:
    key = await state.identity.create_key(tenant, "admin", ["admin"])
    headers = {"Authorization": f"Bearer {key.text}"}
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


async def test_an_admin_sets_less_than_the_service_allows_and_takes_it_back(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await client.put("/v1/budgets", json=wanted("5"))).status_code == 200
    less = (await admin.put("/v1/budgets", json=wanted("2"))).json()
    assert (less["limit_micro_usd"], less["allowed_micro_usd"], less["set_by_hand"]) == (2_000_000, 5_000_000, True)
    more = await admin.put("/v1/budgets", json=wanted("5.000001"))
    assert (more.status_code, more.json()["code"]) == (403, "limit_not_allowed")
    assert "5.000000 USD" in more.json()["detail"]
    assert (await admin.put("/v1/budgets", json=wanted("5"))).json()["limit_micro_usd"] == 5_000_000
    back = (await admin.put("/v1/budgets", json=wanted(None))).json()
    assert (back["limit_micro_usd"], back["allowed_micro_usd"]) == (5_000_000, 5_000_000)


async def test_what_the_service_takes_back_a_tenant_does_not_keep(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await client.put("/v1/budgets", json=wanted("5"))
    await admin.put("/v1/budgets", json=wanted("4"))
    assert (await client.put("/v1/budgets", json=wanted("1"))).json()["limit_micro_usd"] == 1_000_000
    shown = [each for each in (await admin.get("/v1/budgets")).json() if each["span"] == "day"]
    assert [(each["scope"], each["limit_micro_usd"]) for each in shown] == [("tenant", 1_000_000)]


@pytest.mark.parametrize("beyond", ["service", "another tenant"])
async def test_an_admin_sets_nothing_beyond_its_own_tenant(admin: httpx.AsyncClient, state: State, beyond: str) -> None:
    name = f"another-{uuid4().hex}"
    other = await state.identity.ensure_tenant(name)
    before = [each.limit_micro_usd for each in await state.costs.budgets.current(other)]
    more = {"scope": "service"} if beyond == "service" else {"tenant": name}
    refused = await admin.put("/v1/budgets", json=wanted("0", **more))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    assert [each.limit_micro_usd for each in await state.costs.budgets.current(other)] == before


@pytest.mark.parametrize("scope", ["service", "tenant"])
async def test_an_admin_grants_nothing(admin: httpx.AsyncClient, scope: str) -> None:
    refused = await admin.post("/v1/budgets/grants", json=wanted("1", scope=scope))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")


async def test_how_the_whole_service_stands_is_not_shown_to_a_tenant(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert {each["scope"] for each in (await admin.get("/v1/budgets")).json()} == {"tenant"}
    assert {each["scope"] for each in (await client.get("/v1/budgets")).json()} == {"service", "tenant"}


async def test_the_role_service_sets_what_another_tenant_is_allowed(client: httpx.AsyncClient, state: State) -> None:
    name = f"another-{uuid4().hex}"
    tenant = await state.identity.ensure_tenant(name)
    assert (await client.put("/v1/budgets", json=wanted("3", tenant=name))).json()["limit_micro_usd"] == 3_000_000
    granted = await client.post("/v1/budgets/grants", json=wanted("1", tenant=name))
    assert granted.json()["allowed_micro_usd"] == 4_000_000
    found = [each for each in await state.costs.budgets.current(tenant) if (each.scope, each.span) == (tenant, "day")]
    assert [each.allowed_micro_usd for each in found] == [4_000_000]
    unknown = await client.put("/v1/budgets", json=wanted("3", tenant="nobody at all"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "tenant_not_found")
    both = await client.put("/v1/budgets", json=wanted("3", tenant=name, scope="service"))
    assert both.status_code == 422


async def test_a_limit_of_its_own_stops_a_tenant(state: State, tenant: UUID) -> None:
    budgets: Budgets = state.costs.budgets
    await budgets.set("service", tenant, "day", 5_000, "a start")
    await budgets.set_own("admin", tenant, "day", 1_000, "a quiet month")
    with pytest.raises(PaymentRequired):
        await state.costs.reservations.hold(tenant, 1_001)
    await budgets.set_own("admin", tenant, "day", None, "it is over")
    assert await state.costs.reservations.hold(tenant, 1_001)


async def test_without_a_limit_of_the_service_a_tenant_may_have_one_of_its_own(state: State, tenant: UUID) -> None:
    budgets: Budgets = state.costs.budgets
    found = await budgets.set_own("admin", tenant, "month", 7_000, "a quiet month")
    assert (found.limit_micro_usd, found.allowed_micro_usd) == (7_000, None)
    with pytest.raises(NoLimit):
        await budgets.grant("service", tenant, "month", 1, "a little")
