"""Tombstones: what was erased, in a file outside of the database, so that a restored backup is erased again."""

import asyncio
import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from app.core.database import Database
from app.privacy.domain.requests import PrivacyRequest, TombstonesUnusable
from app.privacy.repository import receipts

if TYPE_CHECKING:
    from app.privacy.service.erasure import Erasure


@dataclass(frozen=True)
class TombstoneFile:
    """A JSON line for each erasure. It holds ids, and the subject encrypted by the master key: no text of anybody."""

    path: Path

    async def append(self, request: PrivacyRequest) -> None:
        """Does nothing for a request that is there. Written through to the disk before the erasure begins."""
        await asyncio.to_thread(self._append, request)

    async def read(self) -> Sequence[PrivacyRequest]:
        """Each request once, the oldest first. Errors: TombstonesUnusable."""
        return await asyncio.to_thread(self._read)

    def _append(self, request: PrivacyRequest) -> None:
        if self.path.exists() and str(request.id) in self.path.read_text(encoding="utf-8"):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_as_json(request)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> Sequence[PrivacyRequest]:
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines()
        try:
            requests = [_of_json(json.loads(line)) for line in lines if line.strip()]
        except (ValueError, KeyError, TypeError) as error:
            raise TombstonesUnusable(f"{self.path} is not a file of tombstones.") from error
        return list({each.id: each for each in requests}.values())


def _as_json(request: PrivacyRequest) -> dict[str, object]:
    return {
        "id": str(request.id),
        "tenant_id": str(request.tenant_id),
        "selector": request.selector,
        "subject": request.subject,
        "sealed": base64.b64encode(request.sealed or b"").decode(),
        "master_key": request.master_key,
        "reason": request.reason,
        "requested_by": request.requested_by,
        "requested_at": request.requested_at.isoformat(),
        "targets": dict(request.targets),
    }


def _of_json(stored: dict[str, object]) -> PrivacyRequest:
    return PrivacyRequest(
        id=UUID(str(stored["id"])),
        tenant_id=UUID(str(stored["tenant_id"])),
        kind="erase",
        selector=stored["selector"],  # type: ignore[arg-type]  # the database checks it
        subject=str(stored["subject"]),
        sealed=base64.b64decode(str(stored["sealed"])) or None,
        master_key=str(stored["master_key"]),
        reason=str(stored["reason"]),
        requested_by=str(stored["requested_by"]),
        requested_at=datetime.fromisoformat(str(stored["requested_at"])),
        targets=stored["targets"],  # type: ignore[arg-type]
        reapplied=True,
    )


@dataclass(frozen=True)
class Tombstones:
    """Applies the file to a database that was restored from a backup."""

    database: Database
    file: TombstoneFile
    erasure: "Erasure"

    async def missing(self, tenants: Sequence[UUID]) -> Sequence[PrivacyRequest]:
        """Erasures of these tenants that this database does not know: it is older than they are.

        Errors: TombstonesUnusable.
        """
        requests = [each for each in await self.file.read() if each.tenant_id in tenants]
        known: set[UUID] = set()
        for tenant_id in {each.tenant_id for each in requests}:
            async with self.database.read(tenant_id) as connection:
                known |= await receipts.known(connection, [each.id for each in requests if each.tenant_id == tenant_id])
        return [each for each in requests if each.id not in known]

    async def reapply(self, tenants: Sequence[UUID]) -> Sequence[PrivacyRequest]:
        """Erase again what a restored backup has brought back. May be interrupted and run again.

        Errors: TombstonesUnusable, ErasureUnfinished.
        """
        missing = await self.missing(tenants)
        for request in missing:
            await self.erasure.receive(request)
        return [await self.erasure.resume(request.tenant_id, request.id) for request in missing]
