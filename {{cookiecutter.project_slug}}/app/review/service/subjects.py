"""What people judge, and what a decision does to it: an answer leaves or never does, an action runs or never does."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionEnded, Entered, State
from app.actions.service import Actions
from app.core.ids import new_id
from app.inference.domain.human_review import AnswerHeld, ReviewDecision, ReviewedAnswer, edit
from app.inference.service import HeldAnswers
from app.review.domain.items import ReviewItem, ReviewKind

TAINTED = "The model had read text that anybody may have written before it proposed this."


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """Who said what becomes of it, why and when."""

    by: str
    why: str
    at: datetime


class ReviewSubject(Protocol):
    """Each verb joins the caller's transaction."""

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        """What goes into the queue, and the share of which a second person is asked blindly."""
        ...

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        """SHA-256 of it as it stands without the reviewers."""
        ...

    def edit(self, payload: bytes, text: str) -> bytes:
        """The same as a person words it. Errors: a Problem that says what cannot be."""
        ...

    async def pass_on(self, connection: AsyncConnection, item: ReviewItem, edited: bool, word: DecisionContext) -> None:
        """Lets it go on as the item's payload, which is what was approved."""
        ...

    async def stop(self, connection: AsyncConnection, item: ReviewItem, word: DecisionContext) -> None:
        """A reviewer said no."""
        ...

    async def remember(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, word: DecisionContext
    ) -> None:
        """Keeps what a reviewer made of it for who reads it later, whether or not it had gone on by then."""
        ...

    async def lapse(self, connection: AsyncConnection, subject_id: UUID, expired: bool, word: DecisionContext) -> None:
        """The safe end, where nobody decided; what has ended already stays as it is."""
        ...


@dataclass(frozen=True)
class AnswerReviewSubject:
    deliveries: HeldAnswers

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        found = await self.deliveries.find(connection, subject_id)
        return _item("answer", tenant_id, subject_id, found.asker, found, found, ""), found.overlap

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        return (await self.deliveries.find(connection, subject_id)).digest

    def edit(self, payload: bytes, text: str) -> bytes:
        return edit(payload, text)

    async def pass_on(self, connection: AsyncConnection, item: ReviewItem, edited: bool, word: DecisionContext) -> None:
        await self.deliveries.deliver(connection, item.subject_id, item.payload, item.digest, edited, word.at)

    async def stop(self, connection: AsyncConnection, item: ReviewItem, word: DecisionContext) -> None:
        await self.deliveries.reject(connection, item.subject_id, word.at)

    async def remember(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, word: DecisionContext
    ) -> None:
        await self.deliveries.remember(connection, item.subject_id, opinion, word.why, item.payload, word.at)

    async def lapse(self, connection: AsyncConnection, subject_id: UUID, expired: bool, word: DecisionContext) -> None:
        with contextlib.suppress(AnswerHeld):
            await self.deliveries.reject(connection, subject_id, word.at)


@dataclass(frozen=True)
class ActionReviewSubject:
    actions: Actions

    async def item(self, connection: AsyncConnection, tenant_id: UUID, subject_id: UUID) -> tuple[ReviewItem, float]:
        found = await self.actions.find(connection, subject_id)
        if found.terms is None:
            raise ValueError(f"nobody wants a person to look at action {subject_id}")
        # No blind second look: agreement is measured on what people think of texts.
        note = TAINTED if found.tainted else ""
        return _item("action", tenant_id, subject_id, found.requester, found, found.terms, note), 0.0

    async def digest(self, connection: AsyncConnection, subject_id: UUID) -> str:
        return (await self.actions.find(connection, subject_id)).digest

    def edit(self, payload: bytes, text: str) -> bytes:
        return self.actions.edit(payload, text)

    async def pass_on(self, connection: AsyncConnection, item: ReviewItem, edited: bool, word: DecisionContext) -> None:
        await self.actions.approve(connection, item.subject_id, item.payload, item.digest, word.by, word.at)

    async def stop(self, connection: AsyncConnection, item: ReviewItem, word: DecisionContext) -> None:
        await self.actions.reject(connection, item.subject_id, "rejected", word.by, word.why, word.at)

    async def remember(
        self, connection: AsyncConnection, item: ReviewItem, opinion: ReviewDecision, word: DecisionContext
    ) -> None:
        """Its row has that from the decision itself."""

    async def lapse(self, connection: AsyncConnection, subject_id: UUID, expired: bool, word: DecisionContext) -> None:
        with contextlib.suppress(ActionEnded):
            end: State = "expired" if expired else "rejected"
            await self.actions.reject(connection, subject_id, end, word.by, word.why, word.at)


class _Wanted(Protocol):
    """How a person looks at it; an answer brings it along, an action has it in its terms."""

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
    found: ReviewedAnswer | Entered,
    wanted: _Wanted,
    note: str,
) -> ReviewItem:
    return ReviewItem(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind,
        subject_id=subject_id,
        question=wanted.question,
        rule=wanted.rule,
        timing=wanted.timing,
        risk_tier=wanted.risk_tier,
        payload=found.payload,
        digest=found.digest,
        version=1,
        state="open",
        outcome=None,
        needed=wanted.decisions,
        self_approval=wanted.self_approval,
        asker=asker,
        groups=wanted.groups,
        level=0,
        note=note,
        created_at=found.created_at,
        due_at=wanted.due_at,
        escalate_at=wanted.escalate_at,
        fence=0,
        lease_by=None,
        lease_until=None,
        decided_at=None,
        documents=found.documents,
    )
