"""A session of the console has what the provider says now, and ends when the provider refuses."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.identity.service.provider_sign_outs import PROVIDER
from app.identity.service.session_refresh import REFRESHES
from tests.governance.test_audit_lines import actions
from tests.identity.conftest import Federation
from tests.identity.issuer import rsa_key
from tests.identity.test_sign_in import sign_in

MINUTES = 60


def later(federation: Federation, minutes: float) -> None:
    federation.clock.advance(minutes * MINUTES)
    federation.issuer.now = federation.clock.now().timestamp()


async def groups(browser: httpx.AsyncClient) -> list[str]:
    reply = await browser.get("/v1/caller")
    assert reply.status_code == 200, reply.text
    found: list[str] = reply.json()["groups"]
    return found


@pytest.fixture
def federated(federation: Federation) -> Federation:
    federation.issuer.refresh_tokens = []
    return federation


async def test_groups_follow_the_provider_without_a_new_sign_in(federated: Federation) -> None:
    issuer = federated.issuer
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        issuer.access_claims = {"groups": ["answers-users"]}
        later(federated, 4.5)
        assert (await groups(browser), issuer.refreshes) == (["hr"], 1)
        later(federated, 1)
        assert (await groups(browser), issuer.refreshes) == ([], 2)
        issuer.access_claims, issuer.id_claims = {"groups": ["answers-users", "dept-lab"]}, {"sub": "ana"}
        later(federated, 5)
        assert (await groups(browser), issuer.refreshes, issuer.refresh_tokens) == (["lab"], 3, ["refresh-3"])


async def test_a_session_without_a_refresh_token_asks_nobody(federation: Federation) -> None:
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        federation.issuer.access_claims = {"groups": ["answers-users"]}
        later(federation, 20)
        assert await groups(browser) == ["hr"]


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a refresh token that was revoked": ({"refresh_tokens": []}, "refresh"),
    "no group that gives a role": ({"access_claims": {"groups": ["dept-hr"]}}, "unmapped"),
    "no claim of groups": ({"access_claims": {"groups": None}}, "claim"),
    "another person": ({"access_claims": {"sub": "bo"}}, "subject"),
    "another person in the ID token": ({"id_claims": {"sub": "bo"}}, "subject"),
    "an access token for another service": ({"access_claims": {"aud": "mail"}}, "audience"),
    "an ID token for another client": ({"id_claims": {"aud": "mail"}}, "audience"),
    "an ID token made for another client": ({"id_claims": {"azp": "mail"}}, "audience"),
    "an ID token with another signature": ({"id_claims": {"sub": "ana"}, "id_key": rsa_key("attacker")}, "signature"),
}


@pytest.mark.parametrize(("change", "reason"), REFUSALS.values(), ids=REFUSALS)
async def test_a_session_ends_when_the_provider_does_not_confirm_it(
    federated: Federation, change: dict[str, Any], reason: str
) -> None:
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        for name, value in change.items():
            setattr(federated.issuer, name, value)
        later(federated, 6)
        before = REFRESHES.labels(reason)._value.get()
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"
        assert REFRESHES.labels(reason)._value.get() == before + 1
        assert (await actions(federated.state, federated.tenant))[-1] == ("session.end", PROVIDER)
        federated.issuer.access_claims, federated.issuer.id_claims = {}, {}
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"


@pytest.mark.parametrize("outage", [{"down": True}, {"refresh_status": 503}, {"refresh_status": 429}])
async def test_an_outage_of_the_provider_ends_sessions_only_when_it_is_long(
    federated: Federation, outage: dict[str, Any]
) -> None:
    issuer = federated.issuer
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        for name, value in outage.items():
            setattr(issuer, name, value)
        later(federated, 20)
        assert await groups(browser) == ["hr"]
        issuer.down, issuer.refresh_status = False, 200
        later(federated, 1)
        assert (await groups(browser), issuer.refreshes) == (["hr"], 2)
        for name, value in outage.items():
            setattr(issuer, name, value)
        for minutes, status in ((20, 200), (11, 401)):
            later(federated, minutes)
            assert (await browser.get("/v1/caller")).status_code == status


async def test_requests_at_the_same_time_use_a_refresh_token_once(federated: Federation) -> None:
    """The second use of a refresh token makes a provider revoke all of them."""
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        later(federated, 6)
        statuses = [reply.status_code for reply in await asyncio.gather(*[browser.get("/v1/caller") for _ in range(8)])]
        assert statuses == [200] * 8
        assert federated.issuer.refreshes == 2


async def test_the_database_holds_a_refresh_token_encrypted(federated: Federation) -> None:
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        query = "select encode(refresh_token, 'escape') as token, key_version from console_sessions"
        for _ in range(2):
            async with federated.state.database.read(federated.tenant) as connection:
                [row] = (await connection.execute(text(query))).all()
            assert row.key_version == 1
            assert "refresh-" not in row.token
            later(federated, 6)
            await groups(browser)


async def test_a_session_whose_refresh_token_cannot_be_decrypted_ends(federated: Federation) -> None:
    async with federated.browser() as browser:
        await sign_in(federated, browser)
        async with federated.state.database.transaction(federated.tenant) as connection:
            await connection.execute(text("update console_sessions set refresh_token = 'x'::bytea || refresh_token"))
        later(federated, 6)
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"
