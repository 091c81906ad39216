"""What models propose, from the proposal to the one moment in which it is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions import repository
from app.actions.domain import (
    ENDS,
    REVIEW_JOB,
    REVIEW_QUEUE,
    RUN_JOB,
    RUN_QUEUE,
    ActionChanged,
    ActionEnded,
    ActionNotFound,
    ActionPolicy,
    ActionUnknown,
    ArgumentsRefused,
    Entered,
    Entry,
    Fault,
    Offer,
    Proposal,
    Refused,
    Run,
    State,
    bound_by,
    fault_in,
)
from app.actions.ports import Action
from app.actions.service.proposing import offer_of, read_arguments
from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, moment, notify
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.locks import lock_name
from app.core.telemetry import counter, span
from app.core.waiting import Waiting
from app.identity.domain import Principal
from app.identity.service import Identity
from app.releases.domain import canonical_json, digest_of
from app.webhooks.domain import SEND_JOB, SEND_QUEUE

log = structlog.get_logger(__name__)

ENDED = "action_ended"
"""The channel on which every process hears that an action need not be waited for any more."""
PROPOSE = "actions:propose"
SEES_ALL = "reviews:read"

_entered = counter("app_actions_entered_total", "Actions that were entered", ("action", "state"))
_ended = counter("app_actions_ended_total", "Actions that ended, by what became of them", ("action", "state"))


@dataclass(frozen=True)
class Actions:
    """The actions there are, by name, and the book of those that were proposed.

    live: the policy of the release that is live. clock: None is the database's time, which all processes share.
    """

    database: Database
    identity: Identity
    registry: Mapping[str, Action]
    live: Callable[[], ActionPolicy]
    waiting: Waiting
    clock: Clock | None = None

    @cached_property
    def _offers(self) -> Mapping[str, Offer]:
        return {name: offer_of(action) for name, action in self.registry.items()}

    def catalogue(self, policy: ActionPolicy | None = None) -> tuple[Offer, ...]:
        """What may be proposed at all; by the live release's policy where none is named."""
        policy = policy or self.live()
        return tuple(self._offers[name] for name in sorted(policy.offered.keys() & self._offers.keys()))

    def offers(self, policy: ActionPolicy, caller: Principal, names: Sequence[str]) -> tuple[Offer, ...]:
        """Those of the named actions, each once, for which the caller has the permission.

        Errors: ActionUnknown, NotAllowed.
        """
        known = {offer.name: offer for offer in self.catalogue(policy)}
        if unknown := [name for name in names if name not in known]:
            listed = ", ".join(known) or "none"
            raise ActionUnknown(f"There is no action '{unknown[0]}' here; there are: {listed}.")
        if names:
            caller.require(PROPOSE)
        found = tuple(known[name] for name in dict.fromkeys(names))
        for offer in found:
            caller.require(offer.scope)
        return found

    async def propose(
        self,
        policy: ActionPolicy,
        caller: Principal,
        answer_id: UUID,
        release_id: str,
        offers: Sequence[Offer],
        name: str,
        arguments: str,
        already: Sequence[Proposal],
    ) -> Proposal | Refused:
        """What a model wrote, as a proposal; or why it is none, which the model may read. Nothing is stored.

        arguments: JSON as the model wrote it. already: what was proposed for the same answer before.
        """
        if name not in (listed := [offer.name for offer in offers]):
            return Refused("not_offered", f"That action is not offered; there are: {', '.join(listed) or 'none'}.")
        try:
            _, kept = read_arguments(self.registry[name], arguments)
        except ArgumentsRefused as wrong:
            return Refused("arguments_invalid", wrong.detail)
        if len(already) >= policy.max_per_answer:
            return Refused("limit_reached", f"One answer has at most {policy.max_per_answer} actions.")
        per_hour, same = policy.offered[name].per_hour, sum(each.action == name for each in already)
        async with self.database.read(caller.tenant_id) as connection:
            at = await self._now(connection)
            recent = await repository.count_recent(connection, caller.key_id, name, at)
        if recent + same >= per_hour:
            return Refused("limit_reached", f"{name} can be had {per_hour} times an hour, and was.")
        return Proposal(
            id=new_id(),
            tenant_id=caller.tenant_id,
            answer_id=answer_id,
            key_id=caller.key_id,
            requester=caller.name,
            release_id=release_id,
            action=name,
            risk=self.registry[name].risk,
            arguments=kept,
            nonce=new_id(),
            created_at=at,
            per_hour=per_hour,
        )

    async def read(self, caller: Principal, proposal: Proposal, documents: set[UUID]) -> Mapping[str, Any] | Refused:
        """Runs an action that only reads, in a transaction that can only read. A failure is told in words.

        documents: what the model has read so far; those that the result came out of are added.
        """
        if proposal.risk != "read":
            raise ValueError(f"{proposal.action} does more than read")
        action = self.registry[proposal.action]
        about = (proposal.id, proposal.tenant_id, proposal.requester, proposal.created_at)
        run = Run(*about, groups=caller.groups, documents=documents)
        try:
            async with self.database.read(proposal.tenant_id) as connection:
                return await action.run(connection, run, action.arguments.model_validate(proposal.arguments))
        except Problem as problem:
            if _asks_again(problem):
                raise
            return Refused("failed", problem.detail)

    async def enter(self, connection: AsyncConnection, entries: Sequence[Entry]) -> None:
        """Writes actions down in the transaction of the answer that they were proposed for, and sends them on their
        way. What has come over its limit in the meantime is entered as failed.
        """
        at = await self._now(connection)
        # In one order, so that two answers never wait for each other.
        for entry in sorted(entries, key=lambda each: (each.proposal.key_id.int, each.proposal.action)):
            own, over = entry.proposal, False
            if entry.state != "done":
                await lock_name(connection, f"actions {own.key_id} {own.action}")
                over = await repository.count_recent(connection, own.key_id, own.action, at) >= own.per_hour
            state: State = "failed" if over else entry.state
            await repository.add(connection, entry, state, "limit_reached" if over else "", at)
            if not over:
                await self._send(connection, entry)
            _entered.labels(own.action, state).inc()

    async def _send(self, connection: AsyncConnection, entry: Entry) -> None:
        about = {"tenant_id": str(entry.proposal.tenant_id), "action_id": str(entry.proposal.id)}
        if entry.state == "approved":
            await enqueue(connection, RUN_JOB, queue=RUN_QUEUE, **about)
        if entry.terms is not None:
            await enqueue(connection, REVIEW_JOB, queue=REVIEW_QUEUE, **about)

    async def find(self, connection: AsyncConnection, action_id: UUID) -> Entered:
        """Errors: ActionNotFound."""
        return await self._find(connection, action_id)

    async def approve(
        self, connection: AsyncConnection, action_id: UUID, payload: bytes, approved: str, by: str, at: datetime
    ) -> None:
        """Lets a waiting action run as `payload`, which must be what was approved. approved: its SHA-256.

        Errors: ActionNotFound, ActionChanged, ActionEnded when its wait has ended already.
        """
        entered = await self._find(connection, action_id, lock=True)
        if digest_of(payload) != approved:
            raise ActionChanged(f"What would run has the SHA-256 {digest_of(payload)[:12]}, not {approved[:12]}.")
        if not bound_by(entered, payload):
            raise ActionChanged("What would run is not of this action, requester, release and nonce.")
        edited = payload != entered.payload
        if not await repository.let_run(connection, action_id, payload, approved, by, edited, at):
            raise ActionEnded(f"Action {action_id} is {entered.state}.")
        about = {"tenant_id": str(entered.tenant_id), "action_id": str(action_id)}
        await enqueue(connection, RUN_JOB, queue=RUN_QUEUE, **about)

    async def reject(
        self, connection: AsyncConnection, action_id: UUID, state: State, by: str, reason: str, at: datetime
    ) -> None:
        """It never runs. state: rejected or expired. Errors: ActionNotFound, ActionEnded."""
        entered = await self._find(connection, action_id, lock=True)
        if not await repository.end(connection, action_id, "waiting", state, f"{by}: {reason}", None, at):
            raise ActionEnded(f"Action {action_id} is {entered.state}.")
        await self._told(connection, entered, state, at)

    def edit(self, payload: bytes, text: str) -> bytes:
        """The same action with other arguments. text: all of them, as a JSON object. Errors: ArgumentsRefused."""
        known = orjson.loads(payload)
        action = self.registry.get(known["action"])
        if action is None:
            raise ArgumentsRefused(f"There is no action '{known['action']}' any more.", action="Reject it.")
        _, kept = read_arguments(action, text)
        if kept == known["arguments"]:
            raise ArgumentsRefused("The arguments are those that were there.", action="Approve it instead.")
        return _with(payload, kept)

    async def run(self, tenant_id: UUID, action_id: UUID) -> None:
        """Does what was approved, in one transaction with the proof that it was done: once, however often and by
        however many workers this is called. What is not as it was approved fails, and is never done.
        """
        async with self.database.transaction(tenant_id) as connection:
            entered = await self._find(connection, action_id, lock=True)
            if entered.state != "approved":
                return
            at = await self._now(connection)
            with span("action", action=entered.action):
                state, reason, result = await self._try(connection, entered, at)
            await repository.end(connection, action_id, "approved", state, reason, result, at)
            await self._audit(connection, entered, state, reason, at)
            await self._told(connection, entered, state, at)
        if state == "failed":
            log.warning("action_failed", action=entered.action, action_id=str(action_id), reason=reason)

    async def _try(
        self, connection: AsyncConnection, entered: Entered, at: datetime
    ) -> tuple[State, str, Mapping[str, Any] | None]:
        fault = fault_in(entered) or await self._requester_fault(connection, entered)
        if fault is None and not await repository.use_up(connection, entered, at):
            fault = "nonce_used"
        if fault:
            return "failed", fault, None
        action = self.registry[entered.action]
        run = Run(entered.id, entered.tenant_id, entered.requester, at, documents=set(entered.documents))
        try:
            # What it has written is undone when it fails; that it was tried is not.
            async with connection.begin_nested():
                read = action.arguments.model_validate(entered.arguments)
                return "done", "", await action.run(connection, run, read)
        except Problem as problem:
            if _asks_again(problem):
                raise
            return "failed", f"{problem.code}: {problem.detail}", None

    async def _requester_fault(self, connection: AsyncConnection, entered: Entered) -> Fault | None:
        holder = await self.identity.holder(connection, entered.tenant_id, entered.key_id)
        if holder is None:
            return "requester_gone"
        action = self.registry.get(entered.action)
        if action is None:
            return "action_gone"
        return None if holder.may(PROPOSE) and holder.may(action.scope) else "scope_lost"

    async def give_up(self, tenant_id: UUID, action_id: UUID, reason: str) -> None:
        """The end of an action that could not be run in any try. What has ended stays as it is."""
        async with self.database.transaction(tenant_id) as connection:
            entered = await self._find(connection, action_id, lock=True)
            at = await self._now(connection)
            if await repository.end(connection, action_id, "approved", "failed", reason, None, at):
                await self._audit(connection, entered, "failed", reason, at)
                await self._told(connection, entered, "failed", at)

    async def show(self, caller: Principal, action_id: UUID, wait: float = 0.0) -> Entered:
        """An action as it stands, to its requester and to reviewers. wait: seconds to wait for its end.

        Errors: ActionNotFound.
        """

        async def look() -> Entered:
            async with self.database.read(caller.tenant_id) as connection:
                found = await repository.seen(connection, action_id, caller.groups)
            if found is None or (found.key_id != caller.key_id and not caller.may(SEES_ALL)):
                raise ActionNotFound(f"There is no action {action_id}.")
            return found

        return await self.waiting.until(action_id, look, lambda found: found.state in ENDS, wait)

    async def list(
        self,
        caller: Principal,
        state: State | None = None,
        action: str | None = None,
        answer_id: UUID | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Entered]:
        """The caller's own actions, or to reviewers all of the tenant; the newest first. before: an action's id."""
        whose = None if caller.may(SEES_ALL) else caller.key_id
        wanted = {"key_id": whose, "state": state, "action": action, "answer_id": answer_id}
        async with self.database.read(caller.tenant_id) as connection:
            return await repository.page(connection, caller.groups, wanted, before, limit)

    async def _find(self, connection: AsyncConnection, action_id: UUID, lock: bool = False) -> Entered:
        found = await repository.find(connection, action_id, lock)
        if found is None:
            raise ActionNotFound(f"There is no action {action_id}.")
        return found

    async def _audit(self, connection: AsyncConnection, entered: Entered, state: State, why: str, at: datetime) -> None:
        said = why or (f"approved by {entered.approved_by}" if entered.approved_by else "no rule wanted a person")
        verb = "action.run" if state == "done" else "action.fail"
        act = Act(entered.requester, verb, str(entered.id), said, entered.approved_digest, state, entered.tenant_id)
        await audit.record(connection, act, at)

    async def _told(self, connection: AsyncConnection, entered: Entered, state: State, at: datetime) -> None:
        await notify(connection, ENDED, str(entered.id))
        if notice := entered.notice(state, at):
            await enqueue(connection, SEND_JOB, queue=SEND_QUEUE, **notice.job)
        _ended.labels(entered.action, state).inc()

    async def _now(self, connection: AsyncConnection) -> datetime:
        return await moment(connection, self.clock)


def _with(payload: bytes, arguments: Mapping[str, Any]) -> bytes:
    return canonical_json({**orjson.loads(payload), "arguments": arguments})


def _asks_again(problem: Problem) -> bool:
    """Whether it says nothing about the action, only about the moment."""
    return problem.retry_after is not None or problem.status >= 500
