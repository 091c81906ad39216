"""Encrypts stored content under a key of its tenant. Joins the caller's transactions."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.encryption import repository
from app.encryption.domain import Sealed, TenantKeyDestroyed, Undecryptable, WrappedKey, context_of
from app.encryption.ports import KeyManagement

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_CACHED_KEYS = 1000
DATA_KEY = "data key of tenant"


@dataclass(frozen=True)
class TenantKeys:
    """The data keys of all tenants; each is generated at the first write of its tenant."""

    database: Database
    management: KeyManagement
    clock: Clock
    _opened: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    async def tenants(self) -> Sequence[UUID]:
        """Every tenant of the service, the oldest first."""
        async with self.database.read(None) as connection:
            return await repository.tenants(connection)

    async def seal(self, connection: AsyncConnection, tenant_id: UUID, purpose: str, content: bytes) -> Sealed:
        """purpose: `open` needs the same one."""
        key = await self._newest(connection, tenant_id)
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(await self._opened_key(tenant_id, key))
        return Sealed(key.version, nonce + cipher.encrypt(nonce, content, context_of(tenant_id, purpose)))

    async def open(self, connection: AsyncConnection, tenant_id: UUID, purpose: str, sealed: Sealed) -> bytes:
        """Content from before there was encryption is returned as it is.

        Errors: TenantKeyDestroyed, Undecryptable, MasterKeyNotFound.
        """
        if sealed.version is None:
            return sealed.content
        key = await repository.find(connection, tenant_id, sealed.version)
        if key is None:
            raise Undecryptable(f"Version {sealed.version} of the key of tenant {tenant_id} is not stored.")
        nonce, encrypted = sealed.content[:NONCE_BYTES], sealed.content[NONCE_BYTES:]
        cipher = AESGCM(await self._opened_key(tenant_id, key))
        try:
            return cipher.decrypt(nonce, encrypted, context_of(tenant_id, purpose))
        except InvalidTag as error:
            raise Undecryptable(f"Content of tenant {tenant_id} was changed after it was stored.") from error

    async def newest_version(self, connection: AsyncConnection, tenant_id: UUID) -> int:
        """Of the data key that `seal` uses, which is made where there is none."""
        return (await self._newest(connection, tenant_id)).version

    async def rotate(self, tenant_id: UUID) -> int:
        """A new data key for what is stored from now on. Returns its version."""
        async with self.database.transaction(tenant_id) as connection:
            newest = await repository.newest(connection, tenant_id)
            return (await self._create(connection, tenant_id, newest.version + 1 if newest else 1)).version

    async def rewrap(self, tenant_id: UUID) -> int:
        """Encrypt the tenant's data keys under the current master key. Returns the number of those that were not."""
        async with self.database.transaction(tenant_id) as connection:
            keys = await repository.list_usable(connection, tenant_id)
            old = [key for key in keys if key.master_key != self.management.current]
            for key in old:
                wrapped = await self._wrap(tenant_id, key.version, await self._opened_key(tenant_id, key))
                await repository.rewrap(connection, tenant_id, wrapped)
        return len(old)

    async def destroy(self, connection: AsyncConnection, tenant_id: UUID) -> int:
        """Crypto-erase: what these keys encrypted can be read by nobody after the commit. Returns their number."""
        return await repository.destroy(connection, tenant_id, self.clock.now())

    async def _newest(self, connection: AsyncConnection, tenant_id: UUID) -> WrappedKey:
        newest = await repository.newest(connection, tenant_id)
        if newest and newest.wrapped is not None:
            return newest
        return await self._create(connection, tenant_id, newest.version + 1 if newest else 1)

    async def _create(self, connection: AsyncConnection, tenant_id: UUID, version: int) -> WrappedKey:
        created = await self._wrap(tenant_id, version, AESGCM.generate_key(KEY_BYTES * 8))
        await repository.add(connection, tenant_id, created, self.clock.now())
        return await repository.find(connection, tenant_id, version) or created

    async def _wrap(self, tenant_id: UUID, version: int, key: bytes) -> WrappedKey:
        wrapped = await self.management.wrap(key, context_of(tenant_id, DATA_KEY))
        return WrappedKey(version, wrapped, self.management.current)

    async def _opened_key(self, tenant_id: UUID, key: WrappedKey) -> bytes:
        """Cached by its encrypted form, which is read each time: a key that was destroyed is gone at once.

        Errors: TenantKeyDestroyed.
        """
        if key.wrapped is None:
            raise TenantKeyDestroyed(f"Version {key.version} of the key of tenant {tenant_id} was destroyed.")
        if (opened := self._opened.get(key.wrapped)) is None:
            opened = await self.management.unwrap(key.wrapped, key.master_key, context_of(tenant_id, DATA_KEY))
            if len(self._opened) >= MAX_CACHED_KEYS:
                self._opened.clear()
            self._opened[key.wrapped] = opened
        return opened
