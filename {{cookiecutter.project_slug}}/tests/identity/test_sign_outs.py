"""Back-channel logout: what the identity provider tells ends sessions and tokens here."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio

from app.core.audit import verify
from app.identity.domain import Principal
from app.identity.domain.tokens import TokenGrant
from app.identity.service import TokenAuthentication
from app.identity.service.provider_sign_outs import PROVIDER, SIGN_OUTS
from tests.governance.test_audit_lines import actions
from tests.identity.conftest import Federation
from tests.identity.issuer import ADDRESS, AUDIENCE, CLIENT, LOGOUT_EVENT, Issuer, rsa_key
from tests.identity.test_sign_in import begin, end, sign_in

ROUTE = "/v1/oidc/backchannel-logout"


@pytest_asyncio.fixture(autouse=True)
async def forgotten(federation: Federation) -> AsyncIterator[None]:
    """Sign-outs are of no tenant, so that they would end sessions of other tests."""
    yield
    async with federation.state.database.transaction(None) as connection:
        for table in ("sign_outs", "logout_tokens"):
            await connection.exec_driver_sql(f"delete from {table}")


async def log_out(federation: Federation, token: str) -> httpx.Response:
    """As the provider does it: without a key."""
    transport = httpx.ASGITransport(app=federation.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as provider:
        return await provider.post(ROUTE, data={"logout_token": token})


Forge = Callable[[Issuer], str]
ATTACKS: dict[str, tuple[Forge, str]] = {
    "no token": (lambda i: "x", "malformed"),
    "an empty one": (lambda i: "", "malformed"),
    "one that is too long": (lambda i: i.logout_token(jti="x" * 16_000), "malformed"),
    "no algorithm": (lambda i: i.logout_token(headers={"alg": "none"}), "algorithm"),
    "another key": (lambda i: i.logout_token(rsa_key("attacker")), "signature"),
    "a key of its own": (lambda i: i.logout_token(headers={"jku": "https://evil.example.net/"}), "header"),
    "an access token": (lambda i: i.token(), "type"),
    "the type of an access token": (lambda i: i.logout_token(headers={"typ": "at+jwt"}), "type"),
    "of another issuer": (lambda i: i.logout_token(iss=f"{ADDRESS}/x"), "issuer"),
    "for another client": (lambda i: i.logout_token(aud="mail"), "audience"),
    "for this service instead of its client": (lambda i: i.logout_token(aud=AUDIENCE), "audience"),
    "for several clients": (lambda i: i.logout_token(aud=[CLIENT, "mail"]), "audience"),
    "expired": (lambda i: i.logout_token(iat=i.now - 300, exp=i.now - 60), "expired"),
    "without an end": (lambda i: i.logout_token(exp=None), "time"),
    "without a beginning": (lambda i: i.logout_token(iat=None), "time"),
    "of tomorrow": (lambda i: i.logout_token(iat=i.now + 86_400, exp=i.now + 86_500), "early"),
    "for a day": (lambda i: i.logout_token(exp=i.now + 86_400), "lifetime"),
    "with a nonce": (lambda i: i.logout_token(nonce="n"), "nonce"),
    "with an empty nonce": (lambda i: i.logout_token(nonce=""), "nonce"),
    "an ID token": (lambda i: i.logout_token(events=None, nonce="n"), "event"),
    "without an event": (lambda i: i.logout_token(events=None), "event"),
    "with another event": (lambda i: i.logout_token(events={"https://example.com/x": {}}), "event"),
    "with an event that is no object": (lambda i: i.logout_token(events={LOGOUT_EVENT: True}), "event"),
    "with a list of events": (lambda i: i.logout_token(events=[LOGOUT_EVENT]), "event"),
    "without an id": (lambda i: i.logout_token(jti=None), "claim"),
    "of nobody": (lambda i: i.logout_token(sub=None), "claim"),
    "of a number": (lambda i: i.logout_token(sub=7), "claim"),
    "of a list of sessions": (lambda i: i.logout_token(sid=["s1"]), "claim"),
}


async def test_every_forged_logout_is_refused_and_ends_nothing(federation: Federation) -> None:
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        for name, (forge, reason) in ATTACKS.items():
            before = SIGN_OUTS.labels(reason)._value.get()
            reply = await log_out(federation, forge(federation.issuer))
            body = reply.json()
            assert (reply.status_code, body["code"], body["reason"]) == (400, "logout_refused", reason), (name, body)
            assert SIGN_OUTS.labels(reason)._value.get() == before + 1, name
        assert (await browser.get("/v1/caller")).status_code == 200
    assert len(ATTACKS) >= 26


async def test_a_sign_out_of_a_person_ends_sessions_and_tokens_of_before(federation: Federation) -> None:
    issuer, clock = federation.issuer, federation.clock
    old = issuer.token()
    async with federation.browser() as browser, federation.browser() as bo, federation.client(old) as program:
        await sign_in(federation, browser)
        issuer.access_claims = issuer.id_claims = {"sub": "bo"}
        await sign_in(federation, bo)
        assert (await program.get("/v1/caller")).status_code == 200
        clock.advance(5)
        issuer.now = clock.now().timestamp()
        reply = await log_out(federation, issuer.logout_token())
        assert (reply.status_code, reply.headers["cache-control"], reply.text) == (204, "no-store", "")
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"
        assert (await program.get("/v1/caller")).json()["code"] == "signed_out"
        assert (await bo.get("/v1/caller")).status_code == 200
        clock.advance(5)
        async with federation.client(issuer.token(iat=issuer.now + 5, exp=issuer.now + 500)) as again:
            assert (await again.get("/v1/caller")).status_code == 200
        assert (await program.get("/v1/caller")).json()["code"] == "signed_out"
    async with federation.state.database.transaction(None) as connection:
        await verify(connection)
    assert (await actions(federation.state, federation.tenant))[-1] == ("session.end", PROVIDER)


async def test_a_logout_token_counts_once(federation: Federation) -> None:
    token = federation.issuer.logout_token()
    assert (await log_out(federation, token)).status_code == 204
    again = await log_out(federation, token)
    assert (again.status_code, again.json()["reason"]) == (400, "replay")


async def test_a_sign_out_of_a_session_leaves_the_others(federation: Federation) -> None:
    issuer = federation.issuer
    async with federation.browser() as one, federation.browser() as other, federation.browser() as unnamed:
        for browser, sid in ((one, "s1"), (other, "s2"), (unnamed, None)):
            issuer.id_claims = {"sid": sid}
            await sign_in(federation, browser)
        named, others = issuer.token(sid="s1"), issuer.token(sid="s2")
        assert (await log_out(federation, issuer.logout_token(sid="s1", sub=None))).status_code == 204
        statuses = [(await browser.get("/v1/caller")).status_code for browser in (one, other, unnamed)]
        assert statuses == [401, 200, 200]
        for token, status in ((named, 401), (others, 200), (issuer.token(), 200)):
            async with federation.client(token) as program:
                assert (await program.get("/v1/caller")).status_code == status
        # With the person too: what names no session could be of this one.
        assert (await log_out(federation, issuer.logout_token(sid="s1"))).status_code == 204
        statuses = [(await browser.get("/v1/caller")).status_code for browser in (one, other, unnamed)]
        assert statuses == [401, 200, 401]
        for token, status in ((others, 200), (issuer.token(), 401)):
            async with federation.client(token) as program:
                assert (await program.get("/v1/caller")).status_code == status


async def test_a_sign_in_that_began_before_a_sign_out_does_not_end_after_it(federation: Federation) -> None:
    async with federation.browser() as browser:
        params = await begin(federation, browser)
        await log_out(federation, federation.issuer.logout_token())
        reply = await end(browser, params)
        assert reply.headers["location"] == "./?sign-in=signed_out"
        assert (await browser.get("/v1/caller")).status_code == 401


async def test_a_sign_out_between_the_check_of_a_person_and_the_session_leaves_no_session(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    identify = TokenAuthentication.identify

    async def identified_and_gone(self: TokenAuthentication, grant: TokenGrant) -> Principal:
        caller = await identify(self, grant)
        assert (await log_out(federation, federation.issuer.logout_token())).status_code == 204
        return caller

    monkeypatch.setattr(TokenAuthentication, "identify", identified_and_gone)
    async with federation.browser() as browser:
        reply = await end(browser, await begin(federation, browser))
        assert reply.headers["location"] == "./?sign-in=signed_out"
        assert (await browser.get("/v1/caller")).status_code == 401


async def test_a_sign_out_of_the_provider_s_session_counts_while_its_session_here_is_refreshed(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new tokens do not name the session of the provider."""
    issuer, identify = federation.issuer, TokenAuthentication.identify
    issuer.refresh_tokens, issuer.id_claims = [], {"sid": "s1"}

    async def gone_and_identified(self: TokenAuthentication, grant: TokenGrant) -> Principal:
        assert (await log_out(federation, issuer.logout_token(sid="s1", sub=None))).status_code == 204
        return await identify(self, grant)

    async with federation.browser() as browser:
        await sign_in(federation, browser)
        issuer.id_claims = {"sub": "ana"}
        federation.clock.advance(300)
        issuer.now = federation.clock.now().timestamp()
        monkeypatch.setattr(TokenAuthentication, "identify", gone_and_identified)
        assert (await browser.get("/v1/caller")).status_code == 401
        assert issuer.refreshes == 2


