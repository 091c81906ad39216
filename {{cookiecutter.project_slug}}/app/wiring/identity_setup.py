"""Who may call: API keys, and tokens of an identity provider where one is set."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.oidc.provider import OpenIdProvider
from app.adapters.oidc.sign_in import OidcSignIn
from app.adapters.oidc.verifier import IssuerKeys, OidcTokenVerifier
from app.encryption.domain import MasterKeyNotFound, Sealed, TenantKeyDestroyed, Undecryptable
from app.encryption.service import TenantKeys
from app.identity.domain.policy import IdentityPolicy
from app.identity.domain.rate_limits import RequestLimits
from app.identity.domain.sessions import SealedSecret
from app.identity.service import ConsoleSessions, Identity, Provisioning, TokenAuthentication
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings
from app.wiring.infrastructure import Infrastructure

PURPOSE = "refresh token of tenant"
"""The purpose under which refresh tokens are encrypted."""


@dataclass(frozen=True)
class TenantKeySealing:
    """A SecretSealing with the data keys of tenants."""

    keys: TenantKeys

    async def seal(self, connection: AsyncConnection, tenant_id: UUID, secret: str) -> SealedSecret:
        sealed = await self.keys.seal(connection, tenant_id, PURPOSE, secret.encode())
        return SealedSecret(sealed.content, sealed.version)

    async def open(self, connection: AsyncConnection, tenant_id: UUID, sealed: SealedSecret) -> str | None:
        try:
            content = Sealed(sealed.key_version, sealed.content)
            return (await self.keys.open(connection, tenant_id, PURPOSE, content)).decode()
        except (MasterKeyNotFound, TenantKeyDestroyed, Undecryptable):
            return None


def make_identity(infra: Infrastructure) -> Identity:
    settings, policies, database, clock = infra.settings, infra.policies, infra.database, infra.clock
    limits = policies.get(SecurityPolicy).limits
    shared = RequestLimits(limits.requests_per_minute_per_key, limits.requests_per_minute_per_tenant)
    if not settings.oidc_issuer or not settings.oidc_audience:
        provisioning = Provisioning(database, clock, policies.get(IdentityPolicy).provisioning)
        return Identity(database, clock, settings.pepper(), shared, provisioning=provisioning)
    policy, provider = policies.get(IdentityPolicy), OpenIdProvider(settings.oidc_issuer, clock, settings.outbound)
    keys = IssuerKeys(provider, clock, policy.tokens.keys_seconds, policy.tokens.refresh_seconds)
    rules = policy.rules(settings.oidc_issuer, settings.oidc_audience)
    tokens = TokenAuthentication(database, clock, OidcTokenVerifier(keys), rules, policy)
    client = _client(settings, provider)
    sealing = TenantKeySealing(infra.keys)
    sessions = ConsoleSessions(database, clock, settings.pepper(), tokens, client, sealing) if client else None
    provisioning = Provisioning(database, clock, policy.provisioning, tokens.cache)
    return Identity(database, clock, settings.pepper(), shared, tokens, sessions, provisioning)


def _client(settings: Settings, provider: OpenIdProvider) -> OidcSignIn | None:
    if not settings.oidc_client_id or not settings.public_url:
        return None
    secret = settings.oidc_client_secret
    return OidcSignIn(
        provider,
        settings.oidc_client_id,
        secret.get_secret_value() if secret else None,
        f"{settings.public_url.rstrip('/')}/console/signed-in",
        settings.oidc_scopes,
    )
