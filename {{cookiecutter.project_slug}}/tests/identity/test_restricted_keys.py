"""Keys that end, that may do less than their roles, that work from some addresses, and the people behind them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.clock import ManualClock
from app.identity.domain import KeyExpired, KeyTerms, Principal, RateLimited
from app.identity.domain.rate_limits import RequestLimits
from app.identity.service import Identity
from app.main import create_app
from app.wiring import State
from tests.clock import until


def make_identity(state: State, clock: ManualClock, per_key: int = 1000, per_tenant: int = 10**6) -> Identity:
    """As another process has it."""
    return Identity(state.database, clock, state.settings.pepper(), RequestLimits(per_key, per_tenant), by_clock=True)


@pytest_asyncio.fixture
async def admin(state: State, tenant: UUID) -> AsyncIterator[httpx.AsyncClient]:
    key = await state.identity.create_key(tenant, "admin", ["admin"])
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False, client=("192.0.2.7", 4711))
    headers = {"Authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


async def make(admin: httpx.AsyncClient, **body: Any) -> dict[str, str]:
    """Makes a key over HTTP; the header that sends it."""
    reply = await admin.post("/v1/keys", json={"name": "made", **body})
    assert reply.status_code == 201, reply.text
    return {"Authorization": f"Bearer {reply.json()['key']}"}


async def test_a_key_ends_when_it_ends_also_a_cached_one(state: State, tenant: UUID) -> None:
    clock = ManualClock()
    identity = make_identity(state, clock)
    terms = KeyTerms(expires_at=clock.now() + timedelta(seconds=0.5))
    key = await identity.create_key(tenant, "short", ["user"], terms=terms)
    await identity.authenticate(key.text)
    clock.advance(0.6)
    with pytest.raises(KeyExpired):
        await identity.authenticate(key.text)
    clock.advance(10)
    with pytest.raises(KeyExpired):
        await identity.authenticate(key.text)


async def test_work_that_runs_later_does_not_run_for_a_key_that_has_ended(state: State, tenant: UUID) -> None:
    """The principal for such work is read by the database's clock."""
    for seconds, there in ((3600, True), (0.05, False)):
        terms = KeyTerms(expires_at=state.clock.now() + timedelta(seconds=seconds))
        prefix = (await state.identity.create_key(tenant, "short", ["user"], terms=terms)).prefix
        [key] = [each for each in await state.identity.list_keys(tenant) if each.prefix == prefix]

        async def found(key_id: UUID = key.id) -> Principal | None:
            async with state.database.read(tenant) as connection:
                return await state.identity.principal_of_key(connection, tenant, key_id)

        if there:
            assert await found()
        else:
            await until(lambda: gone(found))


async def gone(found: Callable[[], Awaitable[Principal | None]]) -> bool:
    return await found() is None


