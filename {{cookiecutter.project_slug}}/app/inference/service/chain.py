import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import structlog

from app.core.clock import Clock, Deadline
from app.core.telemetry import counter
from app.inference.domain.chat import ChatRequest, Completion, Ending, Leave
from app.inference.domain.failures import (
    Declined,
    Hung,
    Interrupted,
    ModelFailure,
    Overloaded,
    Skipped,
    Then,
)
from app.inference.domain.resilience import MOST_ATTEMPTS, Breaker, RetryBudget, Throttle, backoff
from app.inference.ports import ChatModel
from app.inference.service.attempt import Attempt

log = structlog.get_logger(__name__)

SHARE_OF_FIRST = 0.6
"""Of the time left, for a model that has others behind it."""
LONGEST_REST = 30.0
AFTER_REST = 0.01

OPENED = counter("app_model_breaker_opened_total", "Times a model was given up for a while", ("model",))


@dataclass
class Link:
    """One model of the chain with what this process knows about its health. `seconds`: the most one call may
    take.
    """

    model: ChatModel
    seconds: float = 60.0
    breaker: Breaker = field(default_factory=Breaker)
    throttle: Throttle = field(default_factory=Throttle)
    retries: RetryBudget = field(default_factory=RetryBudget)
    resting_until: float = 0.0

    @property
    def name(self) -> str:
        return self.model.name


