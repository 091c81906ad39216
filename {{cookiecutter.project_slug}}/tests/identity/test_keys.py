import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core.background import background
from app.core.clock import ManualClock
from app.core.database import Database, listen
from app.identity import repository
from app.identity.domain import (
    IDENTITY_CHANGED,
    KeyInvalid,
    KeyNotFound,
    PermissionMissing,
    Principal,
    RateLimited,
    RoleNotFound,
    RoleNotGranted,
    check_grant,
    generate_key,
)
from app.identity.domain.rate_limits import RequestLimits
from app.identity.service import Identity
from app.main import create_app
from app.wiring import State
from tests.clock import until


def identity_of(state: State, clock: ManualClock, per_minute: int = 1000) -> Identity:
    limits = RequestLimits(per_minute)
    return Identity(state.database, clock, state.settings.pepper(), limits, by_clock=True)


async def test_a_key_authenticates_its_principal(state: State, tenant: UUID) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user"], ["hr"])
    principal = await state.identity.authenticate(key.text)
    assert (principal.tenant_id, principal.name) == (tenant, "reader")
    assert principal.groups == {"hr"}


async def test_a_key_with_one_changed_letter_is_invalid(state: State, tenant: UUID) -> None:
    key = (await state.identity.create_key(tenant, "reader", ["user"])).text
    forged = key[:-1] + ("a" if key[-1] != "a" else "b")
    with pytest.raises(KeyInvalid):
        await state.identity.authenticate(forged)


async def test_only_the_hash_of_a_key_is_stored(state: State, tenant: UUID) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user"])
    async with state.database.read(tenant) as connection:
        row = (await connection.execute(text("select * from api_keys"))).one()
    assert key.secret not in str(row)


async def test_another_pepper_makes_every_key_invalid(state: State, tenant: UUID) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user"])
    other = Identity(state.database, ManualClock(), b"x" * 32, RequestLimits(10))
    with pytest.raises(KeyInvalid):
        await other.authenticate(key.text)


async def test_a_revoked_key_is_rejected_by_the_next_request(state: State, tenant: UUID) -> None:
    identity = identity_of(state, ManualClock())
    key = await identity.create_key(tenant, "reader", ["user"])
    await identity.authenticate(key.text)
    await identity.revoke_key(tenant, key.prefix)
    with pytest.raises(KeyInvalid):
        await identity.authenticate(key.text)


async def test_another_process_rejects_a_revoked_key_when_it_is_notified(state: State, tenant: UUID) -> None:
    elsewhere = identity_of(state, ManualClock())  # its cache never ends
    key = await state.identity.create_key(tenant, "reader", ["user"])
    listening = asyncio.Event()

    async def follow(payload: str) -> None:
        listening.set()
        await elsewhere.follow(payload)

    async with background(lambda: listen(state.database, IDENTITY_CHANGED, follow)):
        await listening.wait()
        await elsewhere.authenticate(key.text)
        await state.identity.revoke_key(tenant, key.prefix)

        async def rejected() -> bool:
            try:
                await elsewhere.authenticate(key.text)
            except KeyInvalid:
                return True
            return False

        await until(rejected)


async def test_another_process_rejects_a_revoked_key_within_a_second_without_a_notification(
    state: State, tenant: UUID
) -> None:
    clock = ManualClock()
    elsewhere = identity_of(state, clock)
    key = await state.identity.create_key(tenant, "reader", ["user"])
    await elsewhere.authenticate(key.text)
    await state.identity.revoke_key(tenant, key.prefix)
    clock.advance(1.0)
    with pytest.raises(KeyInvalid):
        await elsewhere.authenticate(key.text)


async def test_a_key_of_another_tenant_cannot_be_revoked(state: State, tenant: UUID) -> None:
    other = await state.identity.ensure_tenant(f"other-of-{tenant}")
    key = await state.identity.create_key(other, "theirs", ["user"])
    with pytest.raises(KeyNotFound):
        await state.identity.revoke_key(tenant, key.prefix)


async def test_an_unknown_role_is_rejected(state: State, tenant: UUID) -> None:
    with pytest.raises(RoleNotFound, match="emperor"):
        await state.identity.create_key(tenant, "x", ["emperor"])


async def test_the_rate_limit_of_a_key_gives_the_seconds_to_wait(state: State, principal: Principal) -> None:
    clock = ManualClock()
    identity = identity_of(state, clock, per_minute=3)
    for _ in range(3):
        await identity.check_rate_limit(principal)
    with pytest.raises(RateLimited) as refused:
        await identity.check_rate_limit(principal)
    assert refused.value.retry_after == pytest.approx(20)
    clock.advance(20.1)
    await identity.check_rate_limit(principal)
    with pytest.raises(RateLimited):
        await identity.check_rate_limit(principal)