async def test_a_restricted_key_may_do_only_what_it_is_restricted_to(admin: httpx.AsyncClient) -> None:
    headers = await make(admin, roles=["operator"], permissions=["documents:read", "caller:read"])
    caller = (await admin.get("/v1/caller", headers=headers)).json()
    assert caller["permissions"] == ["caller:read", "documents:read"]
    assert (await admin.get("/v1/documents", headers=headers)).status_code == 200
    refused = await admin.post("/v1/search", headers=headers, json={"query": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    wider = await admin.post("/v1/keys", json={"name": "x", "permissions": ["documents:write"]})
    assert (wider.status_code, wider.json()["code"]) == (422, "key_terms_invalid")


async def test_a_restricted_key_makes_no_key_with_more(admin: httpx.AsyncClient) -> None:
    headers = await make(admin, roles=["admin"], permissions=["keys:manage"])
    refused = await admin.post("/v1/keys", headers=headers, json={"name": "more", "roles": ["user"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_granted")


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("own", "asked", "status"),
    [
        ({"expires_at": DAY}, {}, 422),
        ({"expires_at": DAY}, {"expires_at": 2 * DAY}, 422),
        ({"expires_at": DAY}, {"expires_at": HOUR}, 201),
        ({"hosts": ["192.0.2.0/24"]}, {}, 422),
        ({"hosts": ["192.0.2.0/24"]}, {"hosts": ["192.0.2.8", "198.51.100.1"]}, 422),
        ({"hosts": ["192.0.2.0/24"]}, {"hosts": ["192.0.0.0/16"]}, 422),
        ({"hosts": ["192.0.2.0/24"]}, {"hosts": ["::ffff:c000:0200/120"]}, 422),
        ({"hosts": ["192.0.2.0/24", "2001:db8::/32"]}, {"hosts": ["192.0.2.8", "2001:db8:1::/48"]}, 201),
        ({"requests_per_minute": 60}, {}, 422),
        ({"requests_per_minute": 60}, {"requests_per_minute": 61}, 422),
        ({"requests_per_minute": 60}, {"requests_per_minute": 60}, 201),
        ({}, {}, 201),
    ],
)
async def test_a_key_makes_no_key_with_wider_terms_than_its_own(
    state: State, admin: httpx.AsyncClient, own: dict[str, Any], asked: dict[str, Any], status: int
) -> None:
    def dated(terms: dict[str, Any]) -> dict[str, Any]:
        now = state.clock.now()
        return {k: (now + each).isoformat() if isinstance(each, timedelta) else each for k, each in terms.items()}

    headers = await make(admin, roles=["admin"], **dated(own))
    reply = await admin.post("/v1/keys", headers=headers, json={"name": "made", "roles": ["user"], **dated(asked)})
    assert reply.status_code == status, reply.text
    assert status == 201 or reply.json()["code"] == "key_terms_invalid"


@pytest.mark.parametrize(("hosts", "status"), [(["192.0.2.0/24"], 200), (["10.0.0.0/8", "::1"], 403), ([], 200)])
async def test_a_key_works_from_its_networks_only(admin: httpx.AsyncClient, hosts: list[str], status: int) -> None:
    reply = await admin.get("/v1/caller", headers=await make(admin, hosts=hosts))
    assert reply.status_code == status
    assert status == 200 or reply.json()["code"] == "source_not_allowed"


async def test_a_key_has_a_limit_of_its_own_below_that_of_the_policy(admin: httpx.AsyncClient) -> None:
    headers = await make(admin, requests_per_minute=2)
    statuses = [(await admin.get("/v1/caller", headers=headers)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_the_last_use_is_written_from_time_to_time_and_not_with_each_call(
    state: State, admin: httpx.AsyncClient
) -> None:
    headers = await make(admin)

    async def last_used() -> list[str | None]:
        items = (await admin.get("/v1/keys")).json()["items"]
        return [item["last_used_at"] for item in items if item["name"] == "made"]

    for _ in range(3):
        await admin.get("/v1/caller", headers=headers)
    assert await last_used() == [None]
    await state.identity.last_use.flush()
    assert None not in await last_used()


async def test_two_keys_of_one_person_are_one_person(state: State, tenant: UUID) -> None:
    callers = []
    for name, person in (("laptop", "Ana@example.com"), ("phone", " ana@example.com"), ("other", "bo")):
        key = await state.identity.create_key(tenant, name, ["reviewer"], terms=KeyTerms(person=person))
        callers.append(await state.identity.authenticate(key.text))
    assert [caller.name for caller in callers] == ["ana@example.com", "ana@example.com", "bo"]
    undeclared = await state.identity.create_key(tenant, "laptop", ["reviewer"])
    assert (await state.identity.authenticate(undeclared.text)).name == "laptop"


def caller_of(tenant: UUID, per_minute: int | None = None) -> Principal:
    return Principal(tenant, uuid4(), "caller", frozenset({"user"}), requests_per_minute=per_minute)


async def allowed(identity: Identity, caller: Principal, requests: int) -> int:
    passed = 0
    for _ in range(requests):
        try:
            await identity.check_rate_limit(caller)
            passed += 1
        except RateLimited:
            pass
    return passed


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600, 6000])
async def test_processes_share_the_limit_of_a_key_exactly(state: State, tenant: UUID, per_minute: int) -> None:
    clock, caller = ManualClock(), caller_of(tenant)
    processes = [make_identity(state, clock, per_minute) for _ in range(3)]
    passed = 0
    for _ in range(per_minute // 10 + 1):
        for process in processes:
            passed += await allowed(process, caller, 5)
    left = per_minute - passed
    assert left >= 0
    assert sum([await allowed(process, caller, per_minute) for process in processes]) == left
    clock.advance(61)
    assert await allowed(processes[0], caller, per_minute + 1) == per_minute


async def test_processes_share_the_limit_of_a_tenant(state: State, tenant: UUID) -> None:
    clock = ManualClock()
    processes = [make_identity(state, clock, per_tenant=20) for _ in range(2)]
    passed = [await allowed(process, caller_of(tenant), 6) for process in processes for _ in range(3)]
    assert sum(passed) == 20
    other = await state.identity.ensure_tenant(f"other-of-{tenant}")
    assert await allowed(processes[0], caller_of(other), 3) == 3


async def test_a_busy_caller_asks_the_database_seldom(
    state: State, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.identity import repository

    asked, real = [], repository.take_requests

    async def take(*parameters: Any) -> tuple[int, float]:
        asked.append(parameters)
        return await real(*parameters)

    monkeypatch.setattr(repository, "take_requests", take)
    identity = make_identity(state, ManualClock(), 60_000, 60_000)
    assert await allowed(identity, caller_of(tenant), 5000) == 5000
    assert len(asked) <= 2 * 15
