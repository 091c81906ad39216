from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain.sessions import SealedSecret, SignInAttempt
from app.identity.domain.tokens import TokenRules


class TokenVerifier(Protocol):
    """Checks signatures of tokens with the public keys that the issuer publishes."""

    async def verify(self, token: str, rules: TokenRules) -> Mapping[str, object]:
        """The claims of a token that a current key of the issuer has signed, with an algorithm of the rules.

        Nothing else about the claims is checked. Errors: TokenRefused, IssuerUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What the provider gives for a code or a refresh token; no token is checked yet. id_token: may be missing for a
    refresh token alone. refresh_token: None where the provider gives none, or leaves the old one valid.
    """

    id_token: str | None
    access_token: str
    refresh_token: str | None = None


class SignInProvider(Protocol):
    """Where people sign in."""

    @property
    def client_id(self) -> str: ...

    async def address(self, attempt: SignInAttempt) -> str:
        """Where to send the browser. Errors: IssuerUnavailable."""
        ...

    async def names_itself(self) -> bool:
        """Whether its replies by way of the browser name the issuer. Errors: IssuerUnavailable."""
        ...

    async def redeem(self, code: str, verifier: str) -> IssuedTokens:
        """Errors: SignInRefused, for a code that is unknown, was used before or is of another client;
        IssuerUnavailable.
        """
        ...

    async def refresh(self, refresh_token: str) -> IssuedTokens:
        """Errors: SignInRefused, for a token that the provider does not accept any more; IssuerUnavailable."""
        ...


class SecretSealing(Protocol):
    """Encrypts secrets for storing, with a key of their tenant. Joins the caller's transactions."""

    async def seal(self, connection: AsyncConnection, tenant_id: UUID, secret: str) -> SealedSecret:
        """By the newest key of the tenant, which is made where there is none."""
        ...

    async def open(self, connection: AsyncConnection, tenant_id: UUID, sealed: SealedSecret) -> str | None:
        """None where it cannot be decrypted any more."""
        ...
