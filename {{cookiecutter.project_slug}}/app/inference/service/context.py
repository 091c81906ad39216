import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import TypeVar
from uuid import UUID

from app.core.clock import Deadline
from app.core.ids import new_id
from app.core.telemetry import current_trace_id, histogram
from app.costs.domain import Usage
from app.identity.domain import Principal
from app.inference.domain.answer import ScreenedQuestion
from app.inference.domain.savings import NO_SAVINGS, Savings
from app.inference.domain.tool_calls import ToolSession
from app.inference.service.cost_meter import CostMeter
from app.inference.service.loaded_release import AssignedRelease, LoadedRelease
from app.llm.service import FallbackChain
from app.releases.domain import Release
from app.safety.domain.output_filter import canary_of

T = TypeVar("T")

STEPS = ("screen", "contextualize", "hold", "evidence", "model", "extract", "check", "record")
SECONDS = histogram("app_answer_step_seconds", "Duration of one step of an answer", ("step",))
FIRST_TEXT = histogram("app_answer_first_text_seconds", "Time to the first text of a streamed answer")
NOTHING_USED = Usage(0)
_SECONDS_OF = {step: SECONDS.labels(step) for step in STEPS}


class Step:
    """Times one step. A class instead of a generator because it is faster, and every answer has eight."""

    __slots__ = ("_name", "_started", "_timer")

    def __init__(self, timer: "StepTimer", name: str) -> None:
        self._timer, self._name = timer, name

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.record(self._name, time.perf_counter() - self._started)


@dataclass
class StepTimer:
    """How long each step of one answer took, in milliseconds.

    A step has no span of its own: spans are for calls to others. The span of the answer has the durations.
    """

    streamed: bool = False
    started: float = field(default_factory=lambda: time.perf_counter())
    timings_ms: dict[str, float] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """Times the block."""
        return Step(self, name)

    async def stream_step(self, name: str, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Times the items, with what is done between them; closes them."""
        with self.step(name):
            async with aclosing(items):
                async for item in items:
                    yield item

    def record(self, name: str, seconds: float) -> None:
        """A step that has ended, in the answer and in the metrics."""
        self.timings_ms[name] = round(seconds * 1000, 3)
        _SECONDS_OF[name].observe(seconds)

    def first_text(self) -> None:
        """The first text of a stream is sent."""
        seconds = time.perf_counter() - self.started
        self.timings_ms["first_text"] = round(seconds * 1000, 3)
        FIRST_TEXT.observe(seconds)

    def total(self) -> dict[str, float]:
        """All steps and `total`; of a stream `first_text` too, which is the total where all text is sent at once."""
        total = round((time.perf_counter() - self.started) * 1000, 3)
        first = {"first_text": total} if self.streamed else {}
        return {**first, **self.timings_ms, "total": total}


@dataclass(frozen=True)
class AnswerContext:
    """The shared state of the steps of one answer. read_at: since when text was read for it, by the database's clock.
    tool_session: None where the question offers no actions. savings:
    what it does without under overload. searched_for: the self-contained question, where it is another text than the
    question. context_usage, context_reasons: of the model that wrote it, and why it was done by rule instead.
    """

    id: UUID
    created_at: datetime
    read_at: datetime
    caller: Principal
    question: ScreenedQuestion
    deadline: Deadline
    assigned: AssignedRelease
    meter: CostMeter
    timer: StepTimer
    tool_session: ToolSession | None = None
    savings: Savings = NO_SAVINGS
    searched_for: str | None = None
    context_usage: Usage = NOTHING_USED
    context_reasons: tuple[str, ...] = ()
    trace_id: str = field(default_factory=lambda: current_trace_id() or new_id().hex)

    @property
    def loaded(self) -> LoadedRelease:
        return self.assigned.loaded

    @property
    def search_text(self) -> str:
        """The question in words that stand alone: what is searched for, and what an extractive answer answers."""
        return self.searched_for or self.question.text

    @property
    def question_text(self) -> str:
        """All that was asked: the question as it came, and as it was searched for."""
        return f"{self.question.text}\n{self.searched_for}" if self.searched_for else self.question.text

    def models(self) -> FallbackChain:
        """The models that may be called for this question."""
        chain, models = self.loaded.chain, self.loaded.models_for(self.question.model)[: self.savings.models]
        return chain if len(models) == len(chain.models) else replace(chain, models=models)

    @property
    def canary(self) -> str:
        """The mark in the instructions to a model that stands nowhere else."""
        return canary_of(self.loaded.release.id, self.caller.tenant_id)

    @property
    def release(self) -> Release:
        return self.assigned.loaded.release
