"""Runs actions: reads at once, everything else once it is approved."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions import repository
from app.actions.domain import (
    PROPOSE_PERMISSION,
    ActionProposal,
    ActionRun,
    ActionState,
    ExecutionFault,
    ProposalRefused,
    StoredAction,
    execution_fault,
)
from app.actions.ports import Action
from app.actions.service.catalogue import ActionCatalogue
from app.actions.service.ending import announce_end, find_action
from app.actions.service.external_actions import ExternalAction, tool_of
from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.errors import Problem
from app.core.genai import execute_tool
from app.core.json_types import JsonObject
from app.identity.domain import Principal
from app.identity.service import Identity

log = structlog.get_logger(__name__)


class RunResult(NamedTuple):
    state: ActionState
    reason: str
    result: JsonObject | None = None


@dataclass(frozen=True)
class ActionExecution:
    """clock: None is the database's time, which all processes share."""

    database: Database
    identity: Identity
    catalogue: ActionCatalogue
    clock: Clock | None = None

    async def run_read(
        self, caller: Principal, proposal: ActionProposal, documents: set[UUID]
    ) -> JsonObject | ProposalRefused:
        """Runs an action of risk class `read`, in a read-only transaction. A failure is returned in words.

        documents: what the model has read so far; the sources of the result are added.
        """
        if proposal.risk != "read":
            raise ValueError(f"{proposal.action} does more than read")
        action = self.catalogue.registry.bound(proposal.action, proposal.tool)
        if action is None or tool_of(action) != proposal.tool:
            return ProposalRefused("failed", "That action is not the one any more that was offered.")
        run = ActionRun(
            proposal.id,
            proposal.tenant_id,
            proposal.requester,
            proposal.created_at,
            groups=caller.groups,
            documents=documents,
        )
        try:
            arguments = action.arguments.model_validate(proposal.arguments)
            if isinstance(action, ExternalAction):  # no connection waits for another server
                return await action.call(run, arguments)
            async with self.database.read(proposal.tenant_id) as connection:
                return await action.run(connection, run, arguments)
        except Problem as problem:
            if _is_temporary(problem):
                raise
            return ProposalRefused("failed", problem.detail)

    async def run(self, tenant_id: UUID, action_id: UUID) -> None:
        """Runs an approved action in one transaction with the proof that it ran: exactly once, however often and by
        however many workers this is called. An action that differs from what was approved fails and never runs.
        """
        async with self.database.transaction(tenant_id) as connection:
            action = await find_action(connection, action_id, lock=True)
            if action.state != "approved":
                return
            now = await moment(connection, self.clock)
            with execute_tool(action.action, str(action.id)):
                ended = await self._run_approved(connection, action, now)
            await repository.end(connection, action_id, "approved", ended.state, ended.reason, ended.result, now)
            await _audit(connection, action, ended.state, ended.reason, now)
            await announce_end(connection, action, ended.state, now)
        if ended.state == "failed":
            log.warning("actions.run_failed", action=action.action, action_id=str(action_id), reason=ended.reason)

    async def give_up(self, tenant_id: UUID, action_id: UUID, reason: str) -> None:
        """Fails an approved action that no attempt could run. An action that has ended stays as it is."""
        async with self.database.transaction(tenant_id) as connection:
            action = await find_action(connection, action_id, lock=True)
            now = await moment(connection, self.clock)
            if await repository.end(connection, action_id, "approved", "failed", reason, None, now):
                await _audit(connection, action, "failed", reason, now)
                await announce_end(connection, action, "failed", now)

    async def _run_approved(self, connection: AsyncConnection, stored: StoredAction, now: datetime) -> RunResult:
        if fault := execution_fault(stored):
            return RunResult("failed", fault)
        action = self.catalogue.registry.bound(stored.action, stored.tool)
        fault = await self._requester_fault(connection, stored, action)
        if fault is None and not await repository.claim_nonce(connection, stored, now):
            fault = "nonce_used"
        if fault or action is None:
            return RunResult("failed", fault or "action_gone")
        run = ActionRun(stored.id, stored.tenant_id, stored.requester, now, documents=set(stored.documents))
        try:
            # A failure rolls back what the action wrote, and keeps the record that it was tried.
            async with connection.begin_nested():
                arguments = action.arguments.model_validate(stored.arguments)
                return RunResult("done", "", await action.run(connection, run, arguments))
        except Problem as problem:
            if _is_temporary(problem):
                raise
            return RunResult("failed", f"{problem.code}: {problem.detail}")

    async def _requester_fault(
        self, connection: AsyncConnection, stored: StoredAction, action: Action | None
    ) -> ExecutionFault | None:
        requester = await self.identity.principal_of_key(connection, stored.tenant_id, stored.key_id)
        if requester is None:
            return "requester_gone"
        if action is None:
            return "action_gone"
        if tool_of(action) != stored.tool:
            return "tool_changed"
        return None if requester.may(PROPOSE_PERMISSION) and requester.may(action.scope) else "scope_lost"


async def _audit(
    connection: AsyncConnection, action: StoredAction, state: ActionState, reason: str, at: datetime
) -> None:
    explanation = reason or (f"approved by {action.approved_by}" if action.approved_by else "no review rule applied")
    event = "action.run" if state == "done" else "action.fail"
    act = Act(action.requester, event, str(action.id), explanation, action.approved_digest, state, action.tenant_id)
    await audit.record(connection, act, at)


def _is_temporary(problem: Problem) -> bool:
    """Whether the same call may succeed later."""
    return problem.retry_after is not None or problem.status >= 500
