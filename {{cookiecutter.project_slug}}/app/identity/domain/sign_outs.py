"""Sign-outs at the identity provider, and what of a person they end here.

Source: OpenID Connect Back-Channel Logout 1.0, 2.4 to 2.7.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from app.core.errors import BadRequest
from app.identity.domain.tokens import (
    JsonValues,
    TokenGrant,
    TokenRefused,
    TokenRules,
    check_origin,
    expires_at,
    issued_at,
    optional_text_claim,
)

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES: Final = ("logout+jwt", "JWT", "")
"""Explicit typing is recommended, and not every provider does it."""
MAX_LIFETIME_SECONDS: Final = 3600.0


class LogoutRefused(BadRequest):
    code, title = "logout_refused", "The logout token is not accepted"
    action = "See the audience, the clock and the keys of the identity provider."


class SignedOut(TokenRefused):
    code, title, reason = "signed_out", "The person has signed out at the identity provider", "signed_out"
    action = "Sign in again."


@dataclass(frozen=True, slots=True)
class SignOut:
    """A person, or one of a person's sessions at the provider, has signed out. at: seconds since 1970; what was issued
    until then ends. token_id: of the logout token. ends_at: when the logout token ends.
    """

    issuer: str
    subject: str | None
    session: str | None
    at: float
    token_id: str
    ends_at: float

    @property
    def ended(self) -> list[bytes]:
        """What it ends, as digests: a session; of its person, what names no session; or all of a person."""
        if self.session is None:
            return [_digest("subject", self.issuer, self.subject or "")]
        unnamed = [] if self.subject is None else [_digest("unnamed", self.issuer, self.subject)]
        return [_digest("session", self.issuer, self.session), *unnamed]

    @property
    def token_digest(self) -> bytes:
        return _digest("token", self.issuer, self.token_id)


def ended_by(grant: TokenGrant) -> list[bytes]:
    """The digests of sign-outs that end this grant, if one of them came after it."""
    named = ("session", grant.session) if grant.session else ("unnamed", grant.subject)
    return [_digest("subject", grant.issuer, grant.subject), _digest(named[0], grant.issuer, named[1])]


def check_signed_in(grant: TokenGrant, sign_outs: Collection[float]) -> None:
    """sign_outs: the moments of those that end the grant. Errors: SignedOut."""
    if any(grant.issued_at <= at for at in sign_outs):
        raise SignedOut()


def sign_out_of(claims: JsonValues, rules: TokenRules, now: float) -> SignOut:
    """What a signed logout token says. rules: with the client as the audience. Errors: TokenRefused."""
    check_origin(claims, rules, now)
    events, token_id = claims.get("events"), optional_text_claim(claims, "jti")
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise TokenRefused("The token is not about a sign-out.", "event")
    if "nonce" in claims:
        raise TokenRefused("A logout token has no nonce: this is an ID token.", "nonce")
    if token_id is None:
        raise TokenRefused("The logout token has no id.", "claim")
    subject, session = (optional_text_claim(claims, name) for name in ("sub", "sid"))
    if subject is None and session is None:
        raise TokenRefused("The logout token names neither a person nor a session.", "claim")
    return SignOut(rules.issuer, subject, session, issued_at(claims), token_id, expires_at(claims))


def _digest(kind: str, issuer: str, name: str) -> bytes:
    return sha256("\0".join((kind, issuer, name)).encode()).digest()
