"""Answers sent to review, recorded as the pipeline does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from app.core.clock import Clock, ManualClock
from app.core.ids import new_id
from app.costs.domain import Usage
from app.costs.domain.budgets import Settlement
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import Answer, Citation
from app.inference.domain.human_review import ReviewRequest, Rule
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.domain.replay import AnswerConditions
from app.inference.service.delivery import as_json
from app.retrieval.domain import PublishRequest
from app.review.domain.items import DecisionResult, DecisionType, ReviewItem, SubmittedDecision
from app.review.repository import ReviewFilters
from app.review.service import Reviews
from app.wiring import State

BEFORE: dict[str, Any] = {"name": "all", "send": "before", "due_minutes": 60}
TEXT = "The gate opens at seven [1]."


def answer_of(clock: Clock, text: str = TEXT) -> Answer:
    quote = "The harbour master opens the gate at seven."
    citation = Citation(1, uuid4(), uuid4(), "Harbour rules", "tests", "harbour.md", (), quote, 0, len(quote), 1)
    return Answer(
        id=new_id(),
        created_at=clock.now(),
        status="answered",
        text=text,
        model="extractive",
        degraded=False,
        reasons=(),
        refusal=None,
        release_id="0" * 64,
        corpus_version=1,
        citations=(citation,),
        findings=(),
        usage=Usage(0),
        estimated=False,
        cost_micro_usd=0,
        trace_id="1" * 32,
        groundedness=1.0,
    )


async def publish(state: State, tenant: UUID, groups: tuple[str, ...]) -> UUID:
    request = PublishRequest(
        uuid4(), tenant, 1, "Harbour rules", "tests", f"{uuid4()}.md", "The gate.", access_groups=groups
    )
    prepared = await state.retrieval.prepare(request)
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)
    return request.document_id


@dataclass
class Desk:
    """The queue of a tenant, with its own clock."""

    state: State
    tenant: UUID
    clock: ManualClock
    reviews: Reviews

    def person(self, name: str, *roles: str, groups: tuple[str, ...] = ()) -> Principal:
        return Principal(self.tenant, uuid4(), name, frozenset(roles or ("reviewer",)), frozenset(groups))

    async def document(self, *groups: str) -> UUID:
        """A document for these access groups."""
        return await publish(self.state, self.tenant, groups)

    async def send(
        self,
        asker: str = "asker",
        tier: str = "medium",
        overlap: float = 0.0,
        groups: tuple[str, ...] = (),
        **rule: Any,
    ) -> UUID:
        """Record an answer and send it to review, without queueing it. groups: the access groups of its sources."""
        answer = answer_of(self.clock)
        sent = ReviewRequest(Rule(**{**BEFORE, **rule}), tier, overlap, answer.created_at, as_json(answer))  # type: ignore[arg-type]
        conditions = AnswerConditions(3, 8, 512, 0.0, None, groups, (), None)
        caller = replace(self.person(asker, "user"), groups=frozenset(groups))
        kept = repository.StoredAnswer(
            caller,
            "When does the gate open?",
            answer,
            as_json(answer),
            ReleaseAssignment(answer.release_id),
            conditions,
            (await self.document(*groups),),
            await self.state.database.earliest_now(),
        )
        await repository.record(
            self.state.database,
            kept,
            [],
            None,
            Settlement((), 0),
            [lambda connection: repository.send_to_review(connection, kept, sent)],
        )
        return answer.id

    async def queue(self, **options: Any) -> ReviewItem:
        """An answer in the queue; with a second review, that item comes second."""
        answer_id = await self.send(**options)
        await self.reviews.lifecycle.add(self.tenant, answer_id)
        reader = self.person("reader", groups=options.get("groups", ()))
        items = await self.reviews.queue.list(reader, ReviewFilters(state=None), None, 200)
        return next(item for item in items if item.subject_id == answer_id and item.kind == "answer")

    async def decide(
        self, who: Principal, item: ReviewItem, decision: DecisionType, text: str | None = None
    ) -> DecisionResult:
        """Claim an item and decide on it."""
        claimed = await self.reviews.queue.claim(who, item.id)
        return await self.reviews.decisions.decide(who, item.id, submission(claimed, decision, text))

    async def asked(self, answer_id: UUID) -> dict[str, Any]:
        return await self.state.archive.show(self.person("asker", "user"), answer_id)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.state.database.pipeline(self.tenant) as connection:
            cursor = await connection.execute(sql)
        return await cursor.fetchall()


def submission(item: ReviewItem, decision: DecisionType, text: str | None = None) -> SubmittedDecision:
    return SubmittedDecision(decision, "as I see it", item.fence, item.version, item.digest, text)


Seated = Callable[[], Awaitable[Desk]]


@pytest.fixture
def seat(state: State) -> Seated:
    async def make() -> Desk:
        tenant = await state.identity.ensure_tenant(f"desk-{uuid4().hex}")
        clock = ManualClock()
        return Desk(state, tenant, clock, replace(state.reviews, clock=clock))

    return make


@pytest_asyncio.fixture
async def desk(seat: Seated) -> Desk:
    return await seat()
