"""What a browser must bring back, and how long it stays signed in, without a service."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.identity.domain.sessions import (
    ATTEMPT_MINUTES,
    AuthorizationResponse,
    ConsoleSession,
    RequestForged,
    SessionEnded,
    SignInAttempt,
    SignInRefused,
    StoredAttempt,
    check_request,
    csrf_token,
    digest,
)

NOW = datetime(2030, 3, 31, 0, 30, tzinfo=UTC)
IDLE, ABSOLUTE, SECOND = timedelta(minutes=30), timedelta(hours=8), timedelta(seconds=1)
SESSION = ConsoleSession(UUID(int=1), UUID(int=2), created_at=NOW, used_at=NOW)
ISSUER = "https://login.example.com"


def test_the_challenge_is_that_of_the_standard() -> None:
    attempt = SignInAttempt("state", "browser", "nonce", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_secrets_of_attempts_are_long_and_all_different() -> None:
    attempts = [SignInAttempt.new() for _ in range(3)]
    secrets = [secret for each in attempts for secret in (each.state, each.browser, each.nonce, each.verifier)]
    assert len(set(secrets)) == 12
    assert min(map(len, secrets)) >= 43, "as long as RFC 7636 wants a verifier"


@pytest.mark.parametrize(
    ("browser", "after", "reason"),
    [
        ("mine", timedelta(0), None),
        ("mine", timedelta(minutes=ATTEMPT_MINUTES), None),
        ("mine", timedelta(minutes=ATTEMPT_MINUTES) + SECOND, "late"),
        ("yours", timedelta(0), "browser"),
        ("", timedelta(0), "browser"),
        ("yours", timedelta(days=1), "browser"),
    ],
)
def test_the_browser_that_began_ends_a_sign_in_in_time(browser: str, after: timedelta, reason: str | None) -> None:
    attempt = StoredAttempt(digest("mine"), "nonce", "verifier", NOW)
    if reason is None:
        attempt.check(browser, NOW + after)
        return
    with pytest.raises(SignInRefused) as refused:
        attempt.check(browser, NOW + after)
    assert (refused.value.reason, refused.value.status, refused.value.extra) == (reason, 401, {"reason": reason})


@pytest.mark.parametrize(
    ("issuer", "names_itself", "accepted"),
    [
        (ISSUER, True, True),
        (ISSUER, False, True),
        (None, False, True),
        (None, True, False),
        ("", False, False),
        (f"{ISSUER}/", False, False),
        ("https://evil.example.net", False, False),
        ("https://evil.example.net", True, False),
    ],
)
def test_a_reply_of_another_provider_is_refused(issuer: str | None, names_itself: bool, accepted: bool) -> None:
    reply = AuthorizationResponse("code", "state", issuer)
    if accepted:
        reply.check_issuer(ISSUER, names_itself)
        return
    with pytest.raises(SignInRefused) as refused:
        reply.check_issuer(ISSUER, names_itself)
    assert refused.value.reason == "issuer"


@pytest.mark.parametrize(
    ("age", "unused", "ended"),
    [
        (timedelta(0), timedelta(0), False),
        (IDLE - SECOND, IDLE - SECOND, False),
        (IDLE, IDLE, True),
        (ABSOLUTE - SECOND, SECOND, False),
        (ABSOLUTE, timedelta(0), True),
        (ABSOLUTE * 2, IDLE * 2, True),
    ],
)
def test_a_session_ends_at_the_earlier_of_two_moments(age: timedelta, unused: timedelta, ended: bool) -> None:
    now = NOW + age
    session = replace(SESSION, used_at=now - unused)
    assert (session.ends_at(IDLE, ABSOLUTE) <= now) is ended
    if ended:
        with pytest.raises(SessionEnded):
            session.check(now, IDLE, ABSOLUTE)
    else:
        session.check(now, IDLE, ABSOLUTE)


def test_a_session_ends_at_the_same_moment_in_every_time_zone() -> None:
    kept = replace(SESSION, created_at=NOW.astimezone(timezone(timedelta(hours=-10))))
    assert kept.ends_at(IDLE, ABSOLUTE) == NOW + IDLE
    for hours in (-12, 0, 14):
        there = (NOW + IDLE).astimezone(timezone(timedelta(hours=hours)))
        kept.check(there - SECOND, IDLE, ABSOLUTE)
        with pytest.raises(SessionEnded):
            kept.check(there, IDLE, ABSOLUTE)


@pytest.mark.parametrize(
    ("method", "token", "site", "accepted"),
    [
        ("GET", None, None, True),
        ("HEAD", "wrong", "same-origin", True),
        ("OPTIONS", None, "same-origin", True),
        ("POST", "good", "same-origin", True),
        ("DELETE", "good", None, True),
        ("POST", None, "same-origin", False),
        ("POST", "", None, False),
        ("PUT", "wrong", "same-origin", False),
        ("POST", "good ", "same-origin", False),
        ("POST", "gööd", "same-origin", False),
        ("get", None, "same-origin", False),
        ("TRACE", None, "same-origin", False),
        ("GET", "good", "cross-site", False),
        ("POST", "good", "same-site", False),
        ("GET", None, "none", False),
        ("GET", None, "", False),
        ("GET", None, "Same-Origin", False),
    ],
)
def test_only_a_page_of_the_console_uses_a_session(
    method: str, token: str | None, site: str | None, accepted: bool
) -> None:
    if accepted:
        check_request(method, token, "good", site)
        return
    with pytest.raises(RequestForged) as refused:
        check_request(method, token, "good", site)
    assert (refused.value.status, refused.value.code) == (403, "request_forged")


def test_the_token_of_a_page_depends_on_session_and_pepper_and_shows_neither() -> None:
    tokens = {csrf_token(session, pepper) for session in ("one", "two") for pepper in (b"x", b"y")}
    assert len(tokens) == 4
    assert csrf_token("one", b"x") == csrf_token("one", b"x")
    assert not any("one" in each or "=" in each for each in tokens)
    assert digest("one").hex() not in tokens
