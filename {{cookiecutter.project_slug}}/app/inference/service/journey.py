import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TypeVar
from uuid import UUID

from app.core.clock import Deadline
from app.core.ids import new_id
from app.core.telemetry import current_trace_id, histogram, mark_failed, recording, span, start_span, within
from app.costs.domain import LedgerRow
from app.costs.domain.budgets import Settlement
from app.identity.domain import Principal
from app.inference.domain.acts import Acts
from app.inference.domain.answers import Question
from app.inference.service.paying import Bill
from app.inference.service.serving import Assignment, Serving
from app.releases.domain import Release
from app.retrieval.domain import SearchUsage
from app.safety.domain.text import Finding

T = TypeVar("T")

STEPS = ("screen", "hold", "evidence", "model", "extract", "check", "record")
SECONDS = histogram("app_answer_step_seconds", "Time of one step of an answer", ("step",))
FIRST_TEXT = histogram("app_answer_first_text_seconds", "Time until the first text of a streamed answer left")
_BOUND = {step: SECONDS.labels(step) for step in STEPS}


class Step:
    """Written out as a class, because there are eight in every answer."""

    __slots__ = ("_journey", "_name", "_span", "_started")

    def __init__(self, journey: "Journey", name: str) -> None:
        self._journey, self._name = journey, name
        self._span: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        self._started = time.perf_counter()
        if recording():
            self._span = span(self._name)
            self._span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._span:
            self._span.__exit__(kind, error, trace)
        self._journey.took(self._name, time.perf_counter() - self._started)


@dataclass
class Journey:
    """One question on its way to an answer: what is known about it so far, and the time it took."""

    id: UUID
    created_at: datetime
    caller: Principal
    question: Question
    deadline: Deadline
    to: Assignment
    bill: Bill
    began: float = field(default_factory=lambda: time.perf_counter())
    trace_id: str = field(default_factory=lambda: current_trace_id() or new_id().hex)
    findings: tuple[Finding, ...] = ()
    reasons: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    embedded: SearchUsage | None = None
    rows: list[LedgerRow] | None = None
    acts: Acts | None = None
    streamed: bool = False

    @property
    def serving(self) -> Serving:
        return self.to.serving

    @property
    def release(self) -> Release:
        return self.to.serving.release

    def settlement(self, rows: Sequence[LedgerRow]) -> Settlement:
        """The end of all that was held for this answer."""
        return Settlement(tuple(self.bill.holds), sum(row.charge.micro_usd for row in rows))

    def step(self, name: str) -> "Step":
        """A span and a time. Never held across a yield of a stream: a span belongs to one task."""
        return Step(self, name)

    async def streamed_step(self, name: str, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The same for what comes piece by piece: its span is the current one only while the next piece is made."""
        started, around = time.perf_counter(), start_span(name)
        try:
            async with aclosing(items):
                while True:
                    with within(around):
                        item = await anext(items, None)
                    if item is None:
                        return
                    yield item
        except Exception as error:
            mark_failed(around, error)
            raise
        finally:
            around.end()
            self.took(name, time.perf_counter() - started)

    def took(self, name: str, seconds: float) -> None:
        self.timings[name] = round(seconds * 1000, 3)
        _BOUND[name].observe(seconds)

    def text_left(self) -> None:
        """The first text leaves for the reader of a stream."""
        seconds = time.perf_counter() - self.began
        self.timings["first_text"] = round(seconds * 1000, 3)
        FIRST_TEXT.observe(seconds)

    def total(self) -> dict[str, float]:
        """With the time to the first text of a stream, which is all of it where the text leaves in one piece."""
        total = round((time.perf_counter() - self.began) * 1000, 3)
        first = {"first_text": total} if self.streamed else {}
        return {**first, **self.timings, "total": total}
