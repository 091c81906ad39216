"""Models in the order of preference, with retry, fallback, circuit breaker, throttle and retry budget."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.core.clock import Clock, Deadline
from app.core.genai import ModelEndpoint
from app.core.telemetry import counter
from app.llm.domain.circuit_breaker import CircuitBreaker
from app.llm.domain.errors import (
    ContentFiltered,
    ModelFailure,
    ModelOverloaded,
    ModelSkipped,
    ModelTimeout,
    Reaction,
)
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, OnDisconnect
from app.llm.domain.retry import MAX_ATTEMPTS, RetryBudget, backoff
from app.llm.domain.throttle import Throttle
from app.llm.ports import ChatModel
from app.llm.service.model_call import ModelCall

DEADLINE_SHARE = 0.6
"""Of the remaining time, for a model that is not the last of the chain."""
MAX_PAUSE_SECONDS = 30.0
PAUSE_MARGIN_SECONDS = 0.01
"""Added to a provider's Retry-After, so that a retry is never early by its clock."""

BREAKER_OPENED = counter("app_model_breaker_opened_total", "Times the circuit breaker of a model opened", ("model",))


@dataclass
class GuardedModel:
    """A model with its circuit breaker, throttle and retry budget in this process.

    seconds: the time-out of one call. endpoint: for traces and metrics. paused_until: when the Retry-After of its
    provider ends.
    """

    model: ChatModel
    seconds: float = 60.0
    endpoint: ModelEndpoint | None = None
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    throttle: Throttle = field(default_factory=Throttle)
    retries: RetryBudget = field(default_factory=RetryBudget)
    paused_until: float = 0.0

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def traced_as(self) -> ModelEndpoint:
        return self.endpoint or ModelEndpoint("local", self.name)


class AllModelsFailed(Exception):
    """No model of the chain answered. failures: the last failure of each model, by name."""

    def __init__(self, failures: list[tuple[str, ModelFailure]]) -> None:
        super().__init__(", ".join(f"{name}: {failure.reason}" for name, failure in failures))
        self.failures = failures

    @property
    def content_filtered(self) -> bool:
        return any(isinstance(failure, ContentFiltered) for _, failure in self.failures)


