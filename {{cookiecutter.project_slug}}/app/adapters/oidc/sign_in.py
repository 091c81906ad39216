"""The authorization code flow of one client."""

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
        status, found = await self.provider.post(endpoint, form, (self.client_id, self.secret) if self.secret else None)
        if status >= 500:
            raise IssuerUnavailable(f"The identity provider replied {status}.", retry_after=5)
        id_token, access_token = found.get("id_token"), found.get("access_token")
        if status != 200 or not isinstance(id_token, str) or not isinstance(access_token, str):
            raise SignInRefused("code", "The identity provider gave no tokens for this code.")
        return IssuedTokens(id_token, access_token)
