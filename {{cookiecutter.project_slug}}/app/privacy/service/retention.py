"""Erases what is older than policies/privacy.yaml allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.operation_runs import record_run
from app.core.operations import OperationRun
from app.core.retention import RetentionRules
from app.identity.domain import ALL_ROLES, COMMAND_LINE, Principal
from app.ingestion.domain.documents import QuarantineDecided, QuarantineNotFound
from app.privacy.domain.requests import ErasureScope, PrivacyRequest
from app.privacy.repository import aged
from app.privacy.service.holds import LegalHolds
from app.privacy.service.search import ScopeSearch
from app.privacy.service.steps import Steps

ACTOR = "retention"
BATCH = 500
"""Erased in one transaction."""


@dataclass(frozen=True)
class Retention:
    database: Database
    clock: Clock
    search: ScopeSearch
    steps: Steps
    holds: LegalHolds
    rules: RetentionRules

    async def expire(self, tenant_id: UUID) -> dict[str, int]:
        """Erase what is too old, of each kind; kinds without anything are left out. The audit log says how much."""
        counts = {kind: await self._expire(tenant_id, kind, days) for kind, days in self.rules if days is not None}
        expired = {kind: count for kind, count in counts.items() if count}
        if expired:
            async with self.database.transaction(tenant_id) as connection:
                what = ", ".join(f"{count} {kind}" for kind, count in expired.items())
                act = Act(ACTOR, "privacy.expire", "content", after=what, tenant_id=tenant_id)
                await audit.record(connection, act, self.clock.now())
        return expired

    async def record_sweep(self, tenants: int, failed: int) -> None:
        """Records a sweep over all tenants as evidence that it takes place; one that failed for a tenant did not
        pass.
        """
        detail = f"{tenants} tenants, {failed} of them failed"
        run = OperationRun("retention", self.clock.now(), ACTOR, failed == 0, detail=detail)
        async with self.database.transaction(None) as connection:
            await record_run(connection, run)

    async def _expire(self, tenant_id: UUID, kind: str, days: int) -> int:
        before = self.clock.now() - timedelta(days=days)
        if kind in aged.DELETED:
            async with self.database.transaction(tenant_id) as connection:
                return await aged.delete(connection, kind, tenant_id, before)
        erase = self._discard if kind == "quarantined_files" else partial(self._erase, kind)
        total = 0
        while True:
            async with self.database.read(tenant_id) as connection:
                ids = await aged.find(connection, kind, tenant_id, before, BATCH)
            erased = await erase(tenant_id, ids)
            total += erased
            # What is left of a batch is under a hold: the next run tries again.
            if len(ids) < BATCH or erased < len(ids):
                return total

    async def _discard(self, tenant_id: UUID, entries: Sequence[UUID]) -> int:
        caller, discarded = Principal(tenant_id, COMMAND_LINE, ACTOR, ALL_ROLES), 0
        for entry in entries:
            try:
                await self.steps.ingestion.discard(caller, entry, "kept for as long as policies/privacy.yaml allows")
                discarded += 1
            except (QuarantineDecided, QuarantineNotFound):
                continue
        return discarded

    async def _erase(self, kind: str, tenant_id: UUID, ids: Sequence[UUID]) -> int:
        if not ids or await self._erase_unheld(tenant_id, kind, ids):
            return len(ids)
        # A hold is on something that was derived from one of them: all others go.
        return sum([await self._erase_unheld(tenant_id, kind, [each]) for each in ids])

    async def _erase_unheld(self, tenant_id: UUID, kind: str, ids: Sequence[UUID]) -> bool:
        """In one transaction, or nothing where a legal hold is on any of it."""
        start = ErasureScope(
            answers=tuple(ids) if kind == "answers" else (),
            documents=tuple(ids) if kind == "deleted_documents" else (),
            tickets=tuple(ids) if kind == "tickets" else (),
        )
        async with self.database.transaction(tenant_id) as connection:
            scope = await self.search.widen(connection, tenant_id, start)
            if await self.holds.on(connection, tenant_id, scope):
                return False
            request = _unstored(tenant_id, self.clock)
            for _, step in self.steps.steps:
                await step(connection, request, scope)
        return True


def _unstored(tenant_id: UUID, clock: Clock) -> PrivacyRequest:
    """Steps say in whose name they run; there is no receipt of what goes by its age."""
    return PrivacyRequest(
        new_id(), tenant_id, "erase", "tenant", str(tenant_id), None, "", "too old", ACTOR, clock.now()
    )
