"""Proposed actions: checked, stored with their answer, approved or rejected, and listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions import repository
from app.actions.domain import (
    END_STATES,
    REVIEW_JOB,
    REVIEW_QUEUE,
    RUN_JOB,
    RUN_QUEUE,
    ActionChanged,
    ActionEnded,
    ActionNotFound,
    ActionOffer,
    ActionPolicy,
    ActionProposal,
    ActionState,
    ArgumentOrigins,
    ArgumentSources,
    InvalidArguments,
    NewAction,
    ProposalRefused,
    StoredAction,
    is_bound_to,
    refused_argument,
)
from app.actions.ports import Action
from app.actions.service.arguments import listed_values, parse_arguments
from app.actions.service.catalogue import ActionCatalogue
from app.actions.service.ending import announce_end, find_action
from app.actions.service.external_actions import tool_of
from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.json_types import JsonObject
from app.core.locks import lock_name
from app.core.telemetry import counter
from app.identity.domain import Principal
from app.releases.domain import digest_of

SEE_ALL_PERMISSION = "reviews:read"

STORED = counter("app_actions_entered_total", "Actions stored, by action and first state", ("action", "state"))


@dataclass(frozen=True)
class ActionProposals:
    """clock: None is the database's time, which all processes share."""

    database: Database
    catalogue: ActionCatalogue
    waiting: ChangeWaiter
    clock: Clock | None = None

    async def propose(
        self,
        policy: ActionPolicy,
        caller: Principal,
        answer_id: UUID,
        release_id: str,
        offers: Sequence[ActionOffer],
        name: str,
        arguments: str,
        earlier: Sequence[ActionProposal],
        sources: ArgumentSources | None = None,
    ) -> ActionProposal | ProposalRefused:
        """Checks a tool call of a model. Stores nothing.

        arguments: JSON as the model wrote it. earlier: what was proposed for the same answer before.
        sources: what the model has read, for the origins of the arguments; None where no model proposes.
        """
        if name not in (listed := [offer.name for offer in offers]):
            return ProposalRefused(
                "not_offered", f"That action is not offered; there are: {', '.join(listed) or 'none'}."
            )
        action = self.catalogue.registry.of(policy)[name]
        checked = _checked(policy, action, arguments, sources)
        if isinstance(checked, ProposalRefused):
            return checked
        if len(earlier) >= policy.max_per_answer:
            return ProposalRefused("limit_reached", f"One answer has at most {policy.max_per_answer} actions.")
        per_hour = policy.offered[name].per_hour
        async with self.database.read(caller.tenant_id) as connection:
            now = await moment(connection, self.clock)
            recent = await repository.count_recent(connection, caller.key_id, name, now)
        if recent + sum(each.action == name for each in earlier) >= per_hour:
            return ProposalRefused("limit_reached", f"{name} is limited to {per_hour} times an hour.")
        return ActionProposal(
            id=new_id(),
            tenant_id=caller.tenant_id,
            answer_id=answer_id,
            key_id=caller.key_id,
            requester=caller.name,
            release_id=release_id,
            action=name,
            risk=action.risk,
            arguments=checked.arguments,
            nonce=new_id(),
            created_at=now,
            per_hour=per_hour,
            origins=checked.origins,
            tool=tool_of(action),
        )

    async def store(self, connection: AsyncConnection, actions: Sequence[NewAction]) -> None:
        """Stores actions in the transaction of the answer that they were proposed for, and enqueues their jobs. An
        action that has come over its limit in the meantime is stored as failed.
        """
        now = await moment(connection, self.clock)
        # Sorted, so that two answers take their locks in the same order.
        for action in sorted(actions, key=lambda each: (each.proposal.key_id.int, each.proposal.action)):
            proposal, over_limit = action.proposal, False
            if action.state != "done":
                await lock_name(connection, f"actions {proposal.key_id} {proposal.action}")
                recent = await repository.count_recent(connection, proposal.key_id, proposal.action, now)
                over_limit = recent >= proposal.per_hour
            state: ActionState = "failed" if over_limit else action.state
            await repository.add(connection, action, state, "limit_reached" if over_limit else "", now)
            if not over_limit:
                await _enqueue_jobs(connection, action)
            STORED.labels(proposal.action, state).inc()

    async def find(self, connection: AsyncConnection, action_id: UUID, lock: bool = False) -> StoredAction:
        """lock: until the end of the transaction. Errors: ActionNotFound."""
        return await find_action(connection, action_id, lock)

    async def approve(
        self, connection: AsyncConnection, action_id: UUID, payload: bytes, approved: str, by: str, at: datetime
    ) -> None:
        """Lets a waiting action run with `payload`, which must be what was approved. approved: its SHA-256.

        Errors: ActionNotFound, ActionChanged, ActionEnded when it has already been decided.
        """
        action = await find_action(connection, action_id, lock=True)
        if digest_of(payload) != approved:
            raise ActionChanged(f"What would run has the SHA-256 {digest_of(payload)[:12]}, not {approved[:12]}.")
        if not is_bound_to(action, payload):
            raise ActionChanged("What would run is not of this action, requester, release and nonce.")
        edited = payload != action.payload
        if not await repository.approve(connection, action_id, payload, approved, by, edited, at):
            raise ActionEnded(f"Action {action_id} is {action.state}.")
        await enqueue(connection, RUN_JOB, queue=RUN_QUEUE, **_job_arguments(action.tenant_id, action_id))

    async def reject(
        self, connection: AsyncConnection, action_id: UUID, state: ActionState, by: str, reason: str, at: datetime
    ) -> None:
        """Ends a waiting action without running it. state: rejected or expired. Errors: ActionNotFound, ActionEnded."""
        action = await find_action(connection, action_id, lock=True)
        if not await repository.end(connection, action_id, "waiting", state, f"{by}: {reason}", None, at):
            raise ActionEnded(f"Action {action_id} is {action.state}.")
        await announce_end(connection, action, state, at)

    async def show(self, caller: Principal, action_id: UUID, wait: float = 0.0) -> StoredAction:
        """An action in its present state, for its requester and for reviewers. wait: seconds to wait for its end.

        Errors: ActionNotFound.
        """

        async def read() -> StoredAction:
            async with self.database.read(caller.tenant_id) as connection:
                action = await repository.find_readable(connection, action_id, caller.groups)
            if action is None or (action.key_id != caller.key_id and not caller.may(SEE_ALL_PERMISSION)):
                raise ActionNotFound(f"There is no action {action_id}.")
            return action

        return await self.waiting.until(action_id, read, lambda action: action.state in END_STATES, wait)

    async def list(
        self,
        caller: Principal,
        state: ActionState | None = None,
        action: str | None = None,
        answer_id: UUID | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[StoredAction]:
        """The caller's own actions, or to reviewers all of the tenant; the newest first. before: an action's id."""
        key_id = None if caller.may(SEE_ALL_PERMISSION) else caller.key_id
        filters = {"key_id": key_id, "state": state, "action": action, "answer_id": answer_id}
        async with self.database.read(caller.tenant_id) as connection:
            return await repository.find_page(connection, caller.groups, filters, before, limit)


class _Checked(NamedTuple):
    arguments: JsonObject
    origins: ArgumentOrigins


def _checked(
    policy: ActionPolicy, action: Action, arguments: str, sources: ArgumentSources | None
) -> _Checked | ProposalRefused:
    """The arguments with their origins, when both are allowed."""
    try:
        parsed = parse_arguments(action, arguments)
    except InvalidArguments as error:
        return ProposalRefused("arguments_invalid", error.detail)
    origins = sources.origins_of(parsed, listed_values(action)) if sources else {}
    if wrong := refused_argument(origins, policy.offered[action.name].arguments):
        return ProposalRefused("origin_refused", f"'{wrong[0]}' must not come from {' or '.join(wrong[1])}.")
    return _Checked(parsed, origins)


async def _enqueue_jobs(connection: AsyncConnection, action: NewAction) -> None:
    arguments = _job_arguments(action.proposal.tenant_id, action.proposal.id)
    if action.state == "approved":
        await enqueue(connection, RUN_JOB, queue=RUN_QUEUE, **arguments)
    if action.terms is not None:
        await enqueue(connection, REVIEW_JOB, queue=REVIEW_QUEUE, **arguments)


def _job_arguments(tenant_id: UUID, action_id: UUID) -> dict[str, str]:
    return {"tenant_id": str(tenant_id), "action_id": str(action_id)}
