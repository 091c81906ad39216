"""Erases what a request names, store by store, and keeps its receipt.

A receipt says `done` in the transaction that finds nothing left. Each store is one transaction with its counter, so
that an erasure that was killed is continued where it stopped; until then it says `running`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.locks import lock_name
from app.core.reasons import check_reason
from app.encryption.domain import context_of
from app.encryption.ports import KeyManagement
from app.privacy.domain.requests import (
    ErasureScope,
    ErasureUnfinished,
    PrivacyRequest,
    PrivacyRequestNotFound,
    RequestKind,
    Selection,
)
from app.privacy.repository import receipts
from app.privacy.service.holds import LegalHolds
from app.privacy.service.search import ScopeSearch
from app.privacy.service.steps import Steps
from app.privacy.service.tombstones import TombstoneFile

MAX_PASSES = 3
"""What is written while an erasure runs is found by the next pass."""
JOB = "privacy.erase"
SEALED = "subject of a request of tenant"


@dataclass(frozen=True)
class Erasure:
    database: Database
    clock: Clock
    management: KeyManagement
    search: ScopeSearch
    steps: Steps
    holds: LegalHolds
    tombstones: TombstoneFile

    async def preview(self, tenant_id: UUID, selection: Selection) -> dict[str, int]:
        """How many documents, answers, actions, tickets and keys would be erased. Changes nothing.

        Errors: PrivacyContentNotFound, KeyNotFound, SubjectTooShort.
        """
        scope = await self.search.scope_of(tenant_id, selection)
        return {kind: len(ids) for kind, ids in scope.ids.items()}

    async def erase(self, tenant_id: UUID, selection: Selection, actor: str, reason: str) -> PrivacyRequest:
        """Erase everything that belongs to the selection, or nothing where a legal hold is on any of it.

        Errors: PrivacyContentNotFound, KeyNotFound, SubjectTooShort, ReasonRequired, ErasureUnfinished.
        """
        request = await self.request(tenant_id, selection, actor, reason)
        return await self.resume(tenant_id, request.id)

    async def request(self, tenant_id: UUID, selection: Selection, actor: str, reason: str) -> PrivacyRequest:
        """Queue an erasure; one of the same that is not done yet is queued again. Blocked where a legal hold is on it.

        Errors: PrivacyContentNotFound, KeyNotFound, SubjectTooShort, ReasonRequired.
        """
        why = check_reason(reason)
        scope = await self.search.scope_of(tenant_id, selection)
        request = await self.new_request("erase", tenant_id, selection, scope, actor, why)
        async with self.database.transaction(tenant_id) as connection:
            await lock_name(connection, f"erasure of {request.selector} {request.subject}")
            earlier = await receipts.find_unfinished(connection, request)
            if earlier is None:
                await self._store(connection, request)
        return await self.queue(tenant_id, earlier or request.id)

    async def queue(self, tenant_id: UUID, request_id: UUID) -> PrivacyRequest:
        """Have a worker do or continue an erasure, unless it is done or a legal hold is on any of it.

        Errors: PrivacyRequestNotFound.
        """
        request = await self._erasure(tenant_id, request_id)
        if request.state == "done" or not await self._is_free(request, await self.scope_of(request)):
            return await self.find(tenant_id, request_id)
        arguments = {"tenant_id": str(tenant_id), "privacy_request_id": str(request_id)}
        async with self.database.transaction(tenant_id) as connection:
            await enqueue(connection, JOB, lock=f"erasure {request_id}", **arguments)
        return await self.find(tenant_id, request_id)

    async def resume(self, tenant_id: UUID, request_id: UUID) -> PrivacyRequest:
        """Continue a request that was interrupted, or that a legal hold blocked. Does nothing to one that is done.

        Errors: PrivacyRequestNotFound, ErasureUnfinished.
        """
        request = await self._erasure(tenant_id, request_id)
        if request.state == "done":
            return request
        scope = await self.scope_of(request)
        if not await self._is_free(request, scope):
            return await self.find(tenant_id, request_id)
        await self.tombstones.append(request)
        for number in range(MAX_PASSES + 1):
            whole = await self._pass(request, scope, again=number > 0)
            if not whole or (left := await self._finish(request, scope)) is None:
                return await self.find(tenant_id, request_id)
            scope = left
        raise ErasureUnfinished("Text of the subject was written while it was being erased.")

    async def find(self, tenant_id: UUID, request_id: UUID) -> PrivacyRequest:
        """Errors: PrivacyRequestNotFound."""
        async with self.database.read(tenant_id) as connection:
            request = await receipts.find(connection, request_id)
        if request is None:
            raise PrivacyRequestNotFound(f"This tenant has no request {request_id}.")
        return request

    async def _erasure(self, tenant_id: UUID, request_id: UUID) -> PrivacyRequest:
        """Errors: PrivacyRequestNotFound, also for an export: what was to be exported is never erased."""
        request = await self.find(tenant_id, request_id)
        if request.kind != "erase":
            raise PrivacyRequestNotFound(f"The request {request_id} is an export, not an erasure.")
        return request

    async def requests(self, tenant_id: UUID, limit: int = 100) -> Sequence[PrivacyRequest]:
        """The newest first."""
        async with self.database.read(tenant_id) as connection:
            return await receipts.list_requests(connection, tenant_id, limit)

    async def running(self, tenant_id: UUID) -> Sequence[UUID]:
        """Erasures that were interrupted, or run in another process."""
        async with self.database.read(tenant_id) as connection:
            return await receipts.list_running(connection, tenant_id)

    async def new_request(
        self, kind: RequestKind, tenant_id: UUID, selection: Selection, scope: ErasureScope, actor: str, reason: str
    ) -> PrivacyRequest:
        """The receipt of a request. It names a subject by a keyed hash, and has the text encrypted for a restore."""
        is_id, hidden = selection.selector in ("document", "tenant"), re.compile(selection.pattern or "(?!)", re.I)
        sealed = await self.management.wrap(selection.value.encode(), context_of(tenant_id, SEALED))
        return PrivacyRequest(
            id=new_id(),
            tenant_id=tenant_id,
            kind=kind,
            selector=selection.selector,
            subject=selection.value if is_id else f"hash:{self.management.pseudonym(selection.value)}",
            sealed=sealed,
            master_key=self.management.current,
            reason=hidden.sub("[the subject]", reason),
            requested_by=hidden.sub("[the subject]", actor),
            requested_at=self.clock.now(),
            targets=scope.ids,
        )

    async def scope_of(self, request: PrivacyRequest) -> ErasureScope:
        """What the request names now, with what it named when it came: its ids are known after its text is gone."""
        async with self.database.read(request.tenant_id) as connection:
            return await self._scope(connection, request)

    async def _scope(self, connection: AsyncConnection, request: PrivacyRequest) -> ErasureScope:
        stored = ErasureScope(everything=request.selector == "tenant").with_ids(request.targets)
        if request.sealed is None:
            return stored
        context = context_of(request.tenant_id, SEALED)
        value = (await self.management.unwrap(request.sealed, request.master_key, context)).decode()
        selection = Selection(request.selector, value)
        unit = (f"{request.tenant_id}:{value}",) if request.selector == "conversation" else ()
        keys = await self.search.keys_of_asker(request.tenant_id, value) if request.selector == "asker" else stored.keys
        start = replace(stored, pattern=selection.pattern, units=unit, keys=keys)
        scope = await self.search.widen(connection, request.tenant_id, start)
        return replace(scope, keys=(), names=()) if request.selector == "asker" else scope

    async def receive(self, request: PrivacyRequest) -> None:
        """Store the receipt with its line in the audit log, before anything is erased or exported."""
        async with self.database.transaction(request.tenant_id) as connection:
            await self._store(connection, request)

    async def _store(self, connection: AsyncConnection, request: PrivacyRequest) -> None:
        await receipts.add(connection, request)
        await audit.record(connection, _act_of(request), self.clock.now())

    async def _is_free(self, request: PrivacyRequest, scope: ErasureScope) -> bool:
        """Whether it is not done yet and no legal hold is on anything of it; the receipt says which one is."""
        async with self.database.transaction(request.tenant_id) as connection:
            stored = await receipts.find(connection, request.id, lock=True)
            if stored is None or stored.state == "done":  # another process was quicker
                return False
            await receipts.change(connection, request.id, targets=scope.ids, state="running", blocked_by=None)
            return not await self.holds.block(connection, request, scope)

    async def _pass(self, request: PrivacyRequest, scope: ErasureScope, *, again: bool) -> bool:
        """Run each step that is not counted yet, or all of them again, and count it in the same transaction. False when
        a legal hold has been placed on anything of it meanwhile: nothing more goes.
        """
        for document in await self.steps.documents(request, scope):
            async with self.database.transaction(request.tenant_id) as connection:
                if await self.holds.block(connection, request, scope):
                    return False
                await self.steps.withdraw(request, document)
        for name, step in self.steps.steps:
            async with self.database.transaction(request.tenant_id) as connection:
                await lock_name(connection, f"erasure {request.id}")
                stored = await receipts.find(connection, request.id, lock=True)
                if stored is None or stored.state != "running" or (name in stored.counters and not again):
                    continue
                if await self.holds.block(connection, request, scope):
                    return False
                erased = await step(connection, request, scope)
                counters = {**stored.counters, name: stored.counters.get(name, 0) + erased}
                await receipts.change(connection, request.id, counters=counters)
        return True

    async def _finish(self, request: PrivacyRequest, scope: ErasureScope) -> ErasureScope | None:
        """None when nothing is left; then the receipt says so, and so does the audit log. Otherwise what is left."""
        async with self.database.transaction(request.tenant_id) as connection:
            # First: who waits for a step of another process must not keep the answers of the tenant waiting.
            await lock_name(connection, f"erasure {request.id}")
            await receipts.close(connection, request)
        async with self.database.transaction(request.tenant_id) as connection:
            await lock_name(connection, f"erasure {request.id}")
            stored = await receipts.find(connection, request.id, lock=True)
            if stored is None or stored.state == "done":
                return None
            now_named = await self._scope(connection, stored)
            left = await self.search.rest(connection, stored.tenant_id, now_named) or not now_named.is_within(scope)
            if left or await self.search.unerased(connection, stored.tenant_id, now_named):
                await receipts.change(connection, request.id, targets=now_named.ids)
                return now_named
            await self._done(connection, stored)
        return None

    async def _done(self, connection: AsyncConnection, request: PrivacyRequest) -> None:
        now, erased = self.clock.now(), sum(request.counters.values())
        await receipts.change(connection, request.id, state="done", ended_at=now)
        about, after = f"request {request.id}", f"{erased} rows"
        act = Act(request.requested_by, "privacy.erased", about, after=after, tenant_id=request.tenant_id)
        await audit.record(connection, act, now)


def _act_of(request: PrivacyRequest) -> Act:
    """What the audit log says of a request that has come."""
    return Act(
        request.requested_by,
        f"privacy.{request.kind}",
        f"{request.selector} {request.subject}",
        request.reason,
        after=f"request {request.id}",
        tenant_id=request.tenant_id,
    )
