"""What reviewers decide on, answers and actions, and what a decision does to them."""

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionEnded, ActionState, StoredAction
from app.actions.service import Actions
from app.core.ids import new_id
from app.core.redaction import redact
from app.inference.domain.human_review import AnswerHeld, ReviewDecision, ReviewedAnswer, edit
from app.inference.service import HeldAnswers
from app.review.domain.items import ReviewItem, ReviewKind

TAINTED_NOTE = "The model had read text that anybody may have written before it proposed this."


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """Who decided, why and when."""

    actor: str
    reason: str
    at: datetime


class ReviewSubject(Protocol):
    """Every method joins the caller's transaction."""

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        """The queue item, and the rate at which a second person reviews it blindly. Locks the subject, so that an
        erasure sees the item.
        """
        ...

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        """SHA-256 of the stored payload, without any edit of a reviewer."""
        ...

    def edit(self, payload: bytes, text: str) -> bytes:
        """The payload with a reviewer's text. Errors: EditRefused, InvalidArguments."""
        ...

    async def approve(
        self, connection: AsyncConnection, item: ReviewItem, edited: bool, context: DecisionContext
    ) -> None:
        """Delivers or runs the item's payload, which is what was approved."""
        ...

    async def reject(self, connection: AsyncConnection, item: ReviewItem, context: DecisionContext) -> None:
        """Never delivers or runs it."""
        ...

    async def record_opinion(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, context: DecisionContext
    ) -> None:
        """Stores the reviewer's outcome with the subject, whether or not it was delivered or run by then."""
        ...

    async def reject_undecided(
        self, connection: AsyncConnection, subject_id: UUID, expired: bool, context: DecisionContext
    ) -> None:
        """Rejects it where nobody decided. No effect on a subject that has ended already."""
        ...


@dataclass(frozen=True)
class AnswerReviewSubject:
    """A ReviewSubject: an answer that is held, or was delivered already."""

    held_answers: HeldAnswers

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        await self.held_answers.lock(connection, subject_id)
        answer = await self.held_answers.find(connection, subject_id)
        item = _item("answer", tenant_id, subject_id, answer.asker, answer, answer, "")
        return replace(item, id=answer.review_id or item.id), answer.overlap

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        return (await self.held_answers.find(connection, subject_id)).digest

    def edit(self, payload: bytes, text: str) -> bytes:
        return edit(payload, text)

    async def approve(
        self, connection: AsyncConnection, item: ReviewItem, edited: bool, context: DecisionContext
    ) -> None:
        await self.held_answers.deliver(connection, item.subject_id, item.payload, item.digest, edited, context.at)

    async def reject(self, connection: AsyncConnection, item: ReviewItem, context: DecisionContext) -> None:
        await self.held_answers.reject(connection, item.subject_id, context.at)

    async def record_opinion(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, context: DecisionContext
    ) -> None:
        await self.held_answers.remember(connection, item.subject_id, opinion, context.reason, item.payload, context.at)

    async def reject_undecided(
        self, connection: AsyncConnection, subject_id: UUID, expired: bool, context: DecisionContext
    ) -> None:
        with contextlib.suppress(AnswerHeld):
            await self.held_answers.reject(connection, subject_id, context.at)


@dataclass(frozen=True)
class ActionReviewSubject:
    """A ReviewSubject: an action that waits for its approval."""

    actions: Actions

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        action = await self.actions.proposals.find(connection, subject_id, lock=True)
        if action.terms is None:
            raise ValueError(f"action {subject_id} needs no review")
        # No blind pairs: agreement is measured on answers only.
        note = TAINTED_NOTE if action.tainted else ""
        return _item("action", tenant_id, subject_id, action.requester, action, action.terms, note), 0.0

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        return (await self.actions.proposals.find(connection, subject_id)).digest

    def edit(self, payload: bytes, text: str) -> bytes:
        return self.actions.catalogue.edit(payload, text)

    async def approve(
        self, connection: AsyncConnection, item: ReviewItem, edited: bool, context: DecisionContext
    ) -> None:
        await self.actions.proposals.approve(
            connection, item.subject_id, item.payload, item.digest, context.actor, context.at
        )

    async def reject(self, connection: AsyncConnection, item: ReviewItem, context: DecisionContext) -> None:
        await self.actions.proposals.reject(
            connection, item.subject_id, "rejected", context.actor, context.reason, context.at
        )

    async def record_opinion(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, context: DecisionContext
    ) -> None:
        """Nothing to do: the action's own row holds the decision."""

    async def reject_undecided(
        self, connection: AsyncConnection, subject_id: UUID, expired: bool, context: DecisionContext
    ) -> None:
        with contextlib.suppress(ActionEnded):
            end: ActionState = "expired" if expired else "rejected"
            await self.actions.proposals.reject(connection, subject_id, end, context.actor, context.reason, context.at)


@dataclass(frozen=True)
class ReviewSubjects:
    """The subject of each kind of review item."""

    held_answers: HeldAnswers
    actions: Actions

    def of(self, kind: ReviewKind) -> ReviewSubject:
        """The one that a kind of item is about."""
        return ActionReviewSubject(self.actions) if kind == "action" else AnswerReviewSubject(self.held_answers)


class _ReviewTerms(Protocol):
    """How it is reviewed: an answer carries this itself, an action in its terms."""

    @property
    def question(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def timing(self) -> str: ...
    @property
    def risk_tier(self) -> str: ...
    @property
    def decisions(self) -> int: ...
    @property
    def self_approval(self) -> bool: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def escalate_at(self) -> datetime | None: ...


def _item(
    kind: ReviewKind,
    tenant_id: UUID,
    subject_id: UUID,
    asker: str,
    subject: ReviewedAnswer | StoredAction,
    terms: _ReviewTerms,
    note: str,
) -> ReviewItem:
    return ReviewItem(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind,
        subject_id=subject_id,
        question=redact(terms.question),
        rule=terms.rule,
        timing=terms.timing,
        risk_tier=terms.risk_tier,
        payload=subject.payload,
        digest=subject.digest,
        version=1,
        state="open",
        outcome=None,
        needed=terms.decisions,
        self_approval=terms.self_approval,
        asker=asker,
        groups=terms.groups,
        level=0,
        note=note,
        created_at=subject.created_at,
        due_at=terms.due_at,
        escalate_at=terms.escalate_at,
        fence=0,
        lease_by=None,
        lease_until=None,
        decided_at=None,
        documents=subject.documents,
    )