@pytest.mark.parametrize(("own", "requests"), [(2, 2), (5, 3)])
async def test_a_key_has_the_smaller_of_its_own_limit_and_that_of_the_service(
    state: State, principal: Principal, own: int, requests: int
) -> None:
    identity, caller = identity_of(state, ManualClock(), per_minute=3), replace(principal, requests_per_minute=own)
    for _ in range(requests):
        await identity.check_rate_limit(caller)
    with pytest.raises(RateLimited, match=f"At most {requests} requests a minute of this key"):
        await identity.check_rate_limit(caller)


async def test_over_the_rate_limit_the_status_is_429_with_retry_after(state: State, client: httpx.AsyncClient) -> None:
    limits, per_key = state.identity.limits, state.identity.limits.per_key
    limits.per_key = 2
    try:
        statuses = [(await client.get("/v1/keys")).status_code for _ in range(2)]
        refused = await client.get("/v1/keys")
    finally:
        limits.per_key = per_key
    assert statuses == [200, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_a_user_key_may_not_manage_keys(state: State, tenant: UUID, client: httpx.AsyncClient) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user"])
    response = await client.get("/v1/keys", headers={"Authorization": f"Bearer {key.text}"})
    assert (response.status_code, response.json()["code"]) == (403, PermissionMissing.code)
    assert "admin" in response.json()["action"]


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer sk_short", "Bearer {unknown}"])
async def test_without_a_valid_key_the_status_is_401(client: httpx.AsyncClient, header: str | None) -> None:
    client.headers.pop("Authorization")
    headers = {"Authorization": header.format(unknown=generate_key().text)} if header is not None else {}
    response = await client.get("/v1/keys", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_created_over_http_works_and_is_shown_once(client: httpx.AsyncClient) -> None:
    created = (await client.post("/v1/keys", json={"name": "second", "roles": ["admin"]})).json()
    listed = await client.get("/v1/keys", headers={"Authorization": f"Bearer {created['key']}"})
    assert [item["name"] for item in listed.json()["items"]] == ["test", "second"]
    assert created["key"] not in listed.text
    assert (await client.delete(f"/v1/keys/{created['prefix']}")).status_code == 204


async def test_a_query_without_a_filter_sees_one_tenant_only(state: State, tenant: UUID, database: Database) -> None:
    other = await state.identity.ensure_tenant(f"other-of-{tenant}")
    await state.identity.create_key(other, "theirs", ["user"])
    async with database.read(tenant) as connection:
        assert (await connection.execute(text("select count(*) from api_keys"))).scalar() == 0
    async with database.read(None) as connection:
        assert (await connection.execute(text("select count(*) from api_keys"))).scalar() == 0


@pytest.mark.parametrize("roles", [["admin"], ["admin", "service"]])
async def test_the_role_service_cannot_be_granted_over_http(state: State, tenant: UUID, roles: list[str]) -> None:
    key = await state.identity.create_key(tenant, "granter", roles)
    headers = {"Authorization": f"Bearer {key.text}"}
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as granter:
        for requested in (["service"], ["user", "service"]):
            refused = await granter.post("/v1/keys", json={"name": "above", "roles": requested})
            assert (refused.status_code, refused.json()["code"]) == (403, "role_not_granted")
            assert "app keys create" in refused.json()["action"]
        assert (await granter.post("/v1/keys", json={"name": "beside", "roles": ["admin"]})).status_code == 201
        assert {item["name"] for item in (await granter.get("/v1/keys")).json()["items"]} == {"granter", "beside"}


@pytest.mark.parametrize("role", ["reviewer", "operator", "admin", "service"])
def test_a_key_grants_no_role_with_more_permissions(role: str) -> None:
    user = Principal(uuid4(), uuid4(), "user", frozenset({"user"}))
    check_grant(frozenset({"user"}), user)
    with pytest.raises(RoleNotGranted):
        check_grant(frozenset({"user", role}), user)


async def test_what_was_verified_before_a_revocation_is_not_cached_after_it(
    state: State, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key calls without pause: a query that is under way while it is revoked lets in that request alone."""
    identity = identity_of(state, ManualClock())
    key = await identity.create_key(tenant, "busy", ["user"])
    found, go_on = asyncio.Event(), asyncio.Event()
    find_key = repository.find_key

    async def slow(database: Database, prefix: str) -> object:
        row = await find_key(database, prefix)
        found.set()
        await go_on.wait()
        return row

    monkeypatch.setattr(repository, "find_key", slow)
    calling = asyncio.ensure_future(identity.authenticate(key.text))
    await found.wait()
    await identity.revoke_key(tenant, key.prefix)
    go_on.set()
    await asyncio.gather(calling, return_exceptions=True)
    with pytest.raises(KeyInvalid):
        await identity.authenticate(key.text)
