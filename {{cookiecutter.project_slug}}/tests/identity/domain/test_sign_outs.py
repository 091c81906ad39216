"""What a logout token ends, without a service."""

from typing import Any

import pytest

from app.identity.domain.sign_outs import LOGOUT_EVENT, SignedOut, SignOut, check_signed_in, ended_by, sign_out_of
from app.identity.domain.tokens import TokenGrant, TokenRefused, TokenRules

ISSUER, CLIENT = "https://login.example.com", "console"
RULES = TokenRules(ISSUER, CLIENT, leeway_seconds=30, lifetime_seconds=3600)
NOW = 1_000_000.0
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "ana",
    "sid": "s1",
    "iat": NOW - 10,
    "exp": NOW + 110,
    "jti": "1",
    "events": {LOGOUT_EVENT: {}},
}


def read(**changed: Any) -> SignOut:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return sign_out_of(claims, RULES, NOW)


def grant(subject: str = "ana", session: str | None = None, issuer: str = ISSUER, at: float = NOW) -> TokenGrant:
    return TokenGrant("acme", issuer, subject, subject, frozenset({"user"}), issued_at=at, session=session)


def ends(sign_out: SignOut, of: TokenGrant) -> bool:
    return bool(set(sign_out.ended) & set(ended_by(of)))


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        # The person: every session, and what names none.
        ({"sid": None}, {("ana", "s1"), ("ana", "s2"), ("ana", None)}),
        # A session of the person: that one, and what names none.
        ({}, {("ana", "s1"), ("bo", "s1"), ("ana", None)}),
        # A session alone: whoever has it.
        ({"sub": None}, {("ana", "s1"), ("bo", "s1")}),
        ({"sub": "Ana", "sid": None}, set()),
        ({"sub": None, "sid": "ana"}, set()),
        ({"sub": "s1", "sid": None}, set()),
    ],
)
def test_a_sign_out_ends_what_it_names(named: dict[str, Any], ended: set[tuple[str, str | None]]) -> None:
    people = [(subject, session) for subject in ("ana", "bo") for session in ("s1", "s2", None)]
    assert {each for each in people if ends(read(**named), grant(*each))} == ended
    assert not any(ends(read(**named), grant(*each, issuer=f"{ISSUER}/")) for each in people)


def test_names_that_run_together_are_not_mixed_up() -> None:
    one = SignOut("https://a.example", "xy", None, NOW, "1", NOW)
    other = SignOut("https://a.examplex", "y", None, NOW, "1", NOW)
    assert not set(one.ended) & set(other.ended)
    assert one.token_digest != other.token_digest
    assert one.token_digest == SignOut("https://a.example", None, "s9", NOW + 5, "1", NOW + 9).token_digest


@pytest.mark.parametrize(
    ("moments", "ended"),
    [
        ([], False),
        ([NOW - 0.001], False),
        ([NOW], True),
        ([NOW + 1], True),
        ([NOW - 100, NOW - 50], False),
        ([NOW + 100, NOW - 50], True),
    ],
)
def test_what_was_issued_until_a_sign_out_has_ended(moments: list[float], ended: bool) -> None:
    if not ended:
        check_signed_in(grant(at=NOW), moments)
        return
    with pytest.raises(SignedOut):
        check_signed_in(grant(at=NOW), moments)


def test_a_logout_token_is_read_whole() -> None:
    assert read() == SignOut(ISSUER, "ana", "s1", NOW - 10, "1", NOW + 110)
    assert read(aud=[CLIENT], events={LOGOUT_EVENT: {}, "https://example.com/other": {}}).token_id == "1"


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({"events": "backchannel-logout"}, "event"),
        ({"events": {LOGOUT_EVENT: None}}, "event"),
        ({"events": {LOGOUT_EVENT: []}}, "event"),
        ({"events": {LOGOUT_EVENT.upper(): {}}}, "event"),
        ({"nonce": ""}, "nonce"),
        ({"jti": None}, "claim"),
        ({"jti": ""}, "claim"),
        ({"jti": 1}, "claim"),
        ({"jti": "a\nb"}, "claim"),
        ({"sub": None, "sid": None}, "claim"),
        ({"sub": "", "sid": "s1"}, "claim"),
        ({"sid": ""}, "claim"),
        ({"aud": [CLIENT, CLIENT]}, "audience"),
        ({"cnf": {"jkt": "x"}}, "bound"),
        ({"exp": NOW - 30}, "expired"),
        ({"iat": NOW + 31, "exp": NOW + 60}, "early"),
        ({"nbf": NOW + 31}, "early"),
        ({"iat": NOW - 10, "exp": NOW - 10 + 3601}, "lifetime"),
        ({"iat": NOW + 5, "exp": NOW + 5}, "lifetime"),
        ({"exp": float("inf")}, "time"),
        ({"iat": float("nan")}, "time"),
        ({"exp": True}, "time"),
    ],
)
def test_a_logout_token_of_another_form_is_refused(changed: dict[str, Any], label: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        read(**changed)
    assert refused.value.label == label


@pytest.mark.parametrize(
    "changed",
    [
        {"iat": NOW - 100, "exp": NOW - 29.9},
        {"iat": NOW + 30, "exp": NOW + 60},
        {"nbf": NOW + 30},
        {"iat": NOW - 10, "exp": NOW - 10 + 3600},
    ],
)
def test_times_at_the_very_bound_are_accepted(changed: dict[str, Any]) -> None:
    assert read(**changed).subject == "ana"
