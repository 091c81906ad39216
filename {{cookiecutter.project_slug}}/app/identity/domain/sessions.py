"""Signing in to the console: what a browser must bring back, and how long it stays signed in."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from app.core.errors import Forbidden, NotFound, Unauthenticated

ATTEMPT_MINUTES: Final = 10
USE_SECONDS: Final = 15
"""How exactly the last use of a session is known."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SignInRefused(Unauthenticated):
    """`reason`: one word, shown to the person and counted."""

    code, title = "sign_in_refused", "The sign-in was refused"
    action = "Start again at /console/."

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


class SignInNotConfigured(NotFound):
    code, title = "sign_in_not_configured", "This service has no sign-in by an identity provider"
    action = "Use an API key, or set APP_OIDC_ISSUER, APP_OIDC_CLIENT_ID and APP_PUBLIC_URL."


class SessionEnded(Unauthenticated):
    code, title = "session_ended", "The session has ended"
    action = "Sign in again."


class RequestForged(Forbidden):
    code, title = "request_forged", "The request does not come from a page of the console"
    action = "Use the console, or an API key."


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in that has begun. state goes to the provider and comes back; browser stays in a cookie, so that the
    browser that began is the one that ends; the verifier and the nonce never leave the service in the clear.
    """

    state: str
    browser: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "SignInAttempt":
        return cls(*(secrets.token_urlsafe(32) for _ in range(4)))

    @property
    def challenge(self) -> str:
        """PKCE, S256. Source: RFC 7636, 4.2."""
        return base64.urlsafe_b64encode(sha256(self.verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    browser: bytes
    nonce: str
    verifier: str
    created_at: datetime

    def check(self, browser: str, now: datetime) -> None:
        """Errors: SignInRefused."""
        if not hmac.compare_digest(self.browser, digest(browser)):
            raise SignInRefused("browser", "Another browser began this sign-in.")
        if now - self.created_at > timedelta(minutes=ATTEMPT_MINUTES):
            raise SignInRefused("late", "The sign-in took too long.")


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What the browser brings back from the provider."""

    code: str = ""
    state: str = ""
    issuer: str | None = None
    error: str = ""

    def check_issuer(self, issuer: str, names_itself: bool) -> None:
        """RFC 9207: a code of one provider is never sent to another. Errors: SignInRefused."""
        if self.issuer != issuer and (self.issuer is not None or names_itself):
            raise SignInRefused("issuer", "The reply is of another identity provider.")


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """provider_session: the provider's name of it. refreshed_at: when the provider last said what the person may do;
    None where it gave no refresh token.
    """

    tenant_id: UUID
    identity_id: UUID
    created_at: datetime
    used_at: datetime
    provider_session: str | None = None
    refreshed_at: datetime | None = None

    def check(self, now: datetime, idle: timedelta, absolute: timedelta) -> None:
        """Errors: SessionEnded."""
        if now - self.created_at >= absolute or now - self.used_at >= idle:
            raise SessionEnded()

    def ends_at(self, idle: timedelta, absolute: timedelta) -> datetime:
        """When it ends, without another request."""
        return min(self.created_at + absolute, self.used_at + idle)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret as it is stored. key_version: of the tenant's key that encrypts it."""

    content: bytes
    key_version: int | None


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def csrf_token(session: str, pepper: bytes) -> str:
    """What a page of the console sends with each write, and no other page can know."""
    return base64.urlsafe_b64encode(hmac.digest(pepper, b"csrf " + session.encode(), sha256)).decode().rstrip("=")


def check_request(method: str, token: str | None, expected: str, site: str | None) -> None:
    """Whether a request with a session comes from a page of the console. site: Sec-Fetch-Site, where a browser says
    it. Errors: RequestForged.
    """
    if site not in (None, "same-origin"):
        raise RequestForged()
    if method not in SAFE_METHODS and not hmac.compare_digest((token or "").encode(), expected.encode()):
        raise RequestForged("The header X-CSRF-Token is missing or wrong.")