async def test_a_sign_out_holds_for_a_token_of_before_through_the_sign_outs_of_others(federation: Federation) -> None:
    issuer = federation.issuer
    async with federation.client(issuer.token(exp=issuer.now + 500)) as program:
        assert (await log_out(federation, issuer.logout_token())).status_code == 204
        federation.clock.advance(300)
        issuer.now = federation.clock.now().timestamp()
        assert (await log_out(federation, issuer.logout_token(sub="ana-2"))).status_code == 204
        assert (await program.get("/v1/caller")).json()["code"] == "signed_out"


async def test_a_sign_out_is_forgotten_when_no_token_of_before_is_left(federation: Federation) -> None:
    issuer, clock, database = federation.issuer, federation.clock, federation.state.database
    await log_out(federation, issuer.logout_token(sub="ana-1"))
    clock.advance(2 * 3600)
    issuer.now = clock.now().timestamp()
    await log_out(federation, issuer.logout_token(sub="ana-2"))
    async with database.transaction(None) as connection:
        counts = [
            (await connection.exec_driver_sql(f"select count(*) from {table}")).scalar_one()
            for table in ("sign_outs", "logout_tokens")
        ]
    assert counts == [1, 1]


async def test_a_service_without_sign_in_has_no_such_route(client: httpx.AsyncClient) -> None:
    reply = await client.post(ROUTE, data={"logout_token": "x"})
    assert (reply.status_code, reply.json()["code"]) == (404, "sign_in_not_configured")
