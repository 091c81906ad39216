"""Signing in to the console by authorization code, and the session that comes of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.identity.domain.sessions import SignInAttempt
from app.identity.service.console_sessions import SIGN_INS
from app.main import create_app
from app.wiring import State
from tests.identity.conftest import Federation
from tests.identity.issuer import ADDRESS, CLIENT, SERVICE, rsa_key

Params = dict[str, str]
COOKIE = "__Host-session"


async def begin(federation: Federation, browser: httpx.AsyncClient) -> Params:
    """Goes to the identity provider, and comes back with its reply."""
    sent = await browser.get("/console/sign-in")
    assert sent.status_code == 303, sent.text
    return federation.issuer.authorize(sent.headers["location"])


async def end(browser: httpx.AsyncClient, params: Params) -> httpx.Response:
    return await browser.get("/console/signed-in", params=params)


async def sign_in(federation: Federation, browser: httpx.AsyncClient) -> str:
    """Returns what must be sent with writes."""
    reply = await end(browser, await begin(federation, browser))
    assert (reply.status_code, reply.headers["location"]) == (303, "./"), reply.headers
    return str((await browser.get("/console/session")).json()["csrf_token"])


async def test_who_signs_in_is_a_caller_without_a_key(federation: Federation) -> None:
    async with federation.browser() as browser:
        begun = await browser.get("/console/sign-in")
        assert begun.headers["location"].startswith(f"{ADDRESS}/authorization_endpoint?response_type=code")
        assert httpx.URL(begun.headers["location"]).params["redirect_uri"] == f"{SERVICE}/console/signed-in"
        ended = await end(browser, federation.issuer.authorize(begun.headers["location"]))
        for reply, name in ((begun, "__Host-sign-in"), (ended, COOKIE)):
            given = reply.headers.get_list("set-cookie")
            [cookie] = [each for each in given if each.startswith(name) and '=""' not in each]
            assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
            assert "Domain" not in cookie
        caller = (await browser.get("/v1/caller")).json()
        assert (caller["name"], caller["roles"], caller["groups"]) == ("ana", ["user"], ["hr"])
    async with federation.state.database.read(federation.tenant) as connection:
        opened = await connection.exec_driver_sql("select actor from audit_log where action = 'session.open'")
        assert [tuple(each) for each in opened] == [("ana",)]


async def test_the_database_holds_no_secret_of_a_browser(federation: Federation) -> None:
    async with federation.browser() as browser:
        await browser.get("/console/sign-in")
        await sign_in(federation, browser)
        secret = browser.cookies[COOKIE].encode()
        async with federation.state.database.read(federation.tenant) as connection:
            rows = (await connection.execute(text("select digest::text from console_sessions"))).scalars().all()
    assert len(rows) == 1
    assert secret.hex() not in rows[0]


async def test_a_new_sign_in_ends_the_earlier_session_of_the_browser(federation: Federation) -> None:
    """Whoever has a copy of its cookie loses it too; another browser of the person stays signed in."""
    async with federation.browser() as browser, federation.browser() as other, federation.browser() as copy:
        await sign_in(federation, browser)
        await sign_in(federation, other)
        copy.cookies.update(browser.cookies)
        assert (await copy.get("/v1/caller")).status_code == 200
        reply = await end(browser, {"state": "x", "code": "y"})
        assert reply.headers["location"] == "./?sign-in=state"
        assert (await copy.get("/v1/caller")).status_code == 200, "ended by a sign-in that was refused"
        await sign_in(federation, browser)
        assert copy.cookies[COOKIE] != browser.cookies[COOKIE]
        assert (await copy.get("/v1/caller")).status_code == 401
        for still in (browser, other):
            assert (await still.get("/v1/caller")).status_code == 200


Change = Callable[[Federation, Params], Any]
ATTACKS: dict[str, tuple[Change, str]] = {
    "no state": (lambda f, p: p.pop("state"), "state"),
    "another state": (lambda f, p: p.update(state="x" * 43), "state"),
    "an empty state": (lambda f, p: p.update(state=""), "state"),
    "no code": (lambda f, p: p.pop("code"), "provider"),
    "an error beside the code": (lambda f, p: p.update(error="access_denied"), "provider"),
    "a code that nobody gave": (lambda f, p: p.update(code="code-9"), "code"),
    "a code that was redeemed": (lambda f, p: f.issuer.codes.clear(), "code"),
    "a code for another challenge": (
        lambda f, p: f.issuer.codes[p["code"]].update(code_challenge=SignInAttempt.new().challenge),
        "code",
    ),
    "a code for another address": (
        lambda f, p: f.issuer.codes[p["code"]].update(redirect_uri="https://evil.example.net/"),
        "code",
    ),
    "the code of another provider": (lambda f, p: p.update(iss="https://evil.example.net"), "issuer"),
    "a provider that does not name itself": (lambda f, p: p.pop("iss"), "issuer"),
    "another nonce": (lambda f, p: f.issuer.id_claims.update(nonce="n" * 43), "nonce"),
    "no nonce": (lambda f, p: f.issuer.id_claims.update(nonce=None), "nonce"),
    "a list of nonces": (lambda f, p: f.issuer.id_claims.update(nonce=["n"]), "nonce"),
    "an ID token for another client": (lambda f, p: f.issuer.id_claims.update(aud="mail"), "audience"),
    "an ID token for several clients": (lambda f, p: f.issuer.id_claims.update(aud=[CLIENT, "mail"]), "audience"),
    "an ID token made for another client": (lambda f, p: f.issuer.id_claims.update(azp="mail"), "audience"),
    "an ID token of another issuer": (lambda f, p: f.issuer.id_claims.update(iss=f"{ADDRESS}/x"), "issuer"),
    "an ID token that has expired": (
        lambda f, p: f.issuer.id_claims.update(iat=f.issuer.now - 900, exp=f.issuer.now - 300),
        "expired",
    ),
    "an ID token with another signature": (lambda f, p: setattr(f.issuer, "id_key", rsa_key("attacker")), "signature"),
    "an access token of somebody else": (lambda f, p: f.issuer.access_claims.update(sub="bo"), "subject"),
    "an access token for another service": (lambda f, p: f.issuer.access_claims.update(aud="mail"), "audience"),
    "an access token that is an ID token": (lambda f, p: f.issuer.access_claims.update(nonce="n"), "use"),
    "a person without groups": (lambda f, p: f.issuer.access_claims.update(groups=None), "claim"),
    "a person without a role": (lambda f, p: f.issuer.access_claims.update(groups=["x"]), "unmapped"),
    "a sign-in of an hour ago": (lambda f, p: f.clock.advance(3600), "late"),
}


async def test_every_attack_on_a_sign_in_is_refused_and_counted(federation: Federation) -> None:
    issuer, now = federation.issuer, federation.clock.at
    for name, (change, reason) in ATTACKS.items():
        issuer.id_claims, issuer.access_claims, issuer.id_key, federation.clock.at = {}, {}, None, now
        async with federation.browser() as browser:
            params = await begin(federation, browser)
            change(federation, params)
            before = SIGN_INS.labels(reason)._value.get()
            reply = await end(browser, params)
            assert (reply.status_code, reply.headers["location"]) == (303, f"./?sign-in={reason}"), name
            assert SIGN_INS.labels(reason)._value.get() == before + 1, name
            assert COOKIE not in browser.cookies, name
            assert (await browser.get("/v1/caller")).status_code == 401, name
    assert len(ATTACKS) >= 26


async def test_a_reply_counts_once_and_only_for_the_browser_that_began(federation: Federation) -> None:
    async with federation.browser() as victim, federation.browser() as attacker:
        params = await begin(federation, attacker)
        await begin(federation, victim)
        stolen = await end(victim, params)
        assert stolen.headers["location"] == "./?sign-in=browser"
        replayed = await end(attacker, params)
        assert replayed.headers["location"] == "./?sign-in=state"
        params = await begin(federation, attacker)
        kept = dict(attacker.cookies)
        await end(attacker, params)
        attacker.cookies.update(kept)
        again = await end(attacker, {**params, "code": "another"})
        assert again.headers["location"] == "./?sign-in=state"


async def test_a_write_needs_the_token_of_the_page(federation: Federation) -> None:
    federation.issuer.access_claims = {"groups": ["answers-admins"]}
    async with federation.browser() as browser, federation.browser() as other:
        token, others = await sign_in(federation, browser), await sign_in(federation, other)
        assert token != others
        for sent in ({}, {"x-csrf-token": ""}, {"x-csrf-token": others}, {"x-csrf-token": token[:-1]}):
            reply = await browser.post("/v1/keys", json={"name": "x"}, headers=sent)
            assert (reply.status_code, reply.json()["code"]) == (403, "request_forged")
        for method in ("PUT", "DELETE"):
            assert (await browser.request(method, "/v1/keys/abc")).status_code in (403, 405)
        assert (await browser.post("/v1/keys", json={"name": "x"}, headers={"x-csrf-token": token})).status_code == 201


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_no_other_site_can_use_a_session(federation: Federation, site: str) -> None:
    async with federation.browser() as browser:
        token = await sign_in(federation, browser)
        headers = {"Sec-Fetch-Site": site, "x-csrf-token": token}
        for method, path in (("GET", "/v1/caller"), ("GET", "/console/session"), ("POST", "/console/sign-out")):
            reply = await browser.request(method, path, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (403, "request_forged"), path
        assert (await browser.get("/v1/caller")).status_code == 200


async def test_a_key_that_is_sent_counts_and_not_the_session(federation: Federation) -> None:
    key = await federation.state.identity.create_key(federation.tenant, "by key", ["user"])
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        reply = await browser.get("/v1/caller", headers={"Authorization": f"Bearer {key.text}"})
        assert reply.json()["name"] == "by key"
        assert (await browser.get("/v1/caller", headers={"Authorization": "Bearer wrong"})).status_code == 401


async def test_a_session_ends_without_requests_and_in_any_case(federation: Federation) -> None:
    clock = federation.clock
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        begun = clock.at
        while clock.at - begun < timedelta(hours=8) - timedelta(minutes=29):
            clock.advance(29 * 60)
            assert (await browser.get("/v1/caller")).status_code == 200
        clock.at = begun + timedelta(hours=8)
        clock.seconds += 60
        reply = await browser.get("/v1/caller")
        assert (reply.status_code, reply.json()["code"]) == (401, "session_ended")
        federation.issuer.now = clock.now().timestamp()
        await sign_in(federation, browser)
        clock.advance(30 * 60)
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"
        assert (await browser.get("/console/session")).json()["csrf_token"] is None


async def test_a_session_that_has_ended_in_any_case_is_not_kept_after_the_next_sign_in(federation: Federation) -> None:
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        federation.clock.advance(9 * 3600)
        federation.issuer.now = federation.clock.now().timestamp()
        await sign_in(federation, browser)
    async with federation.state.database.read(federation.tenant) as connection:
        assert await connection.scalar(text("select count(*) from console_sessions")) == 1


async def test_signing_out_ends_the_session_for_whoever_has_its_cookie(federation: Federation) -> None:
    async with federation.browser() as browser, federation.browser() as thief:
        token = await sign_in(federation, browser)
        thief.cookies.update(browser.cookies)
        assert (await thief.get("/v1/caller")).status_code == 200
        assert (await browser.post("/console/sign-out")).status_code == 403
        assert (await browser.post("/console/sign-out", headers={"x-csrf-token": token})).status_code == 204
        assert COOKIE not in browser.cookies
        assert (await thief.get("/v1/caller")).json()["code"] == "session_ended"


async def test_a_session_has_what_the_newest_token_gave_and_ends_with_a_revocation(federation: Federation) -> None:
    issuer = federation.issuer
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        assert (await browser.get("/v1/caller")).json()["groups"] == ["hr"]
        async with federation.client(issuer.token(groups=["answers-users"], iat=issuer.now + 0.5)) as other:
            assert (await other.get("/v1/caller")).json()["groups"] == []
        assert (await browser.get("/v1/caller")).json()["groups"] == []
        [ana] = await federation.state.identity.list_identities(federation.tenant)
        await federation.state.identity.revoke_identity(federation.tenant, ana.id)
        assert (await browser.get("/v1/caller")).json()["code"] == "session_ended"


async def test_a_session_of_somebody_else_is_not_guessed(federation: Federation) -> None:
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        good = browser.cookies[COOKIE]
        for guess in ("", "x", good[:-1], good + "x", good.swapcase(), "'; drop table console_sessions; --"):
            browser.cookies.clear()
            reply = await browser.get("/v1/caller", headers={"Cookie": f"{COOKIE}={guess}"})
            assert reply.status_code == 401, guess


async def test_the_claims_of_a_sign_in_may_come_from_the_id_token(federation: Federation) -> None:
    tenant = federation.tokens.policy.tenant.model_dump()
    federation.set_policy(tenant=tenant, sessions={"claims_of": "id_token"})
    federation.issuer.id_claims = {"groups": ["answers-admins"], "tenant": "acme"}
    federation.issuer.access_claims = {"aud": "opaque"}
    async with federation.browser() as browser:
        await sign_in(federation, browser)
        assert (await browser.get("/v1/caller")).json()["roles"] == ["admin"]


async def test_an_outage_of_the_provider_begins_no_sign_in(federation: Federation) -> None:
    federation.issuer.down = True
    async with federation.browser() as browser:
        reply = await browser.get("/console/sign-in")
        assert (reply.status_code, reply.json()["code"]) == (503, "issuer_unavailable")


async def test_without_a_provider_there_is_no_sign_in(state: State) -> None:
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=SERVICE) as browser:
        assert (await browser.get("/console/session")).json() == {"sign_in": False, "csrf_token": None}
        for method, path in (("GET", "/console/sign-in"), ("GET", "/console/signed-in"), ("POST", "/console/sign-out")):
            reply = await browser.request(method, path)
            assert (reply.status_code, reply.json()["code"]) == (404, "sign_in_not_configured")
        browser.cookies.set(COOKIE, "x" * 43)
        assert (await browser.get("/v1/caller")).json()["code"] == "key_required"
