from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.locks import lock_name, lock_name_shared
from app.core.reasons import check_reason
from app.privacy.domain.requests import ErasureScope, HoldKind, LegalHold, LegalHoldNotFound, PrivacyRequest
from app.privacy.repository import receipts


@dataclass(frozen=True)
class LegalHolds:
    """What may not be erased for now, by a request or by its age."""

    database: Database
    clock: Clock

    async def place(self, tenant_id: UUID, kind: HoldKind, subject: UUID, actor: str, reason: str) -> LegalHold:
        """The same again, while it is in force, is that one. Errors: ReasonRequired."""
        hold = LegalHold(new_id(), tenant_id, kind, subject, check_reason(reason), actor, self.clock.now())
        async with self.database.transaction(tenant_id) as connection:
            await lock_name(connection, f"legal holds of {tenant_id}")
            await lock_name(connection, f"legal hold {kind} {subject}")
            if placed := await receipts.find_hold(connection, hold):
                return placed
            await receipts.add_hold(connection, hold)
            act = Act(actor, "privacy.hold", f"{kind} {subject}", hold.reason, tenant_id=tenant_id)
            await audit.record(connection, act, hold.placed_at)
        return hold

    async def lift(self, tenant_id: UUID, hold_id: UUID, actor: str, reason: str) -> None:
        """Errors: LegalHoldNotFound, ReasonRequired."""
        why, now = check_reason(reason), self.clock.now()
        async with self.database.transaction(tenant_id) as connection:
            if not await receipts.lift(connection, hold_id, lifted_by=actor, lifted_at=now):
                raise LegalHoldNotFound(f"This tenant has no legal hold {hold_id} in force.")
            act = Act(actor, "privacy.lift", f"legal hold {hold_id}", why, tenant_id=tenant_id)
            await audit.record(connection, act, now)

    async def list(self, tenant_id: UUID) -> Sequence[LegalHold]:
        """Those in force, the oldest first."""
        async with self.database.read(tenant_id) as connection:
            return await receipts.list_holds(connection, tenant_id)

    async def on(self, connection: AsyncConnection, tenant_id: UUID, scope: ErasureScope) -> LegalHold | None:
        """A hold on anything of the scope, or on a key that asked for an answer of it. None is placed from now on until
        the caller's transaction ends.
        """
        await lock_name_shared(connection, f"legal holds of {tenant_id}")
        askers = await receipts.askers_of(connection, tenant_id, scope.answers)
        subjects = (*scope.documents, *scope.answers, *scope.keys, *askers)
        holds = await receipts.holds_on(connection, tenant_id, subjects, scope.everything)
        return holds[0] if holds else None

    async def block(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> bool:
        """Whether one is on anything of the scope, as `on` says; then the receipt of the request says which."""
        hold = await self.on(connection, request.tenant_id, scope)
        if hold:
            await receipts.change(connection, request.id, state="blocked", blocked_by=hold.sentence)
        return hold is not None
