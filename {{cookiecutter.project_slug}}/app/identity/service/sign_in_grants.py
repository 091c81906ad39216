"""What the tokens of a sign-in, and of its refreshes, give."""

from dataclasses import dataclass, replace

from app.identity.domain.sessions import SignInRefused
from app.identity.domain.tokens import (
    JsonValues,
    TokenGrant,
    TokenRules,
    check_access_token,
    check_id_token,
    check_refreshed_id_token,
    optional_text_claim,
)
from app.identity.ports import IssuedTokens
from app.identity.service.token_authentication import TokenAuthentication


@dataclass(frozen=True)
class SignInGrants:
    """Checks the tokens that the provider gives to one client. client_id: the audience of ID tokens."""

    tokens: TokenAuthentication
    client_id: str

    async def of_sign_in(self, issued: IssuedTokens, nonce: str) -> TokenGrant:
        """nonce: of the request. Errors: TokenRefused, IdentityNotMapped, IssuerUnavailable, SignInRefused."""
        person = await self.tokens.verifier.verify(issued.id_token or "", self._id_token_rules)
        check_id_token(person, self._id_token_rules, nonce, self._now)
        return await self._of(issued, person)

    async def of_refresh(self, issued: IssuedTokens) -> TokenGrant:
        """A provider may leave out the ID token then. Errors: as `of_sign_in`."""
        if issued.id_token is None:
            if self.tokens.policy.sessions.claims_of == "id_token":
                raise SignInRefused("claims", "The identity provider gave no ID token.")
            return self.tokens.policy.grant_of(await self._access(issued))
        person = await self.tokens.verifier.verify(issued.id_token, self._id_token_rules)
        check_refreshed_id_token(person, self._id_token_rules, self._now)
        return await self._of(issued, person)

    async def _of(self, issued: IssuedTokens, person: JsonValues) -> TokenGrant:
        policy, session = self.tokens.policy, optional_text_claim(person, "sid")
        if policy.sessions.claims_of == "id_token":
            return policy.grant_of(person)
        access = await self._access(issued)
        if access["sub"] != person["sub"]:
            raise SignInRefused("subject", "The two tokens are of different people.")
        grant = policy.grant_of(access)
        return replace(grant, session=session or grant.session)

    async def _access(self, issued: IssuedTokens) -> JsonValues:
        access = await self.tokens.verifier.verify(issued.access_token, self.tokens.rules)
        check_access_token(access, self.tokens.rules, self._now)
        return access

    @property
    def _now(self) -> float:
        return self.tokens.clock.now().timestamp()

    @property
    def _id_token_rules(self) -> TokenRules:
        """The header typ says nothing about ID tokens: the claims do."""
        rules = replace(self.tokens.rules, audience=self.client_id, types=("JWT", "id_token+jwt", ""), scope="")
        return replace(rules, lifetime_seconds=86_400)