@dataclass(frozen=True, slots=True)
class FallbackResult:
    """A completion, the model that wrote it, and the models that failed before it."""

    model: str
    completion: Completion
    failures: tuple[tuple[str, ModelFailure], ...] = ()


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """First item of a stream. Another one follows where the stream fails before the reader has seen any of it."""

    model: str
    failures: tuple[tuple[str, ModelFailure], ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One call of a model. number: 1 for its first. deadline: by when it must have answered, or begun to."""

    model: GuardedModel
    deadline: Deadline
    number: int

    @property
    def name(self) -> str:
        return self.model.name


class UsageMeter(Protocol):
    """Reserves and counts what the calls of one request cost."""

    async def reserve(self, model: str) -> None:
        """Called before each attempt. Errors: InsufficientBudget, and the next model is called."""
        ...

    def on_failure(self, model: str, failure: ModelFailure) -> None:
        """Called after each failed attempt; `failure` says whether the provider may charge for it."""
        ...

    def on_disconnect(self, model: str) -> OnDisconnect | None:
        """The receiver of the remaining usage when the reader disconnects; None: the call is ended."""
        ...


@dataclass(frozen=True)
class FallbackChain:
    """Calls the models in turn until one answers. The only place that retries their calls.

    At most three attempts per model and request, and retries are limited to a tenth of all calls.
    """

    models: tuple[GuardedModel, ...]
    clock: Clock
    random_fraction: Callable[[], float] = random.random

    async def complete(
        self, request: ChatRequest, deadline: Deadline, meter: UsageMeter | None = None
    ) -> FallbackResult:
        """Errors: AllModelsFailed, at the deadline at the latest."""
        failures: list[tuple[str, ModelFailure]] = []
        for attempt in self._attempts(deadline, failures):
            try:
                if meter:
                    await meter.reserve(attempt.name)
                completion = await self._complete(attempt, request)
                return FallbackResult(attempt.name, completion, tuple(failures))
            except ModelFailure as failure:
                await self._after_failure(attempt, failure, failures, meter)
        raise AllModelsFailed(failures)

    async def stream(
        self,
        request: ChatRequest,
        deadline: Deadline,
        meter: UsageMeter | None = None,
        seen: Callable[[], bool] = lambda: True,
    ) -> AsyncGenerator[StreamStarted | str | CompletionEnd, None]:
        """StreamStarted, pieces of text, one CompletionEnd. seen: whether the reader has seen any of the pieces, after
        which there is no retry and no fallback.

        Errors: AllModelsFailed; once a part was seen, the ModelFailure that ended the stream.
        """
        failures: list[tuple[str, ModelFailure]] = []
        for attempt in self._attempts(deadline, failures):
            started = False
            try:
                if meter:
                    await meter.reserve(attempt.name)
                # A stream that has started may use all of the remaining time: its reader is being served.
                end_by = deadline.within(attempt.model.seconds)
                async with aclosing(self._stream(attempt, request, end_by, meter)) as pieces:
                    async for piece in pieces:
                        if not started:
                            started = True
                            yield StreamStarted(attempt.name, tuple(failures))
                        yield piece
                return
            except ModelFailure as failure:
                if started and seen():
                    raise
                await self._after_failure(attempt, failure, failures, meter)
        raise AllModelsFailed(failures)

    def _attempts(self, deadline: Deadline, failures: Sequence[tuple[str, ModelFailure]]) -> Iterator[_Attempt]:
        """One after the other: of a model until its failure is among `failures`, then of the next model."""
        for position, model in enumerate(self.models):
            model_deadline = self._model_deadline(model, position, deadline)
            for number in range(1, MAX_ATTEMPTS + 1):
                yield _Attempt(model, model_deadline, number)
                if len(failures) > position:
                    break
            if failures and failures[-1][1].reaction is Reaction.STOP:
                return

    async def _after_failure(
        self,
        attempt: _Attempt,
        failure: ModelFailure,
        failures: list[tuple[str, ModelFailure]],
        meter: UsageMeter | None,
    ) -> None:
        """Waits until the same model may be called again, or adds to `failures` that it may not."""
        if meter:
            meter.on_failure(attempt.name, failure)
        if not await self._should_retry(attempt, failure):
            failures.append((attempt.name, failure))

    def _model_deadline(self, model: GuardedModel, position: int, deadline: Deadline) -> Deadline:
        model.retries.deposit()
        is_last = position == len(self.models) - 1
        share = 1.0 if is_last else DEADLINE_SHARE
        return deadline.within(min(model.seconds, deadline.remaining() * share))

    async def _complete(self, attempt: _Attempt, request: ChatRequest) -> Completion:
        model = attempt.model
        self._check_admission(model, attempt.deadline)
        with ModelCall(model.traced_as, attempt.number, request) as call:
            try:
                with call.current():
                    completion = await model.model.complete(request, attempt.deadline)
            except ModelFailure as failure:
                self._record_failure(model, failure)
                raise
            call.completed(completion.end, completion.text)
        self._record_success(model)
        return completion

    async def _stream(
        self, attempt: _Attempt, request: ChatRequest, end_by: Deadline, meter: UsageMeter | None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        model = attempt.model
        self._check_admission(model, attempt.deadline)
        on_disconnect = meter.on_disconnect(model.name) if meter else None
        with ModelCall(model.traced_as, attempt.number, request, streamed=True) as call:
            try:
                async with aclosing(model.model.stream(request, end_by, on_disconnect)) as pieces:
                    with call.current():
                        first = await _first_item(anext(pieces), attempt.deadline)
                    call.piece(first, first=True)
                    yield first
                    async for piece in pieces:
                        call.piece(piece)
                        if isinstance(piece, CompletionEnd):
                            self._record_success(model)
                        yield piece
            except ModelFailure as failure:
                self._record_failure(model, failure)
                raise

    def _check_admission(self, model: GuardedModel, deadline: Deadline) -> None:
        """Errors: ModelSkipped, without a call."""
        now = self.clock.monotonic()
        if deadline.expired:
            raise ModelSkipped("no time left")
        if now < model.paused_until:
            raise ModelSkipped("its provider asked for a pause", model.paused_until - now)
        if not model.breaker.allows(now):
            raise ModelSkipped("its circuit breaker is open", model.breaker.open_seconds)
        if model.breaker.state == "closed" and model.throttle.rejects(now, self.random_fraction()):
            raise ModelSkipped("its provider rejects most calls", 1.0)

    def _record_success(self, model: GuardedModel) -> None:
        model.throttle.record(self.clock.monotonic(), accepted=True)
        if model.breaker.record_success():
            model.throttle.reset()

    def _record_failure(self, model: GuardedModel, failure: ModelFailure) -> None:
        now = self.clock.monotonic()
        accepted = not failure.outage and not isinstance(failure, ModelOverloaded)
        model.throttle.record(now, accepted)
        if failure.outage:
            before = model.breaker.state
            model.breaker.record_failure(now)
            if model.breaker.state == "open" and before != "open":
                BREAKER_OPENED.labels(model.name).inc()
        elif accepted:
            model.breaker.record_success()
        if isinstance(failure, ModelOverloaded) and failure.retry_after:
            model.paused_until = now + min(failure.retry_after, MAX_PAUSE_SECONDS)

    async def _should_retry(self, attempt: _Attempt, failure: ModelFailure) -> bool:
        """Wait and return True to retry; False to call the next model."""
        max_attempts = {Reaction.RETRY: MAX_ATTEMPTS, Reaction.REPAIR: 2}.get(failure.reaction, 1)
        if attempt.number >= max_attempts:
            return False
        wait = failure.retry_after
        if wait is None:
            wait = backoff(attempt.number, self.random_fraction())
        if wait >= attempt.deadline.remaining() or not attempt.model.retries.withdraw():
            return False
        if wait:
            await asyncio.sleep(wait + PAUSE_MARGIN_SECONDS)
        return True


async def _first_item(first: Any, deadline: Deadline) -> str | CompletionEnd:
    try:
        async with asyncio.timeout(deadline.remaining()):
            piece: str | CompletionEnd = await first
            return piece
    except TimeoutError as error:
        raise ModelTimeout("no response in time") from error