class Exhausted(Exception):
    """No model of the chain answered; `failures` holds each model's last one, by name."""

    def __init__(self, failures: list[tuple[str, ModelFailure]]) -> None:
        super().__init__(", ".join(f"{name}: {failure.reason}" for name, failure in failures))
        self.failures = failures

    @property
    def declined(self) -> bool:
        return any(isinstance(failure, Declined) for _, failure in self.failures)


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion, the model it came from, and the models that failed before it."""

    model: str
    completion: Completion
    failures: tuple[tuple[str, ModelFailure], ...] = ()


@dataclass(frozen=True, slots=True)
class Began:
    """First item of a stream: from here on the model is settled."""

    model: str
    failures: tuple[tuple[str, ModelFailure], ...] = ()


class Meter(Protocol):
    """Keeps count of what the calls of one request cost."""

    async def before(self, model: str) -> None:
        """Called before each attempt. Errors: Unaffordable, and the next model is asked."""
        ...

    def failed(self, model: str, failure: ModelFailure) -> None: ...

    def leave(self, model: str) -> Leave | None:
        """Where to leave the rest of a stream whose reader goes; None: it is ended."""
        ...


class _Verdict(Enum):
    AGAIN = "again"
    NEXT = "next"


@dataclass(frozen=True)
class ModelChain:
    """Asks the models in turn until one answers. The only place that retries.

    At most three attempts a model and request, and over time no more retries than a tenth of the calls.
    """

    links: tuple[Link, ...]
    clock: Clock
    chance: Callable[[], float] = random.random

    async def complete(self, request: ChatRequest, deadline: Deadline, meter: Meter | None = None) -> Reply:
        """Errors: Exhausted, at the deadline at the latest."""
        failures: list[tuple[str, ModelFailure]] = []
        for place, link in enumerate(self.links):
            turn = self._turn(link, place, deadline)
            for attempt in range(1, MOST_ATTEMPTS + 1):
                try:
                    if meter:
                        await meter.before(link.name)
                    completion = await self._call(link, request, turn, attempt)
                    return Reply(link.name, completion, tuple(failures))
                except ModelFailure as failure:
                    if meter:
                        meter.failed(link.name, failure)
                    if await self._after(link, failure, attempt, turn) is _Verdict.NEXT:
                        failures.append((link.name, failure))
                        break
            if failures and failures[-1][1].then is Then.STOP:
                break
        raise Exhausted(failures)

    async def stream(
        self, request: ChatRequest, deadline: Deadline, meter: Meter | None = None
    ) -> AsyncGenerator[Began | str | Ending, None]:
        """Began, pieces of text, one Ending. Never changes the model after Began.

        Errors: Exhausted before Began; after it Interrupted or Hung.
        """
        failures: list[tuple[str, ModelFailure]] = []
        for place, link in enumerate(self.links):
            turn = self._turn(link, place, deadline)
            for attempt in range(1, MOST_ATTEMPTS + 1):
                begun = False
                try:
                    if meter:
                        await meter.before(link.name)
                    # What has begun may use all the time there is: nobody can take over from it.
                    until = deadline.within(link.seconds)
                    async with aclosing(self._stream(link, request, turn, until, meter, attempt)) as pieces:
                        async for piece in pieces:
                            if not begun:
                                begun = True
                                yield Began(link.name, tuple(failures))
                            yield piece
                    return
                except ModelFailure as failure:
                    if begun:
                        raise
                    if meter:
                        meter.failed(link.name, failure)
                    if await self._after(link, failure, attempt, turn) is _Verdict.NEXT:
                        failures.append((link.name, failure))
                        break
            if failures and failures[-1][1].then is Then.STOP:
                break
        raise Exhausted(failures)

    def _turn(self, link: Link, place: int, deadline: Deadline) -> Deadline:
        link.retries.deposit()
        last = place == len(self.links) - 1
        share = 1.0 if last else SHARE_OF_FIRST
        return deadline.within(min(link.seconds, deadline.remaining() * share))

    async def _call(self, link: Link, request: ChatRequest, turn: Deadline, number: int) -> Completion:
        self._admit(link, turn)
        with Attempt(link.name, number) as attempt:
            try:
                with attempt.current():
                    completion = await link.model.complete(request, turn)
            except ModelFailure as failure:
                self._failed(link, failure)
                raise
            attempt.ended(completion.ending)
        self._succeeded(link)
        return completion

    async def _stream(
        self, link: Link, request: ChatRequest, turn: Deadline, until: Deadline, meter: Meter | None, number: int
    ) -> AsyncGenerator[str | Ending, None]:
        """turn: by when it must have begun; until: by when it must have ended."""
        self._admit(link, turn)
        leave = meter.leave(link.name) if meter else None
        with Attempt(link.name, number) as attempt:
            try:
                async with aclosing(link.model.stream(request, until, leave)) as pieces:
                    with attempt.current():
                        first = await _in_time(anext(pieces), turn)
                    attempt.first(first)
                    yield first
                    async for piece in pieces:
                        if isinstance(piece, Ending):
                            attempt.ended(piece)
                            self._succeeded(link)
                        yield piece
            except ModelFailure as failure:
                self._failed(link, failure)
                raise

    def _admit(self, link: Link, turn: Deadline) -> None:
        now = self.clock.monotonic()
        if turn.expired:
            raise Skipped("no time left")
        if now < link.resting_until:
            raise Skipped("it asked to be left alone", link.resting_until - now)
        if not link.breaker.admits(now):
            raise Skipped("its breaker is open", link.breaker.rest)
        if link.breaker.state == "closed" and link.throttle.refuses(now, self.chance()):
            raise Skipped("it refuses most calls", 1.0)

    def _succeeded(self, link: Link) -> None:
        link.throttle.record(self.clock.monotonic(), True)
        if link.breaker.succeeded():
            link.throttle.reset()

    def _failed(self, link: Link, failure: ModelFailure) -> None:
        now = self.clock.monotonic()
        if failure.parameter:
            log.warning("model.parameter_refused", model=link.name, parameter=failure.parameter, detail=str(failure))
        taken = not failure.outage and not isinstance(failure, Overloaded)
        link.throttle.record(now, taken)
        if failure.outage:
            was = link.breaker.state
            link.breaker.failed(now)
            if link.breaker.state == "open" and was != "open":
                OPENED.labels(link.name).inc()
        elif taken:
            link.breaker.succeeded()
        if isinstance(failure, Overloaded) and failure.retry_after:
            link.resting_until = now + min(failure.retry_after, LONGEST_REST)

    async def _after(self, link: Link, failure: ModelFailure, attempt: int, turn: Deadline) -> _Verdict:
        most = {Then.RETRY: MOST_ATTEMPTS, Then.REPAIR: 2}.get(failure.then, 1)
        if attempt >= most:
            return _Verdict.NEXT
        wait = failure.retry_after
        if wait is None:
            wait = backoff(attempt, self.chance())
        if wait >= turn.remaining() or not link.retries.withdraw():
            return _Verdict.NEXT
        await asyncio.sleep(wait and wait + AFTER_REST)
        return _Verdict.AGAIN


async def _in_time(first: Any, turn: Deadline) -> str | Ending:
    try:
        async with asyncio.timeout(turn.remaining()):
            piece: str | Ending = await first
            return piece
    except TimeoutError as error:
        raise Hung("no reply in time") from error


__all__ = ["Began", "Exhausted", "Interrupted", "Link", "ModelChain", "Reply"]
