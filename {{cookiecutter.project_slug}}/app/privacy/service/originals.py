"""Encrypts the original files that are not yet, or that an older key encrypts."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.encryption.domain import Sealed, Undecryptable
from app.encryption.service import TenantKeys
from app.ingestion.service.dependencies import ORIGINAL
from app.privacy.repository import stored_files

BATCH = 20
"""Files in one transaction: each may have 20 MB."""


@dataclass(frozen=True)
class Originals:
    database: Database
    clock: Clock
    keys: TenantKeys

    async def encrypt(self, tenant_id: UUID, actor: str) -> int:
        """Encrypt what the newest key of the tenant does not. May be interrupted and run again. Returns the number."""
        return await self._all(tenant_id, actor, "privacy.encrypt")

    async def decrypt(self, tenant_id: UUID, actor: str) -> int:
        """Store all files of the tenant as they were uploaded, before a return to an older version of the service."""
        return await self._all(tenant_id, actor, "privacy.decrypt")

    async def rotate(self, tenant_id: UUID, actor: str) -> int:
        """Make a new key for the tenant and encrypt all of its files with it. Returns their number."""
        await self.keys.rotate(tenant_id)
        return await self._all(tenant_id, actor, "privacy.rotate_key")

    async def rewrap(self, tenant_id: UUID) -> int:
        """Encrypt the keys of the tenant by the current master key. Returns their number."""
        return await self.keys.rewrap(tenant_id)

    async def verify(self, tenant_id: UUID) -> int:
        """Decrypt every file of the tenant and compare it with its digest. Returns their number.

        Errors: MasterKeyUnknown, Undecryptable.
        """
        verified, last = 0, b""
        async with self.database.read(tenant_id) as connection:
            while files := await stored_files.list_after(connection, tenant_id, last, BATCH):
                for digest, sealed in files:
                    if sha256(await self.keys.open(connection, tenant_id, ORIGINAL, sealed)).digest() != digest:
                        raise Undecryptable(f"The file {digest.hex()[:12]} of tenant {tenant_id} has other content.")
                verified, last = verified + len(files), files[-1][0]
        return verified

    async def _all(self, tenant_id: UUID, actor: str, action: str) -> int:
        changed = 0
        while some := await self._batch(tenant_id, encrypted=action != "privacy.decrypt"):
            changed += some
        if changed:
            async with self.database.transaction(tenant_id) as connection:
                act = Act(actor, action, "original files", after=f"{changed} files", tenant_id=tenant_id)
                await audit.record(connection, act, self.clock.now())
        return changed

    async def _batch(self, tenant_id: UUID, encrypted: bool) -> int:
        async with self.database.transaction(tenant_id) as connection:
            version = await self.keys.newest_version(connection, tenant_id) if encrypted else None
            files = await stored_files.list_outdated(connection, tenant_id, version, BATCH)
            for sha256, sealed in files:
                content = await self.keys.open(connection, tenant_id, ORIGINAL, sealed)
                new = (
                    await self.keys.seal(connection, tenant_id, ORIGINAL, content)
                    if encrypted
                    else Sealed(None, content)
                )
                await stored_files.replace(connection, tenant_id, sha256, new)
        return len(files)
