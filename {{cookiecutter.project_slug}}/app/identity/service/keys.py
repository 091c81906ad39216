"""Tenants, API keys and identities of the identity provider."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.ids import new_id
from app.identity import repository
from app.identity.domain import (
    IDENTITY_CHANGED,
    ApiKey,
    IdentityNotFound,
    KeyAmbiguous,
    KeyNotFound,
    KeyTerms,
    NewKey,
    Principal,
    TenantNotFound,
    check_grant,
    check_groups,
    check_roles,
    derive_webhook_secret,
    digest_of,
    format_webhook_secret,
    generate_key,
)
from app.identity.domain.delegation import check_delegated
from app.identity.domain.identification import StoredIdentity
from app.identity.domain.rate_limits import RequestLimits
from app.identity.repository import identity_rows
from app.identity.service.console_sessions import ConsoleSessions
from app.identity.service.key_authentication import KeyAuthentication
from app.identity.service.known_tenants import KnownTenants
from app.identity.service.last_use import LastUse
from app.identity.service.principals import SERVICE, find_principal
from app.identity.service.provisioned_accounts import Provisioning
from app.identity.service.rate_limiter import RateLimiter
from app.identity.service.token_authentication import TokenAuthentication


@dataclass(frozen=True)
class Identity:
    """Who calls: by API key, or by a token of the identity provider where there is one.

    by_clock: for tests; otherwise rate limits use the database's time.
    """

    database: Database
    clock: Clock
    pepper: bytes
    limits: RequestLimits
    tokens: TokenAuthentication | None = None
    sessions: ConsoleSessions | None = None
    provisioning: Provisioning | None = None
    by_clock: bool = False
    known_tenants: KnownTenants = field(default_factory=KnownTenants)

    @cached_property
    def keys(self) -> KeyAuthentication:
        return KeyAuthentication(self.database, self.clock, self.pepper)

    @cached_property
    def rates(self) -> RateLimiter:
        return RateLimiter(self.database, self.clock, self.limits, self.by_clock)

    @cached_property
    def last_use(self) -> LastUse:
        return LastUse(self.database, self.clock)

    async def authenticate(self, text: str) -> Principal:
        """The principal of a key or of a token.

        Errors: KeyInvalid, KeyExpired, TokenRefused, IdentityNotMapped, IssuerUnavailable.
        """
        if self.tokens and not text.startswith("sk_"):
            return await self.tokens.authenticate(text)
        return await self.keys.authenticate(text)

    async def principal_of_key(self, connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> Principal | None:
        """The principal of a key or an identity, read in a transaction of its tenant; None for a missing, revoked or
        expired one.
        """
        return await find_principal(connection, tenant_id, key_id)

    async def follow(self, payload: str) -> None:
        """Drops what this process has cached of a key or an identity that was revoked or changed elsewhere. An empty
        payload, which comes every few seconds, drops nothing: what is cached ends by itself within a second.
        """
        if payload:
            self._forget(UUID(payload))

    def _forget(self, key_id: UUID) -> None:
        self.keys.forget(key_id)
        self.known_tenants.forget(key_id)
        if self.tokens:
            self.tokens.cache.forget(key_id)

    async def check_rate_limit(self, principal: Principal) -> None:
        """Counts a request against the limits of its key and its tenant. Errors: RateLimited with the seconds to
        wait.
        """
        await self.rates.check(principal)

    async def tenant(self, name: str) -> UUID:
        """Errors: TenantNotFound."""
        async with self.database.transaction(None) as connection:
            tenant_id = await repository.find_tenant(connection, name)
        if tenant_id is None:
            raise TenantNotFound(f"There is no tenant named '{name}'.")
        return tenant_id

    async def tenant_ids(self) -> list[UUID]:
        """All tenants."""
        async with self.database.read(None) as connection:
            return await repository.tenant_ids(connection)

    async def tenant_name(self, tenant_id: UUID) -> str:
        """The name of a tenant; its id when it has none."""
        async with self.database.read(tenant_id) as connection:
            return await repository.tenant_name(connection, tenant_id) or str(tenant_id)

    async def ensure_tenant(self, name: str, actor: str = SERVICE) -> UUID:
        """The id of the tenant of that name, which is created when missing; safe with concurrent callers."""
        try:
            return await self.tenant(name)
        except TenantNotFound:
            tenant_id = new_id()
        try:
            async with self.database.transaction(tenant_id) as connection:
                await repository.add_tenant(connection, tenant_id, name)
                act = Act(actor, "tenant.create", f"tenant {tenant_id}", tenant_id=tenant_id)
                await audit.record(connection, act, self.clock.now())
            return tenant_id
        except IntegrityError:
            return await self.tenant(name)

    async def create_key(
        self,
        tenant_id: UUID,
        name: str,
        roles: Iterable[str],
        groups: Iterable[str] = (),
        actor: str = SERVICE,
        terms: KeyTerms = KeyTerms(),  # noqa: B008, it is frozen
    ) -> NewKey:
        """A new key; its text cannot be read again. Errors: RoleNotFound, InvalidGroupName, InvalidKeyTerms."""
        role_names, group_names = sorted(check_roles(frozenset(roles))), check_groups(groups)
        key, terms = generate_key(), terms.checked(role_names, self.clock.now())
        granted = " ".join([*role_names, *(f"group:{group}" for group in group_names)])
        async with self.database.transaction(tenant_id) as connection:
            await repository.add_key(
                connection,
                id=new_id(),
                tenant_id=tenant_id,
                name=name,
                prefix=key.prefix,
                digest=digest_of(key, self.pepper),
                roles=role_names,
                groups=group_names,
                **asdict(terms),
            )
            act = Act(actor, "key.create", f"key {key.prefix}", after=granted, tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
        return key

    async def grant_key(
        self, granter: Principal, name: str, roles: Collection[str], groups: Iterable[str], terms: KeyTerms
    ) -> NewKey:
        """A new key of the granter's tenant, with roles that the granter has itself and no wider terms than its own.

        Errors: RoleNotFound, RoleNotGranted, InvalidGroupName, InvalidKeyTerms.
        """
        check_grant(check_roles(frozenset(roles)), granter)
        check_delegated(terms.checked(roles, self.clock.now()), granter)
        return await self.create_key(granter.tenant_id, name, roles, groups, granter.name, terms)

    async def list_keys(self, tenant_id: UUID) -> list[ApiKey]:
        """The oldest first."""
        async with self.database.read(tenant_id) as connection:
            return await repository.list_keys(connection)

    async def revoke_key(self, tenant_id: UUID, prefix: str, actor: str = SERVICE) -> None:
        """This process rejects the key from the next request on, every other one when the notification arrives, at the
        latest within a second. Errors: KeyNotFound.
        """
        async with self.database.transaction(tenant_id) as connection:
            revoked = await repository.revoke(connection, prefix, self.clock.now())
            if revoked is None:
                raise KeyNotFound(f"This tenant has no active key with the prefix '{prefix}'.")
            key_id, roles = revoked
            act = Act(actor, "key.revoke", f"key {prefix}", before=" ".join(roles), tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
            await notify(connection, IDENTITY_CHANGED, str(key_id))
        self._forget(key_id)

    async def list_identities(self, tenant_id: UUID) -> Sequence[StoredIdentity]:
        """Who has come with a token of the identity provider, the oldest first."""
        async with self.database.read(tenant_id) as connection:
            return await identity_rows.list_all(connection)

    async def revoke_identity(self, tenant_id: UUID, identity_id: UUID, actor: str = SERVICE) -> None:
        """Rejects an identity as `revoke_key` rejects a key, whatever its tokens say. Errors: IdentityNotFound."""
        await self._set_revoked(tenant_id, identity_id, True, actor)

    async def admit_identity(self, tenant_id: UUID, identity_id: UUID, actor: str = SERVICE) -> None:
        """Accepts the tokens of a revoked identity again. Errors: IdentityNotFound."""
        await self._set_revoked(tenant_id, identity_id, False, actor)

    async def _set_revoked(self, tenant_id: UUID, identity_id: UUID, revoked: bool, actor: str) -> None:
        now = self.clock.now()
        async with self.database.transaction(tenant_id) as connection:
            name = await identity_rows.set_revoked(connection, identity_id, now if revoked else None)
            if name is None:
                raise IdentityNotFound(
                    f"This tenant has no {'active' if revoked else 'revoked'} identity {identity_id}."
                )
            action = "identity.revoke" if revoked else "identity.admit"
            await audit.record(connection, Act(actor, action, f"identity {identity_id}", tenant_id=tenant_id), now)
            await notify(connection, IDENTITY_CHANGED, str(identity_id))
        self._forget(identity_id)

    async def webhook_secret(self, tenant_id: UUID, key_id: UUID) -> bytes | None:
        """The secret that signs webhooks of a key; None for a revoked key."""
        async with self.database.read(tenant_id) as connection:
            principal = await self.principal_of_key(connection, tenant_id, key_id)
        return derive_webhook_secret(key_id, self.pepper) if principal else None

    async def show_webhook_secret(self, tenant_id: UUID, name: str, actor: str) -> str:
        """The secret as receivers configure it; the call is audited. name: of the key, or its prefix.

        Errors: KeyNotFound, KeyAmbiguous.
        """
        async with self.database.transaction(tenant_id) as connection:
            keys = await repository.find_active_keys(connection, name)
            if not keys:
                raise KeyNotFound(f"This tenant has no active key with the name or prefix '{name}'.")
            if len(keys) > 1:
                raise KeyAmbiguous(f"'{name}' is the name of {len(keys)} keys: {', '.join(k.prefix for k in keys)}.")
            act = Act(actor, "key.webhook_secret", f"key {keys[0].prefix}", tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
        return format_webhook_secret(derive_webhook_secret(keys[0].id, self.pepper))
