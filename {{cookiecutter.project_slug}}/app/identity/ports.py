from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.identity.domain.sessions import SignInAttempt
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
    """What the provider gives for a code; neither token is checked yet."""

    id_token: str
    access_token: str


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
