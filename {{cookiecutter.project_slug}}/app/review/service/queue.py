"""People judging answers and actions: a queue, claims, decisions. A decision and what it does are one transaction."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.service import Actions
from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.errors import Problem
from app.core.ids import drawn, new_id
from app.core.reasons import check_reason
from app.core.telemetry import counter
from app.evaluation.domain.cases import Case
from app.evaluation.service import SuiteFiles
from app.idempotency.domain import IdempotencyKeyReused, check_key
from app.identity.domain import Principal
from app.inference.domain.human_review import EditRefused, ReviewDecision, ReviewPolicy
from app.inference.service import HeldAnswers
from app.releases.domain import digest_of
from app.review import repository
from app.review.domain.agreement import Agreement, agreement
from app.review.domain.blind_review import check_told, check_untold, hidden
from app.review.domain.case_candidate import CaseCandidate, CaseCandidateNotFound
from app.review.domain.items import (
    HANDED_UP,
    ReviewAlreadyClaimed,
    ReviewCursor,
    ReviewItem,
    ReviewKind,
    ReviewNotFound,
    ReviewOutcome,
    SubmittedDecision,
    check_lease,
    check_open,
    check_reviewer,
    check_verdict,
    enough,
)
from app.review.repository import ReviewFilters
from app.review.service.subjects import ActionReviewSubject, AnswerReviewSubject, DecisionContext, ReviewSubject

log = structlog.get_logger(__name__)

ACTOR = "service"
SWEEP_SECONDS = 5.0
BATCH = 100
MOST_CANDIDATES = 500
OVERLAP_DAYS = 7
"""How long a blind second look may take; nobody waits for it."""

_decisions = counter("app_review_decisions_total", "Decisions of reviewers", ("decision",))
_ended = counter("app_review_items_ended_total", "Review items that ended, by what became of them", ("outcome",))


@dataclass(frozen=True)
class Reviews:
    """The queue of what waits for a person.

    policy: the lease is that of this process's own policies/review.yaml; the rest came with the answer, from its
    release. clock: None is the database's time, which all processes share.
    """

    database: Database
    deliveries: HeldAnswers
    actions: Actions
    policy: ReviewPolicy
    suites: SuiteFiles
    clock: Clock | None = None

    async def list(
        self, caller: Principal, filters: ReviewFilters, after: ReviewCursor | None, limit: int
    ) -> Sequence[ReviewItem]:
        """Items that the caller may see, the earliest due first."""
        async with self.database.read(caller.tenant_id) as connection:
            at = await self._now(connection)
            return await repository.page(connection, filters, _groups(caller), caller.name, after, limit, at)

    async def show(self, caller: Principal, item_id: UUID) -> tuple[ReviewItem, Sequence[Row[Any]]]:
        """An item with its payload, and what was decided on it. One that two people judge blindly looks untouched to
        who has not claimed it. Errors: ReviewNotFound.
        """
        async with self.database.read(caller.tenant_id) as connection:
            at = await self._now(connection)
            found = await repository.glance(connection, item_id, _groups(caller), caller.name, at)
            if found is None:
                raise ReviewNotFound(f"There is no review item {item_id}.")
            item, blind = found
            return item, () if blind else await repository.decisions(connection, item_id)

    async def claim(self, caller: Principal, item_id: UUID) -> ReviewItem:
        """Makes the item this caller's until the lease ends; its `fence` is the token that decides.

        Errors: ReviewNotFound, ReviewClosed, ReviewAlreadyClaimed, SelfReview, ReviewEscalated, AlreadyReviewed,
        PairedReviewSeen.
        """
        async with self.database.transaction(caller.tenant_id) as connection:
            at = await self._now(connection)
            seen = await self._find(connection, caller, item_id)
            return await self._claim(connection, caller, seen, at)

    async def next(self, caller: Principal) -> ReviewItem | None:
        """Claims the earliest due item that this caller may judge; None when there is none."""
        filters, place = ReviewFilters(free=True), None
        while page := await self.list(caller, filters, place, BATCH):
            for item in page:
                with contextlib.suppress(Problem):
                    return await self.claim(caller, item.id)
            place = ReviewCursor(page[-1].due_at, page[-1].id)
        return None

    async def heartbeat(self, caller: Principal, item_id: UUID, fence: int) -> ReviewItem:
        """Begins the lease anew. Errors: ReviewNotFound, ReviewClosed, LeaseLost."""
        async with self.database.transaction(caller.tenant_id) as connection:
            at = await self._held(connection, caller, item_id, fence)
            return await repository.change(connection, item_id, lease_until=self._until(at))

    async def release(self, caller: Principal, item_id: UUID, fence: int) -> ReviewItem:
        """Gives the item back undecided. Errors: ReviewNotFound, ReviewClosed, LeaseLost."""
        async with self.database.transaction(caller.tenant_id) as connection:
            await self._held(connection, caller, item_id, fence)
            return await repository.change(connection, item_id, lease_by=None, lease_until=None)

    async def decide(
        self, caller: Principal, item_id: UUID, verdict: SubmittedDecision, key: str | None = None
    ) -> dict[str, Any]:
        """Takes a decision and carries it out: an approved or edited answer leaves, a rejected one never does; an
        action runs, or never does.

        key: the same request with the same key gives the same result and is carried out once. Errors: ReviewNotFound,
        ReviewClosed, LeaseLost, ReviewChanged, PayloadChanged, SelfReview, ReviewEscalated, AlreadyReviewed,
        EditRefused, ArgumentsRefused, IdempotencyKeyReused, ReasonRequired.
        """
        verdict = replace(verdict, reason=check_reason(verdict.reason))
        if (verdict.decision == "edit") != (verdict.text is not None):
            raise EditRefused("The text goes with the decision 'edit', and with no other.")
        request = sha256(json.dumps(asdict(verdict), sort_keys=True).encode() + caller.name.encode()).digest()
        async with self.database.transaction(caller.tenant_id) as connection:
            item = await self._find(connection, caller, item_id, lock=True)
            if key is not None and (known := await repository.made(connection, item_id, check_key(key))):
                if bytes(known.request) != request:
                    raise IdempotencyKeyReused
                return dict(known.result)
            at = await self._now(connection)
            check_told(item, await repository.twin(connection, item), caller)
            votes = await repository.votes(connection, item.subject_id)
            check_verdict(item, caller, verdict, votes, at)
            after = await self._apply(connection, caller, item, verdict, enough(item, caller, votes), at)
            result = _result(after, verdict)
            await repository.record(
                connection,
                **_recorded(item, after, caller, verdict, at),
                idempotency_key=key or str(new_id()),
                request=request,
                result=result,
            )
            await self._audit(connection, caller.name, verdict.decision, item, verdict.reason, at, after)
        _decisions.labels(verdict.decision).inc()
        if after.outcome:
            _ended.labels(after.outcome).inc()
        return result

    async def agreement(self, caller: Principal) -> Agreement:
        """How far reviewers agree on what two of them judged blindly."""
        async with self.database.read(caller.tenant_id) as connection:
            return agreement(await repository.labels(connection))

    async def candidates(self, caller: Principal) -> Sequence[CaseCandidate]:
        """What was edited or rejected and stands in no suite yet, newest first."""
        known = {case.id for name in self.suites.names() for case in self.suites.load(name).cases}
        async with self.database.read(caller.tenant_id) as connection:
            found = await repository.corrected(connection, _groups(caller), MOST_CANDIDATES)
        return [each for each in (CaseCandidate(*one) for one in found) if each.case_id not in known]

    async def accept(self, caller: Principal, item_id: UUID) -> Case:
        """Writes a candidate into the golden suite.

        Errors: CaseCandidateNotFound, CaseCandidateUnusable, SuiteRefused.
        """
        found = next((each for each in await self.candidates(caller) if each.item.id == item_id), None)
        if found is None:
            raise CaseCandidateNotFound(f"No candidate comes from item {item_id}.")
        case = found.case
        async with self.database.transaction(caller.tenant_id) as connection:
            at = await self._now(connection)
            act = Act(caller.name, "evals.accept", case.id, f"from review item {item_id}", after=case.digest)
            await audit.record(connection, replace(act, tenant_id=caller.tenant_id), at)
            await asyncio.to_thread(self.suites.add, case)
        return case

    async def take(self, tenant_id: UUID, subject_id: UUID, kind: ReviewKind = "answer") -> None:
        """Puts an answer or an action into the queue, and some answers twice. A second time does nothing.

        Errors: AnswerNotFound, ActionNotFound.
        """
        async with self.database.transaction(tenant_id) as connection:
            item, overlap = await self._subject(kind).item(connection, tenant_id, subject_id)
            await repository.add(connection, item)
            twice = drawn(UUID(int=subject_id.int ^ (2**128 - 1)).bytes, overlap)
            if twice and await repository.add(connection, _second(item)):
                await self.deliveries.blind(connection, subject_id, True)

    async def deny(self, tenant_id: UUID, subject_id: UUID, reason: str, kind: ReviewKind = "answer") -> None:
        """The safe end of what could not be put into the queue."""
        async with self.database.transaction(tenant_id) as connection:
            at = await self._now(connection)
            await self._subject(kind).lapse(connection, subject_id, False, DecisionContext(ACTOR, reason, at))
            act = Act(ACTOR, "review.deny", str(subject_id), reason, after="rejected", tenant_id=tenant_id)
            await audit.record(connection, act, at)

    async def sweep(self) -> int:
        """Ends what is past its time, with the safe end: a held answer is not delivered, a waiting action does not run.
        Returns how many ended.
        """
        async with self.database.read(None) as connection:
            at = await self._now(connection)
            tenants = await repository.due_tenants(connection, at)
        return sum([await self._sweep(tenant_id) for tenant_id in tenants])

    async def watch(self) -> None:
        """Sweeps for ever, through outages; harmless when many do."""
        while True:
            try:
                await self.sweep()
            except Problem as problem:
                log.warning("reviews_not_swept", code=problem.code)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self, tenant_id: UUID) -> int:
        async with self.database.transaction(tenant_id) as connection:
            at = await self._now(connection)
            await repository.escalate(connection, at)
            late = await repository.expired(connection, at, BATCH)
            word, ended = DecisionContext(ACTOR, "its time was up", at), []
            for item in late:
                if item.kind != "overlap" and item.timing == "before":
                    await self._subject(item.kind).lapse(connection, item.subject_id, True, word)
                after = await self._close(connection, item, "expired", "denied", at)
                ended.append((item, after))
            # Last, as everywhere: who waits for the log must not hold what another who has it is waiting for.
            for item, after in ended:
                await self._audit(connection, ACTOR, "expire", item, word.why, at, after)
                _ended.labels("denied").inc()
        return len(late)

    async def _claim(
        self, connection: AsyncConnection, caller: Principal, seen: ReviewItem, at: datetime
    ) -> ReviewItem:
        twin, votes = await repository.twin(connection, seen), await repository.votes(connection, seen.subject_id)
        if twin and hidden(seen, twin, caller.name):
            check_untold(seen, twin, caller, votes, at)
        check_open(seen, at)
        if seen.leased(at) and seen.lease_by != caller.name:
            raise ReviewAlreadyClaimed(f"It is {seen.lease_by}'s until {seen.lease_until:%H:%M:%S} UTC.")
        check_reviewer(seen, caller, votes)
        taken = await repository.claim(connection, seen, caller.name, self._until(at))
        if taken is None:
            raise ReviewAlreadyClaimed("Another reviewer was faster.")
        return taken

    async def _apply(
        self,
        connection: AsyncConnection,
        caller: Principal,
        item: ReviewItem,
        verdict: SubmittedDecision,
        last: bool,
        at: datetime,
    ) -> ReviewItem:
        free, word = {"lease_by": None, "lease_until": None}, DecisionContext(caller.name, verdict.reason, at)
        if verdict.decision == "escalate":
            return await repository.change(connection, item.id, level=HANDED_UP, note=verdict.reason, **free)
        if verdict.decision == "request_changes":
            return await repository.change(connection, item.id, version=item.version + 1, note=verdict.reason, **free)
        if verdict.decision == "reject":
            return await self._end(connection, item, "rejected", word)
        if verdict.decision == "edit":
            payload = self._subject(item.kind).edit(item.payload, verdict.text or "")
            new = {"payload": payload, "digest": digest_of(payload), "version": item.version + 1}
            item, last = await repository.change(connection, item.id, **new, **free), item.needed == 1
        if not last:
            return await repository.change(connection, item.id, **free)
        same = await self._subject(item.kind).digest(connection, item.subject_id) == item.digest
        return await self._end(connection, item, "approved" if same else "edited", word)

    async def _end(
        self, connection: AsyncConnection, item: ReviewItem, outcome: ReviewDecision, word: DecisionContext
    ) -> ReviewItem:
        subject = self._subject(item.kind)
        if item.kind != "overlap" and item.timing == "before":
            if outcome == "rejected":
                await subject.stop(connection, item, word)
            else:
                await subject.pass_on(connection, item, outcome == "edited", word)
        if item.kind != "overlap":
            await subject.remember(connection, item, outcome, word)
        return await self._close(connection, item, "decided", outcome, word.at)

    async def _close(
        self, connection: AsyncConnection, item: ReviewItem, state: str, outcome: ReviewOutcome, at: datetime
    ) -> ReviewItem:
        """When both looks have ended, there is nothing left to hide."""
        after = await repository.end(connection, item, state, outcome, at)
        if await repository.twin(connection, item) is None:
            return after
        # Otherwise two who end it at once would each see the other open.
        await self.deliveries.lock(connection, item.subject_id)
        twin = await repository.twin(connection, item)
        if twin and twin.state != "open":
            await self.deliveries.blind(connection, item.subject_id, False)
        return after

    def _subject(self, kind: ReviewKind) -> ReviewSubject:
        return ActionReviewSubject(self.actions) if kind == "action" else AnswerReviewSubject(self.deliveries)

    async def _audit(
        self,
        connection: AsyncConnection,
        actor: str,
        verb: str,
        item: ReviewItem,
        why: str,
        at: datetime,
        after: ReviewItem,
    ) -> None:
        # Without a reviewer's reason, which may quote the answer; the item keeps it.
        told = why if actor == ACTOR else ""
        act = Act(actor, f"review.{verb}", str(item.id), told, item.digest, after.digest, item.tenant_id)
        await audit.record(connection, act, at)

    async def _held(self, connection: AsyncConnection, caller: Principal, item_id: UUID, fence: int) -> datetime:
        item = await self._find(connection, caller, item_id, lock=True)
        at = await self._now(connection)
        check_told(item, await repository.twin(connection, item), caller)
        check_open(item, at)
        check_lease(item, caller, fence, at)
        return at

    async def _find(
        self, connection: AsyncConnection, caller: Principal, item_id: UUID, lock: bool = False
    ) -> ReviewItem:
        item = await repository.find(connection, item_id, _groups(caller), lock)
        if item is None:
            raise ReviewNotFound(f"There is no review item {item_id}.")
        return item

    async def _now(self, connection: AsyncConnection) -> datetime:
        return await moment(connection, self.clock)

    def _until(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self.policy.lease_seconds)


def _groups(caller: Principal) -> Sequence[str]:
    return sorted(caller.groups)


def _second(item: ReviewItem) -> ReviewItem:
    due = max(item.due_at, item.created_at + timedelta(days=OVERLAP_DAYS))
    return replace(item, id=new_id(), kind="overlap", needed=1, due_at=due, escalate_at=None, original=item.payload)


def _result(after: ReviewItem, verdict: SubmittedDecision) -> dict[str, Any]:
    """What the reviewer is told, now and when the same request comes again."""
    return {
        "id": str(after.id),
        "decision": verdict.decision,
        "state": after.state,
        "outcome": after.outcome,
        "version": after.version,
        "sha256": after.digest,
    }


def _recorded(
    item: ReviewItem, after: ReviewItem, caller: Principal, verdict: SubmittedDecision, at: datetime
) -> dict[str, Any]:
    """A vote counts for the version that it leaves: an edit is an approval of the edited text."""
    return {
        "id": new_id(),
        "tenant_id": item.tenant_id,
        "item_id": item.id,
        "subject_id": item.subject_id,
        "kind": item.kind,
        "version": after.version if verdict.decision == "edit" else item.version,
        "fence": verdict.fence,
        "reviewer": caller.name,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "digest": after.digest,
        "at": at,
    }
