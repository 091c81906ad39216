"""Decisions of reviewers. A decision and its effect on the answer or action are one transaction."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.ids import new_id
from app.core.reasons import check_reason
from app.core.telemetry import counter
from app.idempotency.domain import IdempotencyKeyReused, check_key
from app.identity.domain import Principal
from app.inference.domain.human_review import EditRefused, ReviewDecision
from app.releases.domain import digest_of
from app.review import repository
from app.review.domain.blind_review import check_not_hidden
from app.review.domain.items import (
    ESCALATED,
    DecisionRecord,
    DecisionResult,
    ReviewItem,
    SubmittedDecision,
    check_decision,
    has_enough_approvals,
)
from app.review.service.closing import ReviewClosing, audit_review, ended_items
from app.review.service.queue import find_item
from app.review.service.subjects import DecisionContext, ReviewSubjects

_decisions = counter("app_review_decisions_total", "Decisions of reviewers, by kind.", ("decision",))


@dataclass(frozen=True)
class ReviewDecisions:
    """clock: None is the database's time, which all processes share."""

    database: Database
    subjects: ReviewSubjects
    closing: ReviewClosing
    clock: Clock | None = None

    async def decide(
        self, caller: Principal, item_id: UUID, decision: SubmittedDecision, key: str | None = None
    ) -> DecisionResult:
        """Records a decision and carries it out: an approved or edited answer is delivered and a rejected one never is;
        an approved action runs and a rejected one never does.

        key: the idempotency key; the same request with the same key gives the same result and is carried out once.
        Errors: ReviewNotFound, ReviewClosed, LeaseLost, ReviewChanged, PayloadChanged, SelfReview, ReviewEscalated,
        AlreadyReviewed, EditRefused, InvalidArguments, IdempotencyKeyReused, ReasonRequired.
        """
        decision = replace(decision, reason=check_reason(decision.reason))
        if (decision.decision == "edit") != (decision.text is not None):
            raise EditRefused("A text is required with the decision 'edit' and not allowed with any other.")
        request = _request_digest(caller, decision)
        async with self.database.transaction(caller.tenant_id) as connection:
            before = await find_item(connection, caller, item_id, lock=True)
            if key is not None and (stored := await repository.find_result(connection, item_id, check_key(key))):
                if stored.request != request:
                    raise IdempotencyKeyReused
                return stored.result
            at = await moment(connection, self.clock)
            after = await self._check_and_apply(connection, caller, before, decision, at)
            result = DecisionResult.of(after, decision.decision)
            record = _record(before, after, caller, decision, at)
            await repository.add_decision(connection, record, key or str(new_id()), request, result)
            await audit_review(connection, caller.name, decision.decision, before, after, decision.reason, at)
        _decisions.labels(decision.decision).inc()
        if after.outcome:
            ended_items.labels(after.outcome).inc()
        return result

    async def _check_and_apply(
        self,
        connection: AsyncConnection,
        caller: Principal,
        item: ReviewItem,
        decision: SubmittedDecision,
        at: datetime,
    ) -> ReviewItem:
        check_not_hidden(item, await repository.find_pair(connection, item), caller)
        recorded = await repository.list_recorded(connection, item.subject_id)
        check_decision(item, caller, decision, recorded, at)
        context = DecisionContext(caller.name, decision.reason, at)
        match decision.decision:
            case "escalate":
                changes = {"level": ESCALATED, "note": decision.reason}
                return await repository.change(connection, item.id, **changes, **repository.NO_LEASE)
            case "request_changes":
                changes = {"version": item.version + 1, "note": decision.reason}
                return await repository.change(connection, item.id, **changes, **repository.NO_LEASE)
            case "reject":
                return await self._end(connection, item, "rejected", context)
            case "edit":
                edited = await self._edit(connection, item, decision.text or "")
                return await self._approve(connection, edited, edited.needed == 1, context)
            case "approve":
                last = has_enough_approvals(item, caller, recorded)
                return await self._approve(connection, item, last, context)

    async def _edit(self, connection: AsyncConnection, item: ReviewItem, text: str) -> ReviewItem:
        payload = self.subjects.of(item.kind).edit(item.payload, text)
        changes = {"payload": payload, "digest": digest_of(payload), "version": item.version + 1}
        return await repository.change(connection, item.id, **changes, **repository.NO_LEASE)

    async def _approve(
        self, connection: AsyncConnection, item: ReviewItem, last: bool, context: DecisionContext
    ) -> ReviewItem:
        """last: no further approval is needed at this version."""
        if not last:
            return await repository.change(connection, item.id, **repository.NO_LEASE)
        unedited = await self.subjects.of(item.kind).digest(connection, item.subject_id) == item.digest
        return await self._end(connection, item, "approved" if unedited else "edited", context)

    async def _end(
        self, connection: AsyncConnection, item: ReviewItem, outcome: ReviewDecision, context: DecisionContext
    ) -> ReviewItem:
        """The second of a blind pair changes nothing but the reported agreement."""
        if item.kind != "overlap":
            subject = self.subjects.of(item.kind)
            if item.timing == "before" and outcome == "rejected":
                await subject.reject(connection, item, context)
            elif item.timing == "before":
                await subject.approve(connection, item, outcome == "edited", context)
            await subject.record_opinion(connection, item, outcome, context)
        return await self.closing.close(connection, item, "decided", outcome, context.at)


def _request_digest(caller: Principal, decision: SubmittedDecision) -> bytes:
    return sha256(json.dumps(asdict(decision), sort_keys=True).encode() + caller.name.encode()).digest()


def _record(
    before: ReviewItem, after: ReviewItem, caller: Principal, decision: SubmittedDecision, at: datetime
) -> DecisionRecord:
    return DecisionRecord(
        id=new_id(),
        tenant_id=before.tenant_id,
        item_id=before.id,
        subject_id=before.subject_id,
        kind=before.kind,
        # An edit is an approval of the edited text, so it counts for the version that it leaves.
        version=after.version if decision.decision == "edit" else before.version,
        fence=decision.fence,
        reviewer=caller.name,
        decision=decision.decision,
        reason=decision.reason,
        digest=after.digest,
        at=at,
    )
