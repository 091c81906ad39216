"""Callers with a token of the identity provider instead of an API key."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.telemetry import counter
from app.identity import repository
from app.identity.domain import IDENTITY_CHANGED, Principal
from app.identity.domain.identification import StoredIdentity, identity_id, is_news, what_counts
from app.identity.domain.policy import IdentityPolicy
from app.identity.domain.sign_outs import check_signed_in, ended_by
from app.identity.domain.tokens import (
    MAX_TOKEN_CHARACTERS,
    IdentityNotMapped,
    JsonValues,
    TokenExpired,
    TokenGrant,
    TokenRefused,
    TokenRules,
    check_access_token,
    expires_at,
)
from app.identity.ports import TokenVerifier
from app.identity.repository import identity_rows, provisioning_rows, sign_out_rows
from app.identity.service.caller_cache import CACHE_SECONDS, CallerCache, VerifiedCaller

REFUSED = counter("app_tokens_refused_total", "Refused tokens of the identity provider, by reason.", ["reason"])


@dataclass(frozen=True)
class TokenAuthentication:
    """Bearer tokens of one issuer."""

    database: Database
    clock: Clock
    verifier: TokenVerifier
    rules: TokenRules
    policy: IdentityPolicy
    cache: CallerCache = field(default_factory=CallerCache)

    async def authenticate(self, token: str) -> Principal:
        """The principal of an access token. Errors: TokenRefused, IdentityNotMapped, IssuerUnavailable."""
        digest = sha256(token.encode()).digest()
        verified = self.cache.get(digest, self.clock.monotonic())
        if verified is None:
            generation = self.cache.generation
            verified = await self._verify(token)
            self.cache.put(digest, verified, generation)
        if verified.expires_at and verified.expires_at <= self.clock.now():
            REFUSED.labels(TokenExpired.reason).inc()
            raise TokenExpired()
        return verified.principal

    async def _verify(self, token: str) -> VerifiedCaller:
        until = self.clock.monotonic() + CACHE_SECONDS
        try:
            claims = await self._claims(token)
            principal = await self.identify(self.policy.grant_of(claims))
        except (TokenRefused, IdentityNotMapped) as refused:
            REFUSED.labels(refused.label).inc()
            raise
        ends = expires_at(claims) + self.rules.leeway_seconds
        return VerifiedCaller(principal, datetime.fromtimestamp(ends, UTC), until)

    async def _claims(self, token: str) -> JsonValues:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused("The token is too long.", "malformed")
        claims = await self.verifier.verify(token, self.rules)
        check_access_token(claims, self.rules, self.clock.now().timestamp())
        return claims

    async def identify(self, grant: TokenGrant) -> Principal:
        """The principal of a checked token; stores what it gives, for work that runs later and for older tokens.

        Errors: IdentityNotMapped, IdentityRevoked, SignedOut, Deprovisioned.
        """
        async with self.database.transaction(None) as connection:
            tenant_id = await repository.find_tenant(connection, grant.tenant)
        if tenant_id is None:
            raise IdentityNotMapped(f"There is no tenant named '{grant.tenant}'.")
        key = identity_id(tenant_id, grant)
        async with self.database.transaction(tenant_id) as connection:
            check_signed_in(grant, await sign_out_rows.moments(connection, ended_by(grant)))
            grant = await self._provisioned(connection, tenant_id, grant)
            stored = await identity_rows.find(connection, key)
            if is_news(stored, grant):
                stored = await self._store(connection, tenant_id, key, stored, grant)
                self.cache.forget(key)
        assert stored is not None  # noqa: S101
        roles, groups = what_counts(stored, grant)
        if not roles:
            raise IdentityNotMapped("The newest token of this identity has none of the roles of this one.")
        return Principal(tenant_id, key, grant.name, roles, groups)

    async def _provisioned(self, connection: AsyncConnection, tenant_id: UUID, grant: TokenGrant) -> TokenGrant:
        """Without what provisioned groups withhold. Errors: Deprovisioned."""
        if grant.link is None:
            return grant
        await provisioning_rows.lock(connection, tenant_id, shared=True)
        rules, values = self.policy.provisioning, {each.value for each in grant.sources}
        access = await provisioning_rows.access_of(connection, tenant_id, rules.attribute, grant.link, values)
        access.check(rules.required)
        return grant.without(access.withheld)

    async def _store(
        self, connection: AsyncConnection, tenant_id: UUID, key: UUID, stored: StoredIdentity | None, grant: TokenGrant
    ) -> StoredIdentity:
        now, roles, groups = self.clock.now(), sorted(grant.roles), sorted(grant.groups)
        new = StoredIdentity(
            id=key,
            tenant_id=tenant_id,
            issuer=grant.issuer,
            subject=grant.subject,
            name=grant.name,
            roles=roles,
            groups=groups,
            granted_at=grant.issued_at,
            created_at=now,
            last_used_at=None,
            revoked_at=None,
            link=grant.link,
            sources=tuple(grant.sources),
        )
        await identity_rows.store(connection, new)
        before = _words(stored.roles, stored.groups) if stored else None
        act = Act(grant.name, "identity.grant", f"identity {key}", "by token", before, _words(roles, groups), tenant_id)
        await audit.record(connection, act, now)
        await notify(connection, IDENTITY_CHANGED, str(key))
        stored_now = await identity_rows.find(connection, key)
        assert stored_now is not None  # noqa: S101
        return stored_now


def _words(roles: list[str], groups: list[str]) -> str:
    return " ".join([*roles, *(f"group:{group}" for group in groups)])
