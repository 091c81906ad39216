"""Answers of live traffic, stored as the pipeline stores them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.core.clock import Clock
from app.core.ids import new_id
from app.costs.domain.budgets import Settlement
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import Answer, Citation
from app.inference.domain.answer_record import AnswerRecord
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.domain.replay import AnswerConditions
from app.inference.service.delivery import as_json
from app.wiring import State
from tests.review.conftest import answer_of

RELEASE = "0" * 64


def record_of(clock: Clock, question: str = "", **values: Any) -> AnswerRecord:
    """An answer that did not fail, unless `values` say so."""
    plain = AnswerRecord(
        id=new_id(),
        at=clock.now(),
        question=question,
        refusal="",
        degraded=False,
        reasons=(),
        findings=(),
        helpful=None,
        outcome="",
        rule="",
        release_id=RELEASE,
        model="extractive",
        groundedness=1.0,
        top_score=0.8,
        score_gap=0.1,
        cost_micro_usd=100,
        latency_ms=50.0,
        sources=("handbook",),
        answer_characters=100,
    )
    return replace(plain, **values)


@dataclass
class Traffic:
    """Stores answers of one tenant at the time of the clock."""

    state: State
    tenant: UUID
    clock: Clock

    async def answer(
        self,
        question: str,
        documents: Sequence[UUID] = (),
        *,
        ago: timedelta = timedelta(0),
        scores: Sequence[float] = (0.8, 0.7),
        source: str = "handbook",
        **values: Any,
    ) -> UUID:
        """values: fields of the answer that differ from a good one."""
        answer = _answer(self.clock, ago, source, values)
        conditions = AnswerConditions(3, 8, 512, 0.0, None, (), tuple((uuid4(), each) for each in scores), None)
        caller = Principal(self.tenant, uuid4(), "asker", frozenset({"user"}))
        stored = repository.StoredAnswer(
            caller,
            question,
            answer,
            as_json(answer),
            ReleaseAssignment(RELEASE),
            conditions,
            tuple(documents),
            await self.state.database.earliest_now(),
        )
        await repository.record(self.state.database, stored, [], None, Settlement((), 0))
        return answer.id

    async def refuse(self, question: str, reason: str = "off_topic", **options: Any) -> UUID:
        return await self.answer(question, status="refused", refusal=reason, citations=(), text="No.", **options)

    async def fail(self, code: str, ago: timedelta = timedelta(0)) -> None:
        """A request that ended in a problem."""
        values = {"id": new_id(), "tenant": self.tenant, "at": self.clock.now() - ago, "release": RELEASE, "code": code}
        async with self.state.database.transaction(self.tenant) as connection:
            await connection.execute(
                text(
                    "insert into answer_failures (id, tenant_id, at, environment, release_id, arm, unit, code) "
                    "values (:id, :tenant, :at, 'production', :release, 'live', 'u', :code)"
                ),
                values,
            )


def _answer(clock: Clock, ago: timedelta, source: str, values: dict[str, Any]) -> Answer:
    citation = Citation(1, uuid4(), uuid4(), "Rules", source, "rules.md", (), "It opens.", 0, 9, 1)
    plain = replace(
        answer_of(clock, "It opens at seven [1]."),
        created_at=clock.now() - ago,
        release_id=RELEASE,
        citations=(citation,),
        cost_micro_usd=100,
        timings_ms={"total": 50.0},
    )
    return replace(plain, **values)
