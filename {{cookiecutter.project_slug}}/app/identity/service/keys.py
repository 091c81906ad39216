import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.identity import repository
from app.identity.domain import (
    COMMAND_LINE,
    EVERY_ROLE,
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
    digest_of,
    make_key,
    parse_key,
    same,
    webhook_secret_of,
    webhook_secret_text,
)

REMEMBERED_SECONDS = 0.8
"""How long a proved key is believed without asking the database: a revoked key is refused within a second."""
MOST_REMEMBERED = 10_000
SERVICE = "app"
"""Who acts when nobody asked for it."""


@dataclass(frozen=True)
class Identity:
    """Tenants, keys and limits. limit: what one key may send to one process."""

    database: Database
    clock: Clock
    pepper: bytes
    limit: RateLimit
    _known: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)
    _asking: dict[bytes, asyncio.Future[Principal]] = field(default_factory=dict)

    async def authenticate(self, text: str) -> Principal:
        """The principal of a key. Errors: KeyInvalid, for a malformed, unknown and revoked key alike."""
        key = parse_key(text)
        digest = digest_of(key, self.pepper)
        now = self.clock.monotonic()
        remembered = self._known.get(digest)
        if remembered and remembered[0] > now:
            return remembered[1]
        principal = await self._prove_once(key, digest)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (now + REMEMBERED_SECONDS, principal)
        return principal

    async def _prove_once(self, key: NewKey, digest: bytes) -> Principal:
        """Many requests at once with one key ask the database once."""
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.ensure_future(self._prove(key, digest))
            asking.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(asking)

    async def _prove(self, key: NewKey, digest: bytes) -> Principal:
        async with self.database.transaction(None) as connection:
            row = await repository.find_key(connection, key.prefix)
        if not same(bytes(row.digest) if row else bytes(len(digest)), digest) or row is None:
            self._known.pop(digest, None)
            raise KeyInvalid()
        return Principal(row.tenant_id, row.id, row.name, frozenset(row.roles), frozenset(row.groups))

    async def holder(self, connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> Principal | None:
        """Who a key belongs to and what it may do at this very moment, in a transaction of its tenant; None for one
        that is not there or was revoked.
        """
        if key_id == COMMAND_LINE:
            return Principal(tenant_id, key_id, SERVICE, EVERY_ROLE)
        row = await repository.live_key(connection, key_id)
        if row is None:
            return None
        return Principal(row.tenant_id, key_id, row.name, frozenset(row.roles), frozenset(row.groups))

    def admit(self, principal: Principal) -> None:
        """Counts a request against its key's limit. Errors: RateLimited with the seconds to wait."""
        if wait := self.limit.wait(principal.key_id, self.clock.monotonic()):
            raise RateLimited(f"At most {self.limit.per_minute} requests a minute.", retry_after=wait)

    async def tenant(self, name: str) -> UUID:
        """Errors: TenantNotFound."""
        async with self.database.transaction(None) as connection:
            found = await repository.find_tenant(connection, name)
        if found is None:
            raise TenantNotFound(f"There is no tenant named '{name}'.")
        return found

    async def name_of(self, tenant_id: UUID) -> str:
        """How people call a tenant; its id where nobody does."""
        async with self.database.read(tenant_id) as connection:
            return await repository.name_of(connection, tenant_id) or str(tenant_id)

    async def ensure_tenant(self, name: str, actor: str = SERVICE) -> UUID:
        """The tenant of that name, made when it does not exist; two callers at once get the same one."""
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
        """A new key; its text is never to be had again. Errors: UnknownRole, BadGroup."""
        checked, readers = sorted(check_roles(frozenset(roles))), check_groups(groups)
        key, granted = make_key(), " ".join([*checked, *(f"group:{group}" for group in readers)])
        async with self.database.transaction(tenant_id) as connection:
            await repository.add_key(
                connection,
                id=new_id(),
                tenant_id=tenant_id,
                name=name,
                prefix=key.prefix,
                digest=digest_of(key, self.pepper),
                roles=checked,
                groups=readers,
            )
            act = Act(actor, "key.create", f"key {key.prefix}", after=granted, tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
        return key

    async def give_key(self, giver: Principal, name: str, roles: Iterable[str], groups: Iterable[str]) -> NewKey:
        """A new key of the giver's tenant, with roles that the giver could use itself.

        Errors: UnknownRole, RoleNotGranted.
        """
        check_grant(check_roles(frozenset(roles)), giver)
        return await self.create_key(giver.tenant_id, name, roles, groups, giver.name)

    async def list_keys(self, tenant_id: UUID) -> list[Row[Any]]:
        async with self.database.read(tenant_id) as connection:
            return await repository.keys(connection)

    async def revoke_key(self, tenant_id: UUID, prefix: str, actor: str = SERVICE) -> None:
        """From the next second on the key is refused everywhere. Errors: KeyNotFound."""
        async with self.database.transaction(tenant_id) as connection:
            roles = await repository.revoke(connection, prefix, self.clock.now())
            if roles is None:
                raise KeyNotFound(f"This tenant has no live key with the prefix '{prefix}'.")
            act = Act(actor, "key.revoke", f"key {prefix}", before=" ".join(roles), tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())

    async def webhook_secret(self, tenant_id: UUID, key_id: UUID) -> bytes | None:
        """What signs messages on behalf of a key; None for one that is revoked."""
        async with self.database.read(tenant_id) as connection:
            holder = await self.holder(connection, tenant_id, key_id)
        return webhook_secret_of(key_id, self.pepper) if holder else None

    async def show_webhook_secret(self, tenant_id: UUID, name: str, actor: str) -> str:
        """The same as text, for who checks the signatures; noted in the audit log. name: of the key, or its prefix.

        Errors: KeyNotFound, KeyAmbiguous.
        """
        async with self.database.transaction(tenant_id) as connection:
            found = await repository.live_keys(connection, name)
            if not found:
                raise KeyNotFound(f"This tenant has no live key with the name or prefix '{name}'.")
            if len(found) > 1:
                raise KeyAmbiguous(f"'{name}' is the name of {len(found)} keys: {', '.join(k.prefix for k in found)}.")
            act = Act(actor, "key.webhook_secret", f"key {found[0].prefix}", tenant_id=tenant_id)
            await audit.record(connection, act, self.clock.now())
        return webhook_secret_text(webhook_secret_of(found[0].id, self.pepper))
