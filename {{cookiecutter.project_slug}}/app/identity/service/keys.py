import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.identity import repository
from app.identity.domain import (
    ALL_ROLES,
    COMMAND_LINE,
    ApiKey,
    KeyAmbiguous,
    KeyInvalid,
    KeyNotFound,
    NewKey,
    Principal,
    RateLimit,
    RateLimited,
    TenantNotFound,
    check_grant,
    check_groups,
    check_roles,
    derive_webhook_secret,
    digest_of,
    digests_equal,
    format_webhook_secret,
    generate_key,
    parse_key,
)

CACHE_SECONDS = 0.8
"""How long a verified key is cached: a revoked key is rejected within a second."""
MAX_CACHED_KEYS = 10_000
SERVICE = "app"
"""The actor in the audit log when no person or key acts."""


@dataclass(frozen=True)
class Identity:
    """Tenants, API keys and their rate limit. limit: for one key in one process."""

    database: Database
    clock: Clock
    pepper: bytes
    limit: RateLimit
    _cache: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)
    _pending: dict[bytes, asyncio.Future[Principal]] = field(default_factory=dict)

    async def authenticate(self, text: str) -> Principal:
        """The principal of a key. Errors: KeyInvalid, for a malformed, unknown and revoked key alike."""
        key = parse_key(text)
        digest = digest_of(key, self.pepper)
        now = self.clock.monotonic()
        cached = self._cache.get(digest)
        if cached and cached[0] > now:
            return cached[1]
        principal = await self._verify_once(key, digest)
        if len(self._cache) >= MAX_CACHED_KEYS:
            self._cache.clear()
        self._cache[digest] = (now + CACHE_SECONDS, principal)
        return principal

    async def _verify_once(self, key: NewKey, digest: bytes) -> Principal:
        """Concurrent requests with the same key share one query."""
        pending = self._pending.get(digest)
        if pending is None:
            pending = self._pending[digest] = asyncio.ensure_future(self._verify(key, digest))
            pending.add_done_callback(lambda _: self._pending.pop(digest, None))
        return await asyncio.shield(pending)

    async def _verify(self, key: NewKey, digest: bytes) -> Principal:
        async with self.database.transaction(None) as connection:
            row = await repository.find_key(connection, key.prefix)
        if not digests_equal(bytes(row.digest) if row else bytes(len(digest)), digest) or row is None:
            self._cache.pop(digest, None)
            raise KeyInvalid()
        return Principal(row.tenant_id, row.id, row.name, frozenset(row.roles), frozenset(row.groups))

    async def principal_of_key(self, connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> Principal | None:
        """The principal of a key, read in a transaction of its tenant; None for a missing or revoked key."""
        if key_id == COMMAND_LINE:
            return Principal(tenant_id, key_id, SERVICE, ALL_ROLES)
        row = await repository.find_active_key(connection, key_id)
        if row is None:
            return None
        return Principal(row.tenant_id, key_id, row.name, frozenset(row.roles), frozenset(row.groups))

    def check_rate_limit(self, principal: Principal) -> None:
        """Counts a request against its key's limit. Errors: RateLimited with the seconds to wait."""
        if wait := self.limit.seconds_to_wait(principal.key_id, self.clock.monotonic()):
            raise RateLimited(f"At most {self.limit.per_minute} requests a minute.", retry_after=wait)

    async def tenant(self, name: str) -> UUID:
        """Errors: TenantNotFound."""
        async with self.database.transaction(None) as connection:
            tenant_id = await repository.find_tenant(connection, name)
        if tenant_id is None:
            raise TenantNotFound(f"There is no tenant named '{name}'.")
        return tenant_id

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
        self, tenant_id: UUID, name: str, roles: Iterable[str], groups: Iterable[str] = (), actor: str = SERVICE
    ) -> NewKey:
        """A new key; its text cannot be read again. Errors: InvalidRole, InvalidGroupName."""
        role_names, group_names = sorted(check_roles(frozenset(roles))), check_groups(groups)
        key = generate_key()
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
            )
            act = Act(actor, "key.create", f"key {key.prefix}", after=granted, tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
        return key

    async def grant_key(self, granter: Principal, name: str, roles: Iterable[str], groups: Iterable[str]) -> NewKey:
        """A new key of the granter's tenant, with roles that the granter has itself.

        Errors: InvalidRole, RoleNotGranted.
        """
        check_grant(check_roles(frozenset(roles)), granter)
        return await self.create_key(granter.tenant_id, name, roles, groups, granter.name)

    async def list_keys(self, tenant_id: UUID) -> list[ApiKey]:
        """The oldest first."""
        async with self.database.read(tenant_id) as connection:
            return await repository.list_keys(connection)

    async def revoke_key(self, tenant_id: UUID, prefix: str, actor: str = SERVICE) -> None:
        """The key is rejected everywhere within a second. Errors: KeyNotFound."""
        async with self.database.transaction(tenant_id) as connection:
            roles = await repository.revoke(connection, prefix, self.clock.now())
            if roles is None:
                raise KeyNotFound(f"This tenant has no active key with the prefix '{prefix}'.")
            act = Act(actor, "key.revoke", f"key {prefix}", before=" ".join(roles), tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())

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
