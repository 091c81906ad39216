"""Each value of policies/identity.yaml decides who gets in with a token of the provider, as whom, and for how long."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.core.clock import ManualClock
from tests.conftest import override
from tests.fields.conftest import Changed, merged
from tests.fields.values import nested
from tests.identity.conftest import Federation
from tests.identity.issuer import ADDRESS, AUDIENCE, CLIENT, POLICY, SECRET, SERVICE, Issuer
from tests.identity.test_sign_in import sign_in

Probe = Callable[[Federation], Awaitable[Any]]
VARIABLES = {
    "APP_OIDC_ISSUER": ADDRESS,
    "APP_OIDC_AUDIENCE": AUDIENCE,
    "APP_OIDC_CLIENT_ID": CLIENT,
    "APP_OIDC_CLIENT_SECRET": SECRET,
    "APP_PUBLIC_URL": SERVICE,
}
TENANT = {"claim": "tenant", "values": {"acme": "acme-of-fields", "beta": "beta-of-fields"}}


@asynccontextmanager
async def federated(changed: Changed, policy: Mapping[str, Any], **variables: str) -> AsyncIterator[Federation]:
    """A service that accepts tokens of an issuer by this policy, and by these variables of its environment."""
    clock = ManualClock(datetime.now(UTC))
    suffix = uuid4().hex
    own = json.loads(json.dumps(merged({**POLICY, "tenant": TENANT}, policy)).replace("of-fields", suffix))
    async with changed({**VARIABLES, **variables}, clock, identity=own) as state:
        tenant = await state.identity.ensure_tenant(f"acme-{suffix}")
        await state.identity.ensure_tenant(f"beta-{suffix}")
        made = Federation(state, Issuer(clock.now().timestamp()), clock, tenant)
        made.tokens.verifier.keys.provider.transport = made.issuer.transport  # type: ignore[attr-defined]
        override(state.identity, by_clock=True)
        yield made


def token(key: Any = None, headers: Mapping[str, Any] | None = None, alg: str = "RS256", **claims: Any) -> Probe:
    """The caller that a token makes: name, roles and groups; or why it is refused."""

    async def probe(there: Federation) -> str:
        made = {name: value(there.issuer.now) if callable(value) else value for name, value in claims.items()}
        given = there.issuer.token(key, alg, headers, **made)
        async with there.client(given) as client:
            reply = (await client.get("/v1/caller")).json()
        if "code" in reply:
            return str(reply.get("reason", reply["code"]))
        tenant = await tenant_of(there, given)
        shown = (reply["name"], ",".join(reply["roles"]), ",".join(sorted(reply["groups"])), tenant.split("-")[0])
        return " ".join(shown)

    return probe


async def tenant_of(there: Federation, given: str) -> str:
    return await there.state.identity.tenant_name((await there.state.identity.authenticate(given)).tenant_id)


def read_again_after(seconds: float, unknown: bool = False) -> Probe:
    """How often the keys of the provider are read for tokens now and so much later."""

    async def probe(there: Federation) -> int:
        headers = {"kid": "nobody"} if unknown else None
        for wait in (0, seconds):
            there.clock.advance(wait)
            async with there.client(there.issuer.token(headers=headers, jti=uuid4().hex)) as client:
                await client.get("/v1/caller")
        return there.issuer.reads

    return probe


def session_after(minutes: float, requests: int = 1, down: bool = False) -> Probe:
    """Whether a session still is one after so long, with so many requests on the way. down: the provider is."""

    async def probe(there: Federation) -> bool:
        there.issuer.refresh_tokens = [] if down else None
        async with there.browser() as browser:
            await sign_in(there, browser)
            there.issuer.down = down
            for _ in range(requests):
                there.clock.advance(60 * minutes / requests)
                found = (await browser.get("/v1/caller")).status_code
        return found == 200

    return probe


async def refreshes_after_ten_minutes(there: Federation) -> int:
    there.issuer.refresh_tokens = []
    async with there.browser() as browser:
        await sign_in(there, browser)
        there.clock.advance(600)
        there.issuer.now = there.clock.now().timestamp()
        await browser.get("/v1/caller")
    return there.issuer.refreshes


async def roles_of_a_session(there: Federation) -> list[str]:
    there.issuer.id_claims = {"groups": ["answers-admins"], "tenant": "acme"}
    async with there.browser() as browser:
        await sign_in(there, browser)
        return list((await browser.get("/v1/caller")).json()["roles"])


def deactivated(attribute: str, **claims: str) -> Probe:
    """Whether a token gets in after the account that has the value in this attribute was deactivated."""

    async def probe(there: Federation) -> bool:
        key = await there.state.identity.create_key(there.tenant, uuid4().hex, ["admin"])
        account = {"userName": uuid4().hex, "externalId": uuid4().hex, attribute: "ana-of-karlen", "active": False}
        async with there.client(key.text) as scim:
            reply = await scim.post("/scim/v2/Users", json={"schemas": [USER], **account})
            assert reply.status_code == 201, reply.text
        async with there.client(there.issuer.token(**claims)) as client:
            found = (await client.get("/v1/caller")).status_code == 200
        async with there.client(key.text) as scim:
            await scim.delete(f"/scim/v2/Users/{reply.json()['id']}")
        return found

    return probe


async def tenant_of_everybody(there: Federation) -> str:
    return (await tenant_of(there, there.issuer.token())).split("-")[0]


def account(**changes: Any) -> dict[str, Any]:
    return {"accounts": {"nightly-import": {"tenant": "acme-of-fields", **changes}}}


BOT = "nightly-import user "
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
BASE = "ana user hr acme"
VALUES: list[tuple[str, Any, Probe, Any, Any]] = [
    ("person", "email", token(email="ana@acme.example", email_verified=True), BASE, "ana@acme.example user hr acme"),
    ("tokens.algorithms", ["ES256"], token(), BASE, "algorithm"),
    ("tokens.types", ["JWT"], token(headers={"typ": "JWT"}), "type", BASE),
    ("tokens.scope", "admins", token(), BASE, "scope"),
    ("tokens.leeway_seconds", 120, token(exp=lambda now: now - 60, iat=lambda now: now - 600), "expired", BASE),
    ("tokens.lifetime_seconds", 300, token(), BASE, "lifetime"),
    ("tokens.keys_seconds", 60, read_again_after(100), 1, 2),
    ("tokens.refresh_seconds", 300, read_again_after(100, unknown=True), 2, 1),
    ("tenant.claim", "company", token(company="beta"), BASE, "ana user hr beta"),
    ("tenant.values", {"acme": "beta-of-fields"}, token(), BASE, "ana user hr beta"),
    ("roles.claim", "jobs", token(jobs=["answers-admins"]), BASE, "ana admin hr acme"),
    ("roles.values", {"dept-hr": "operator"}, token(), BASE, "ana operator,user hr acme"),
    ("roles.service", ["dept-hr"], token(), BASE, "ana service,user hr acme"),
    ("groups.claim", "teams", token(teams=["dept-lab"]), BASE, "ana user lab acme"),
    ("groups.values", {"answers-users": "crew"}, token(), BASE, "ana user crew,hr acme"),
    ("provisioning.required", True, token(), BASE, "deprovisioned"),
    ("provisioning.claim", "employee", deactivated("externalId", employee="ana-of-karlen"), True, False),
    ("provisioning.attribute", "user_name", deactivated("userName", sub="ana-of-karlen"), True, False),
    ("sessions.idle_minutes", 10, session_after(20), True, False),
    ("sessions.absolute_hours", 1, session_after(70, requests=5), True, False),
    ("sessions.refresh_minutes", 20, refreshes_after_ten_minutes, 2, 1),
    ("sessions.stale_minutes", 10, session_after(20, requests=3, down=True), True, False),
    ("sessions.claims_of", "id_token", roles_of_a_session, ["user"], ["admin"]),
]


MACHINE = token(sub="nightly-import", groups=None, tenant=None)
OF_ALL = {"tenant": {"claim": "", "values": {}, "name": "acme-of-fields"}}
GIVEN: list[tuple[str, Any, Any, Probe, Any, Any]] = [
    ("tenant.name", OF_ALL, {"tenant": {"name": "beta-of-fields"}}, tenant_of_everybody, "acme", "beta"),
    ("accounts.*.tenant", account(), account(tenant="beta-of-fields"), MACHINE, f"{BOT} acme", f"{BOT} beta"),
    (
        "accounts.*.roles",
        account(),
        account(roles=["operator"]),
        MACHINE,
        f"{BOT} acme",
        "nightly-import operator  acme",
    ),
    ("accounts.*.groups", account(), account(groups=["hr"]), MACHINE, f"{BOT} acme", "nightly-import user hr acme"),
]


@pytest.mark.parametrize(
    ("name", "given", "value", "probe", "without", "with_it"), GIVEN, ids=[f"identity.{name}" for name, *_ in GIVEN]
)
async def test_a_value_decides_for_a_tenant_and_for_programs(
    changed: Changed, name: str, given: Any, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    async with federated(changed, given) as there:
        found = await probe(there)
    async with federated(changed, merged(given, value)) as there:
        assert (found, await probe(there)) == (without, with_it)


@pytest.mark.parametrize(
    ("name", "value", "probe", "without", "with_it"), VALUES, ids=[f"identity.{name}" for name, *_ in VALUES]
)
async def test_a_value_decides_on_a_token(
    changed: Changed, name: str, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    async with federated(changed, {}) as there:
        found = await probe(there)
    async with federated(changed, nested(name, value)) as there:
        assert (found, await probe(there)) == (without, with_it)


async def begun(changed: Changed, **variables: str) -> dict[str, str]:
    """What a browser is sent to the provider with."""
    async with federated(changed, {}, **variables) as there, there.browser() as browser:
        return dict(httpx.URL((await browser.get("/console/sign-in")).headers["location"]).params)


async def test_a_sign_in_begins_with_the_client_the_scopes_and_the_address_of_the_environment(changed: Changed) -> None:
    other = {"APP_OIDC_CLIENT_ID": "desk", "APP_OIDC_SCOPES": "groups", "APP_PUBLIC_URL": "https://desk.example.com"}
    plain, told = await begun(changed), await begun(changed, **other)
    assert (plain["client_id"], plain["scope"]) == (CLIENT, "openid profile email")
    assert (told["client_id"], told["scope"]) == ("desk", "openid groups")
    assert (plain["redirect_uri"], told["redirect_uri"]) == (
        f"{SERVICE}/console/signed-in",
        "https://desk.example.com/console/signed-in",
    )


async def test_a_sign_in_ends_with_the_secret_of_the_client(changed: Changed) -> None:
    for secret, ended in ((SECRET, True), ("of somebody else", False)):
        async with federated(changed, {}, APP_OIDC_CLIENT_SECRET=secret) as there, there.browser() as browser:
            params = there.issuer.authorize((await browser.get("/console/sign-in")).headers["location"])
            await browser.get("/console/signed-in", params=params)
            assert ((await browser.get("/v1/caller")).status_code == 200) is ended


async def test_tokens_are_those_of_the_issuer_for_the_audience_of_the_environment(changed: Changed) -> None:
    desk, issuer = "https://desk.example.com/api", "https://other.example.com"
    assert await accepted(changed, desk, ADDRESS) == "audience"
    assert await accepted(changed, desk, ADDRESS, APP_OIDC_AUDIENCE=desk) == BASE
    assert await accepted(changed, AUDIENCE, ADDRESS, APP_OIDC_ISSUER=issuer) == "issuer_unavailable"


async def accepted(changed: Changed, audience: str, issuer: str, **variables: str) -> str:
    async with federated(changed, {}, **variables) as there:
        return str(await token(aud=audience, iss=issuer)(there))
