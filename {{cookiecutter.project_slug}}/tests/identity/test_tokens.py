"""Bearer tokens of an identity provider, on the routes of the service."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.core.background import background
from app.core.database import listen
from app.identity.domain import IDENTITY_CHANGED
from app.identity.domain.policy import IdentityPolicy
from app.identity.service.token_authentication import REFUSED
from app.wiring import State
from tests.clock import until
from tests.identity.attacks import ATTACKS
from tests.identity.conftest import Federation
from tests.identity.issuer import ADDRESS, POLICY, ec_key, jwk_of, rsa_key
from tests.samples import total


async def call(federation: Federation, token: str) -> httpx.Response:
    async with federation.client(token) as client:
        return await client.get("/v1/caller")


async def accepted(federation: Federation, token: str) -> dict[str, Any]:
    reply = await call(federation, token)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def counted(reason: str) -> float:
    return REFUSED.labels(reason)._value.get()


async def test_a_token_is_the_caller_that_the_policy_makes_of_it(federation: Federation) -> None:
    for token in (
        federation.issuer.token(),
        federation.issuer.token(ec_key("two"), "ES256", {"kid": "e1", "typ": "application/AT+JWT"}),
        federation.issuer.token(groups=["dept-hr", "answers-users", "unknown"]),
    ):
        caller = await accepted(federation, token)
        assert (caller["name"], caller["roles"], caller["groups"]) == ("ana", ["user"], ["hr"])


def test_the_attacks_are_many_and_no_two_alike() -> None:
    assert len(ATTACKS) >= 90
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("path", ["/v1/caller", "/v1/answers"])
async def test_every_attack_is_refused_with_its_problem_and_counted(federation: Federation, path: str) -> None:
    await accepted(federation, federation.issuer.token())
    for attack in ATTACKS:
        before, token = counted(attack.reason), attack.token(federation.issuer)
        async with federation.client(token) as client:
            method = "GET" if path == "/v1/caller" else "POST"
            reply = await client.request(method, path, json=None if method == "GET" else {"question": "Who?"})
        what = (attack.name, reply.status_code, reply.text)
        assert (reply.status_code, reply.json()["code"]) == (attack.status, attack.code), what
        assert reply.json().get("reason", "unmapped") == attack.reason, what
        assert counted(attack.reason) == before + 1, what
        assert "acme" not in reply.text
    assert federation.issuer.reads <= 2


async def test_no_attack_leaves_an_identity_behind(federation: Federation) -> None:
    for attack in ATTACKS:
        await call(federation, attack.token(federation.issuer))
    async with federation.state.database.read(federation.tenant) as connection:
        assert (await connection.execute(text("select count(*) from identities"))).scalar() == 0


async def test_clocks_may_differ_by_the_leeway_and_no_more(federation: Federation) -> None:
    issuer = federation.issuer
    await accepted(federation, issuer.token(iat=issuer.now + 29, exp=issuer.now + 600))
    await accepted(federation, issuer.token(iat=issuer.now - 900, exp=issuer.now - 29))
    federation.clock.advance(2)
    assert (await call(federation, issuer.token(iat=issuer.now - 900, exp=issuer.now - 29))).status_code == 401


async def test_a_cached_token_ends_when_it_ends(federation: Federation) -> None:
    token = federation.issuer.token(exp=federation.issuer.now + 0.2)
    await accepted(federation, token)
    await accepted(federation, token)  # the first time it was news, which is not cached
    federation.clock.advance(30.3)
    federation.clock.seconds -= 30.3  # the cache has not
    reply = await call(federation, token)
    assert (reply.status_code, reply.json()["code"]) == (401, "token_expired")


async def test_a_new_key_of_the_issuer_works_at_once_and_a_withdrawn_one_no_longer(federation: Federation) -> None:
    issuer = federation.issuer
    await accepted(federation, issuer.token())
    federation.clock.advance(31)
    issuer.published = [jwk_of(rsa_key("new"), "k2")]
    rotated = issuer.token(rsa_key("new"), headers={"kid": "k2"}, iat=issuer.now + 31)
    await accepted(federation, rotated)
    refused = await call(federation, issuer.token())
    assert (refused.status_code, refused.json()["reason"]) == (401, "key")


async def test_a_withdrawn_key_is_refused_when_the_keys_are_read_again(federation: Federation) -> None:
    issuer = federation.issuer
    await accepted(federation, issuer.token())
    issuer.published = [jwk_of(rsa_key("new"), "k2")]
    federation.clock.advance(601)
    later = issuer.token(iat=issuer.now + 601, exp=issuer.now + 1200)
    assert (await call(federation, later)).json()["reason"] == "key"


async def test_keys_that_nobody_knows_are_looked_for_once_in_a_while(federation: Federation) -> None:
    before = total("app_issuer_keys_read_total", outcome="read")
    await accepted(federation, federation.issuer.token())
    federation.clock.advance(31)
    for number in range(50):
        await call(federation, federation.issuer.token(headers={"kid": f"unknown-{number}"}))
    assert federation.issuer.reads == 2
    assert total("app_issuer_keys_read_total", outcome="read") == before + 2


async def test_an_outage_of_the_issuer_is_not_one_of_this_service(federation: Federation) -> None:
    issuer, before = federation.issuer, total("app_issuer_keys_read_total", outcome="failed")
    issuer.down = True
    first = await call(federation, issuer.token())
    assert (first.status_code, first.json()["code"]) == (503, "issuer_unavailable")
    assert total("app_issuer_keys_read_total", outcome="failed") == before + 1
    issuer.down = False
    federation.clock.advance(31)
    await accepted(federation, issuer.token())
    issuer.down = True
    federation.clock.advance(601)
    await accepted(federation, issuer.token(iat=issuer.now + 630, exp=issuer.now + 1200))
    key = await federation.state.identity.create_key(federation.tenant, "a key", ["user"])
    assert (await call(federation, key.text)).status_code == 200


async def test_keys_that_could_not_be_read_again_for_long_are_good_for_no_token(federation: Federation) -> None:
    issuer = federation.issuer
    await accepted(federation, issuer.token())
    issuer.down = True
    federation.clock.advance(5_970)
    await accepted(federation, issuer.token(iat=issuer.now + 5_970, exp=issuer.now + 6_000))
    federation.clock.advance(60)
    late = issuer.token(iat=issuer.now + 6_030, exp=issuer.now + 6_600)
    reply = await call(federation, late)
    assert (reply.status_code, reply.json()["code"]) == (503, "issuer_unavailable")
    issuer.down = False
    federation.clock.advance(31)
    await accepted(federation, late)


async def test_metadata_of_another_issuer_is_not_used(federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.identity.issuer.ADDRESS", "https://evil.example.net")
    reply = await call(federation, federation.issuer.token(iss=ADDRESS))
    assert (reply.status_code, reply.json()["code"]) == (503, "issuer_unavailable")


@pytest.mark.parametrize(("characters", "status"), [(1_000, 200), (600_000, 503)])
async def test_a_reply_of_the_issuer_without_end_is_not_read(
    federation: Federation, characters: int, status: int
) -> None:
    federation.issuer.published.append({"kty": "oct", "kid": "long", "k": "x" * characters})
    reply = await call(federation, federation.issuer.token())
    assert (reply.status_code, reply.json().get("code")) == (status, "issuer_unavailable" if status == 503 else None)


async def test_who_leaves_a_group_gets_nothing_from_a_token_of_before(federation: Federation) -> None:
    issuer = federation.issuer
    before = issuer.token(groups=["answers-admins", "answers-users", "dept-hr"])
    assert (await accepted(federation, before))["groups"] == ["hr"]
    after = issuer.token(groups=["answers-users"], iat=issuer.now + 0.5)
    assert (await accepted(federation, after))["groups"] == []
    stale = await accepted(federation, before)
    assert (stale["roles"], stale["groups"]) == (["user"], [])
    again = issuer.token(groups=["answers-users", "dept-hr"], iat=issuer.now + 1)
    assert (await accepted(federation, again))["groups"] == ["hr"]


async def test_a_revoked_identity_is_refused_with_its_next_request_and_every_token(federation: Federation) -> None:
    identity, token = federation.state.identity, federation.issuer.token()
    await accepted(federation, token)
    [ana] = await identity.list_identities(federation.tenant)
    await identity.revoke_identity(federation.tenant, ana.id)
    for each in (token, federation.issuer.token(iat=federation.issuer.now + 1)):
        reply = await call(federation, each)
        assert (reply.status_code, reply.json()["code"]) == (401, "identity_revoked")
    await identity.admit_identity(federation.tenant, ana.id)
    await accepted(federation, token)


async def test_other_processes_hear_of_an_identity_that_is_revoked_or_admitted(federation: Federation) -> None:
    heard: list[str] = []
    listening = asyncio.Event()

    async def follow(payload: str) -> None:
        heard.append(payload)
        listening.set()

    async with background(lambda: listen(federation.state.database, IDENTITY_CHANGED, follow)):
        await listening.wait()
        await accepted(federation, federation.issuer.token())
        [ana] = await federation.state.identity.list_identities(federation.tenant)
        await until(lambda: heard.count(str(ana.id)) == 1)
        await federation.state.identity.revoke_identity(federation.tenant, ana.id)
        await until(lambda: heard.count(str(ana.id)) == 2)
        await federation.state.identity.admit_identity(federation.tenant, ana.id)
        await until(lambda: heard.count(str(ana.id)) == 3)


async def test_a_service_account_has_what_the_policy_says_and_needs_no_groups(federation: Federation) -> None:
    name = await federation.state.identity.tenant_name(federation.tenant)
    account = {"tenant": name, "roles": ["operator"], "groups": ["lab"]}
    federation.set_policy(accounts={"nightly-import": account}, tokens={"scope": ""}, tenant={"name": name})
    token = federation.issuer.token(sub="nightly-import", groups=None, tenant=None, scope=None)
    caller = await accepted(federation, token)
    assert (caller["name"], caller["roles"], caller["groups"]) == ("nightly-import", ["operator"], ["lab"])
    unknown = await call(federation, federation.issuer.token(sub="another", groups=None, scope=None))
    assert unknown.json()["code"] == "token_claim_missing"


async def test_the_role_service_comes_only_from_values_that_the_policy_names_for_it(federation: Federation) -> None:
    name = await federation.state.identity.tenant_name(federation.tenant)
    federation.set_policy(tenant={"name": name})
    assert "service" not in (await accepted(federation, federation.issuer.token(groups=["answers-admins"])))["roles"]
    token = federation.issuer.token(sub="bo", groups=["answers-service"])
    assert (await accepted(federation, token))["roles"] == ["service"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"roles": {"values": {"a": "service"}}}, "roles.values.a"),
        ({"roles": {"values": {"a": "admin"}, "service": ["a"]}}, "roles.values or roles.service"),
        ({"roles": {"values": {"a": "emperor"}}}, "roles.values.a"),
        ({"groups": {"values": {"a": "no spaces"}}}, "access group"),
        ({"accounts": {"a": {"roles": ["service"]}}}, "accounts.a.roles"),
        ({"tokens": {"algorithms": ["HS256"]}}, "tokens.algorithms"),
        ({"tokens": {"algorithms": ["none"]}}, "tokens.algorithms"),
        ({"tokens": {"algorithms": []}}, "tokens.algorithms"),
    ],
)
def test_a_policy_grants_nothing_by_accident(changed: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        IdentityPolicy.model_validate({"owner": "tests", **changed})


async def test_an_email_names_a_person_only_when_the_provider_has_verified_it(federation: Federation) -> None:
    policy = federation.tokens.policy
    federation.set_policy(person="email", tenant=policy.tenant.model_dump())
    for verified in (None, False, "true", 1):
        reply = await call(federation, federation.issuer.token(email="bo@example.com", email_verified=verified))
        assert reply.json()["code"] == "token_claim_missing"
    token = federation.issuer.token(email="Bo@Example.com", email_verified=True)
    assert (await accepted(federation, token))["name"] == "bo@example.com"


async def test_without_an_issuer_a_token_is_an_unknown_key(state: State, client: httpx.AsyncClient) -> None:
    assert state.identity.tokens is None
    client.headers["Authorization"] = "Bearer eyJhbGciOiJub25lIn0.e30."
    assert (await client.get("/v1/caller")).json()["code"] == "key_invalid"


async def test_what_a_token_gave_is_in_the_audit_log_once_for_each_change(federation: Federation) -> None:
    issuer = federation.issuer
    for at, groups in enumerate((["answers-users"], ["answers-users"], ["answers-users", "dept-hr"])):
        await accepted(federation, issuer.token(iat=issuer.now + at, groups=groups, jti=str(at)))
    query = text("select after from audit_log where tenant_id = :tenant and action = 'identity.grant' order by 1")
    async with federation.state.database.read(federation.tenant) as connection:
        lines = list((await connection.execute(query, {"tenant": federation.tenant})).scalars())
    assert lines == ["user", "user group:hr"]


async def test_an_identity_is_invisible_to_another_tenant(federation: Federation) -> None:
    await accepted(federation, federation.issuer.token())
    identity: Any = federation.state.identity
    other: UUID = await identity.ensure_tenant(f"other-of-{federation.tenant}")
    assert await identity.list_identities(other) == []
    [ana] = await identity.list_identities(federation.tenant)
    admin = await identity.create_key(other, "theirs", ["admin"])
    async with federation.client(admin.text) as client:
        assert (await client.delete(f"/v1/identities/{ana.id}")).status_code == 404
    await accepted(federation, federation.issuer.token())


def test_the_policy_of_these_tests_is_one_that_the_service_takes() -> None:
    assert IdentityPolicy.model_validate(POLICY).rules(ADDRESS, "x").scope == "answers"
