"""Which bearer tokens of an identity provider are accepted. Pure rules: the signature is checked by an adapter."""

import hmac
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Literal

from app.core.errors import Forbidden, Unauthenticated, Unavailable

JsonValues = Mapping[str, object]

MAX_TOKEN_CHARACTERS: Final = 16_384
MAX_NAME_CHARACTERS: Final = 255
REFUSED_HEADERS: Final = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk")
"""A token that names a key of its own, or asks for a way of reading that is not offered."""
BOUND_CLAIMS: Final = ("cnf",)
"""A token that is bound to a key of its holder, which is not checked here."""
ID_TOKEN_CLAIMS: Final = ("nonce", "at_hash", "c_hash", "events")
"""Also of logout tokens, which are as little access tokens."""


class TokenRefused(Unauthenticated):
    """A token that is not accepted. `reason`: one word for metrics and for whoever looks for the cause."""

    code, title = "token_invalid", "The token is not valid"
    action = "Get a new token from the identity provider of this service."
    reason: ClassVar[str] = "other"

    def __init__(self, detail: str = "", reason: str | None = None) -> None:
        super().__init__(detail, reason=reason or self.reason)

    @property
    def label(self) -> str:
        return str(self.extra["reason"])


class TokenExpired(TokenRefused):
    code, title, reason = "token_expired", "The token has expired", "expired"


class TokenForAnotherService(TokenRefused):
    code, title, reason = "token_for_another", "The token is for another service or of another issuer", "audience"


class TokenClaimMissing(TokenRefused):
    code, title, reason = "token_claim_missing", "The token lacks a claim that the policy maps", "claim"
    action = "Let the identity provider put the claim into tokens for this service, or change policies/identity.yaml."


class IdentityRevoked(TokenRefused):
    code, title, reason = "identity_revoked", "The access of this identity was revoked", "revoked"
    action = "An administrator of the tenant can admit it again: app identities admit."


class IdentityNotMapped(Forbidden):
    code, title, label = "identity_not_mapped", "The policy gives this identity no tenant or no role", "unmapped"
    action = "See policies/identity.yaml: it maps claims of tokens to tenants, roles and access groups."


class IssuerUnavailable(Unavailable):
    code, title = "issuer_unavailable", "The identity provider cannot be reached"
    action = "Try again. API keys work meanwhile."


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be. audience: the only one that it may have. lifetime_seconds: of a token, at most."""

    issuer: str
    audience: str
    algorithms: Sequence[str] = ("RS256", "ES256")
    types: Sequence[str] = ("at+jwt",)
    leeway_seconds: float = 30.0
    lifetime_seconds: float = 3600.0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class GrantSource:
    """A value of a claim, and the role or access group that the policy gives for it."""

    value: str
    kind: Literal["role", "group"]
    name: str


def names_given(sources: Iterable[GrantSource], kind: str, withheld: Collection[str] = ()) -> frozenset[str]:
    """The roles or the access groups of these sources, without those of withheld values."""
    return frozenset(each.name for each in sources if each.kind == kind and each.value not in withheld)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a token gives: to whom, in which tenant, and what. issued_at: seconds since 1970. session: the person's
    session at the provider, where the token names it. link: what is compared with provisioned accounts; None for a
    program. sources: of roles and groups that come from claims.
    """

    tenant: str
    issuer: str
    subject: str
    name: str
    roles: frozenset[str]
    groups: frozenset[str] = field(default_factory=frozenset)
    issued_at: float = 0.0
    session: str | None = None
    link: str | None = None
    sources: frozenset[GrantSource] = frozenset()

    def without(self, withheld: Collection[str]) -> "TokenGrant":
        """Without what these values of claims give."""
        roles, groups = (names_given(self.sources, kind, withheld) for kind in ("role", "group"))
        return replace(self, roles=roles, groups=groups) if withheld else self


def check_header(header: JsonValues, rules: TokenRules) -> tuple[str, str]:
    """The algorithm and the id of the key. Errors: TokenRefused."""
    if any(name in header for name in REFUSED_HEADERS):
        raise TokenRefused("The header of the token names a key or a way of reading of its own.", "header")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        raise TokenRefused("The token is not signed with an algorithm of the policy.", "algorithm")
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in {t.lower() for t in rules.types}:
        raise TokenRefused("The token is not of a type of the policy.", "type")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_NAME_CHARACTERS:
        raise TokenRefused("The token does not name its key.", "key")
    return algorithm, key_id


