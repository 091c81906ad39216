"""Which tokens are accepted, at each bound: tests/identity/test_tokens.py sends signed ones to the service."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app.identity.domain.tokens import (
    MAX_NAME_CHARACTERS,
    GrantSource,
    TokenGrant,
    TokenRefused,
    TokenRules,
    check_access_token,
    check_header,
    check_id_token,
    check_refreshed_id_token,
    expires_at,
    issued_at,
    names_claim,
    optional_text_claim,
    text_claim,
)

RULES = TokenRules("https://issuer", "service", leeway_seconds=30, lifetime_seconds=600, scope="ask")
NOW = 10_000.0
HEADER = {"alg": "RS256", "kid": "one", "typ": "at+jwt"}
CLAIMS = {"iss": "https://issuer", "aud": "service", "sub": "ana", "iat": NOW - 10, "exp": NOW + 10, "scope": "see ask"}
MISSING = object()


def changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changes}.items() if value is not MISSING}


def reason_of(check: Callable[[], object]) -> str | None:
    """Why it was refused; None for what is accepted."""
    try:
        check()
    except TokenRefused as error:
        return error.label
    return None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"typ": "AT+JWT"}, None),
        ({"typ": "application/at+jwt"}, None),
        ({"alg": "ES256", "kid": "k" * MAX_NAME_CHARACTERS}, None),
        # By name: a list that is taken from the code says nothing when one is missing there.
        *[({name: {}}, "header") for name in ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk")],
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": ["RS256"]}, "algorithm"),
        ({"alg": MISSING}, "algorithm"),
        ({"typ": "jwt"}, "type"),
        ({"typ": 7}, "type"),
        ({"typ": MISSING}, "type"),
        ({"kid": ""}, "key"),
        ({"kid": "k" * (MAX_NAME_CHARACTERS + 1)}, "key"),
        ({"kid": 1}, "key"),
        ({"kid": MISSING}, "key"),
    ],
)
def test_the_header_names_an_algorithm_a_type_and_a_key_and_nothing_of_its_own(
    changes: Mapping[str, Any], reason: str | None
) -> None:
    header = changed(HEADER, changes)
    assert reason_of(lambda: check_header(header, RULES)) == reason
    if reason is None:
        assert check_header(header, RULES) == (header["alg"], header["kid"])


ORIGIN = [
    ({"iss": "https://other"}, "issuer"),
    ({"iss": MISSING}, "issuer"),
    ({"aud": ["service"]}, None),
    ({"aud": ["service", "other"]}, "audience"),
    ({"aud": "other"}, "audience"),
    ({"aud": MISSING}, "audience"),
    ({"cnf": {}}, "bound"),
    ({"sub": MISSING}, "claim"),
    ({"sub": ""}, "claim"),
    ({"sub": "s" * MAX_NAME_CHARACTERS}, None),
    ({"sub": "s" * (MAX_NAME_CHARACTERS + 1)}, "claim"),
    ({"sub": "a\nb"}, "claim"),
    ({"sub": 7}, "claim"),
    ({"exp": NOW - 30, "iat": NOW - 60}, "expired"),
    ({"exp": NOW - 29, "iat": NOW - 60}, None),
    ({"iat": NOW + 30, "exp": NOW + 60}, None),
    ({"iat": NOW + 31, "exp": NOW + 60}, "early"),
    ({"nbf": NOW + 30}, None),
    ({"nbf": NOW + 31}, "early"),
    ({"nbf": "soon"}, "time"),
    ({"iat": NOW - 300, "exp": NOW + 300}, None),
    ({"iat": NOW - 300, "exp": NOW + 301}, "lifetime"),
    ({"iat": NOW, "exp": NOW}, "lifetime"),
    ({"iat": NOW, "exp": NOW + 1}, None),
    *[({name: value}, "time") for name in ("iat", "exp") for value in ("1", True, float("inf"), float("nan"), MISSING)],
]


@pytest.mark.parametrize(("changes", "reason"), ORIGIN)
def test_every_token_is_of_the_issuer_for_this_service_alone_and_now(
    changes: Mapping[str, Any], reason: str | None
) -> None:
    claims = changed(CLAIMS, changes)
    assert reason_of(lambda: check_access_token(claims, RULES, NOW)) == reason
    assert reason_of(lambda: check_id_token({**claims, "nonce": "n"}, RULES, "n", NOW)) == reason
    assert reason_of(lambda: check_refreshed_id_token(claims, RULES, NOW)) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *[({name: "x"}, "use") for name in ("nonce", "at_hash", "c_hash", "events")],
        ({"token_use": "id"}, "use"),
        ({"token_use": "access"}, None),
        ({"scope": "ask"}, None),
        ({"scope": "asking"}, "scope"),
        ({"scope": ["ask"]}, "scope"),
        ({"scope": MISSING}, "scope"),
    ],
)
def test_an_access_token_is_no_id_token_and_has_the_scope(changes: Mapping[str, Any], reason: str | None) -> None:
    assert reason_of(lambda: check_access_token(changed(CLAIMS, changes), RULES, NOW)) == reason


def test_without_a_scope_in_the_policy_none_is_needed() -> None:
    check_access_token(changed(CLAIMS, {"scope": MISSING}), TokenRules("https://issuer", "service"), NOW)


@pytest.mark.parametrize(
    ("changes", "reason", "refreshed"),
    [
        ({"azp": "service"}, None, None),
        ({"azp": "other"}, "audience", "audience"),
        ({"nonce": "other"}, "nonce", None),
        ({"nonce": 7}, "nonce", None),
        ({"nonce": MISSING}, "nonce", None),
    ],
)
def test_an_id_token_answers_the_request_of_this_client(
    changes: Mapping[str, Any], reason: str | None, refreshed: str | None
) -> None:
    claims = changed({**CLAIMS, "nonce": "n"}, changes)
    assert reason_of(lambda: check_id_token(claims, RULES, "n", NOW)) == reason
    assert reason_of(lambda: check_refreshed_id_token(claims, RULES, NOW)) == refreshed


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "a@b.c", "email_verified": True}, None),
        ({"email": "a@b.c", "email_verified": "true"}, "claim"),
        ({"email": "a@b.c"}, "claim"),
    ],
)
def test_an_email_address_counts_once_the_provider_has_verified_it(
    claims: Mapping[str, Any], reason: str | None
) -> None:
    assert reason_of(lambda: text_claim(claims, "email")) == reason
    assert text_claim({"name": "Ana"}, "name") == "Ana"


def test_a_claim_that_may_be_absent_is_a_text_where_it_is_there() -> None:
    assert optional_text_claim({}, "sid") is None
    assert optional_text_claim({"sid": "s"}, "sid") == "s"
    assert reason_of(lambda: optional_text_claim({"sid": 7}, "sid")) == "claim"


@pytest.mark.parametrize(
    ("value", "names"),
    [("hr", {"hr"}), (["hr", "it"], {"hr", "it"}), ([], set()), (["hr", 7], None), ({"hr": 1}, None), (MISSING, None)],
)
def test_names_are_a_text_or_a_list_of_texts(value: object, names: set[str] | None) -> None:
    claims = changed({}, {"groups": value})
    if names is None:
        assert reason_of(lambda: names_claim(claims, "groups")) == "claim"
    else:
        assert names_claim(claims, "groups") == names


def test_the_times_of_a_token_are_its_own() -> None:
    assert (issued_at(CLAIMS), expires_at(CLAIMS)) == (NOW - 10, NOW + 10)


def test_what_withheld_values_give_is_taken_away_and_nothing_else() -> None:
    sources = frozenset(
        {GrantSource("a", "role", "user"), GrantSource("b", "role", "admin"), GrantSource("b", "group", "hr")}
    )
    grant = TokenGrant("t", "i", "s", "n", frozenset({"by hand"}), frozenset({"x"}), sources=sources)
    assert grant.without(()) is grant
    held = grant.without({"b"})
    assert (held.roles, held.groups) == ({"user"}, frozenset())
