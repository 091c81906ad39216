"""The authorization code flow of one client."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.adapters.oidc.provider import OpenIdProvider
from app.identity.domain.sessions import SignInAttempt, SignInRefused
from app.identity.domain.tokens import IssuerUnavailable
from app.identity.ports import IssuedTokens


@dataclass(frozen=True)
class OidcSignIn:
    """A SignInProvider. secret: None for a public client, which PKCE alone protects. scopes: besides openid."""

    provider: OpenIdProvider
    client_id: str
    secret: str | None
    redirect_uri: str
    scopes: str

    async def address(self, attempt: SignInAttempt) -> str:
        endpoint = (await self.provider.metadata()).authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": f"openid {self.scopes}".strip(),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def names_itself(self) -> bool:
        return (await self.provider.metadata()).names_itself

    async def redeem(self, code: str, verifier: str) -> IssuedTokens:
        endpoint = (await self.provider.metadata()).token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
            "client_id": self.client_id,
        }
        issued = await self._issued(endpoint, form)
        if issued is None or issued.id_token is None:
            raise SignInRefused("code", "The identity provider gave no tokens for this code.")
        return issued

    async def refresh(self, refresh_token: str) -> IssuedTokens:
        """Source: RFC 6749, 6."""
        endpoint = (await self.provider.metadata()).token_endpoint
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": self.client_id}
        issued = await self._issued(endpoint, form)
        if issued is None:
            raise SignInRefused("refresh", "The identity provider gave no tokens for this refresh token.")
        return issued

    async def _issued(self, endpoint: str, form: Mapping[str, str]) -> IssuedTokens | None:
        """None where the provider refuses. Errors: IssuerUnavailable."""
        status, found = await self.provider.post(endpoint, form, (self.client_id, self.secret) if self.secret else None)
        if status >= 500 or status == 429:
            raise IssuerUnavailable(f"The identity provider replied {status}.", retry_after=5)
        id_token, access_token, refresh_token = (
            found.get(name) for name in ("id_token", "access_token", "refresh_token")
        )
        if status != 200 or not isinstance(access_token, str):
            return None
        return IssuedTokens(
            id_token if isinstance(id_token, str) else None,
            access_token,
            refresh_token if isinstance(refresh_token, str) else None,
        )