def check_access_token(claims: JsonValues, rules: TokenRules, now: float) -> None:
    """Whether the claims of a signed token make it an access token for this service, now. Errors: TokenRefused."""
    if any(name in claims for name in ID_TOKEN_CLAIMS) or claims.get("token_use", "access") != "access":
        raise TokenRefused("An ID token is not an access token.", "use")
    check_claims(claims, rules, now)
    scope = claims.get("scope")
    if rules.scope and rules.scope not in (scope.split(" ") if isinstance(scope, str) else ()):
        raise TokenClaimMissing(f"The token lacks the scope {rules.scope}.", "scope")


def check_id_token(claims: JsonValues, rules: TokenRules, nonce: str, now: float) -> None:
    """Whether the claims of a signed token say who signed in, in answer to the request with this nonce. rules: with the
    client as the audience. Errors: TokenRefused.
    """
    check_claims(claims, rules, now)
    if claims.get("azp", rules.audience) != rules.audience:
        raise TokenForAnotherService("The ID token was made for another client.")
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), nonce.encode()):
        raise TokenRefused("The ID token answers another request.", "nonce")


def check_claims(claims: JsonValues, rules: TokenRules, now: float) -> None:
    """Issuer, audience, times and subject of a signed token. Errors: TokenRefused, TokenExpired,
    TokenForAnotherService."""
    check_origin(claims, rules, now)
    _text(claims, "sub")


def check_refreshed_id_token(claims: JsonValues, rules: TokenRules, now: float) -> None:
    """As `check_id_token`, for one that came by refresh token: it answers no request of a browser.

    Source: OpenID Connect Core 1.0, 12.2. Errors: TokenRefused.
    """
    check_claims(claims, rules, now)
    if claims.get("azp", rules.audience) != rules.audience:
        raise TokenForAnotherService("The ID token was made for another client.")


def check_origin(claims: JsonValues, rules: TokenRules, now: float) -> None:
    """Issuer, audience and times of a signed token. Errors: as `check_claims`."""
    if claims.get("iss") != rules.issuer:
        raise TokenForAnotherService("The token is not of the issuer of this service.", "issuer")
    if claims.get("aud") not in (rules.audience, [rules.audience]):
        raise TokenForAnotherService("The token is not for this service alone.")
    if any(name in claims for name in BOUND_CLAIMS):
        raise TokenRefused("The token is bound to a key of its holder, which this service does not check.", "bound")
    _check_times(claims, rules, now)


def _check_times(claims: JsonValues, rules: TokenRules, now: float) -> None:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    starts = _seconds(claims, "nbf") if "nbf" in claims else issued
    if expires + rules.leeway_seconds <= now:
        raise TokenExpired()
    if max(issued, starts) > now + rules.leeway_seconds:
        raise TokenRefused("The token is not valid yet.", "early")
    if not 0 < expires - issued <= rules.lifetime_seconds:
        raise TokenRefused(f"A token may be valid for {rules.lifetime_seconds:.0f} seconds at most.", "lifetime")


def _seconds(claims: JsonValues, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefused(f"The claim {name} is not a time.", "time")
    return float(value)


def _text(claims: JsonValues, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS or not value.isprintable():
        raise TokenClaimMissing(f"The claim {name} is missing, or no text of 1 to {MAX_NAME_CHARACTERS} characters.")
    return value


def text_claim(claims: JsonValues, name: str) -> str:
    """The text in a claim. Errors: TokenClaimMissing."""
    value = _text(claims, name)
    if name == "email" and claims.get("email_verified") is not True:
        raise TokenClaimMissing("The identity provider has not verified the email address.")
    return value


def optional_text_claim(claims: JsonValues, name: str) -> str | None:
    """The text in a claim that may be absent. Errors: TokenClaimMissing, for one that is no text."""
    return _text(claims, name) if name in claims else None


def names_claim(claims: JsonValues, name: str) -> frozenset[str]:
    """The texts in a claim, such as the groups of a person. A claim that is absent is not an empty one: a provider
    leaves it out where it was not asked for it, or where a person is in too many groups.

    Errors: TokenClaimMissing.
    """
    value = claims.get(name)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise TokenClaimMissing(f"The claim {name} is missing, or no list of names.")
    return frozenset(values)


def issued_at(claims: JsonValues) -> float:
    return _seconds(claims, "iat")


def expires_at(claims: JsonValues) -> float:
    return _seconds(claims, "exp")
