import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from app.core.clock import Deadline, ManualClock, SystemClock
from app.costs.domain import Usage
from app.llm.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    InvalidResponse,
    ModelFailure,
    ModelOverloaded,
    ModelTimeout,
    ModelUnreachable,
    ServerError,
    StreamInterrupted,
)
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, Message, OnDisconnect
from app.llm.service.fallback import AllModelsFailed, FallbackChain, GuardedModel, StreamStarted
from tests.clock import leap

ENDING = CompletionEnd("stop", Usage(3, output=2))
REQUEST = ChatRequest((Message("user", "Why?"),))


@dataclass
class Scripted:
    """A model with scripted results: a failure or a text per call; the last one repeats."""

    name: str
    script: list[ModelFailure | str]
    calls: int = 0
    deadlines: list[float] = field(default_factory=list)

    def _next(self, deadline: Deadline) -> str:
        line = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        self.deadlines.append(deadline.remaining())
        if isinstance(line, ModelFailure):
            raise line
        return line

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        return Completion(self._next(deadline), ENDING)

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        for word in self._next(deadline).split():
            if word == "BREAK":
                raise StreamInterrupted("cut")
            yield word
        yield ENDING


def chain_of(*models: Scripted, clock: ManualClock | SystemClock | None = None) -> FallbackChain:
    return FallbackChain(
        tuple(GuardedModel(model) for model in models), clock or ManualClock(), random_fraction=lambda: 0.0
    )


def by(chain: FallbackChain, seconds: float = 10.0) -> Deadline:
    return Deadline.after(seconds, chain.clock)


async def test_the_first_model_that_answers_is_named() -> None:
    one, two = Scripted("one", ["hello"]), Scripted("two", ["never"])
    reply = await chain_of(one, two).complete(REQUEST, Deadline.after(10, ManualClock()))
    assert (reply.model, reply.completion.text, reply.failures) == ("one", "hello", ())
    assert two.calls == 0


async def test_a_broken_model_is_called_three_times_and_then_the_next() -> None:
    one, two = Scripted("one", [ServerError()]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    reply = await chain.complete(REQUEST, by(chain))
    assert (reply.model, one.calls) == ("two", 3)
    assert [name for name, _ in reply.failures] == ["one"]


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        (AuthenticationFailed(), 1),
        (ModelTimeout(), 1),
        (InvalidResponse(), 2),
        (ModelUnreachable(), 3),
        (ModelOverloaded(), 3),
    ],
)
async def test_each_failure_is_retried_as_its_kind_allows(failure: ModelFailure, calls: int) -> None:
    one, two = Scripted("one", [failure]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    assert (await chain.complete(REQUEST, by(chain))).model == "two"
    assert one.calls == calls


async def test_there_is_no_fallback_after_a_content_filter() -> None:
    one, two = Scripted("one", [ContentFiltered()]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    with pytest.raises(AllModelsFailed) as raised:
        await chain.complete(REQUEST, by(chain))
    assert raised.value.content_filtered
    assert two.calls == 0


async def test_retry_after_is_waited_for_when_the_deadline_allows() -> None:
    one = Scripted("one", [ModelOverloaded(retry_after=40), "hello"])
    chain = chain_of(one, clock=SystemClock())
    asking = asyncio.ensure_future(chain.complete(REQUEST, by(chain, 60)))
    await leap(39)
    await leap(0)
    assert one.calls == 1
    await leap(10)
    assert (await asking).completion.text == "hello"


async def test_a_long_retry_after_skips_the_model_now_and_in_later_calls() -> None:
    one, two = Scripted("one", [ModelOverloaded(retry_after=86_400)]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    for _ in range(3):
        assert (await chain.complete(REQUEST, by(chain))).model == "two"
    assert one.calls == 1


async def test_a_pause_of_any_length_ends_after_half_a_minute() -> None:
    one, two = Scripted("one", [ModelOverloaded(retry_after=86_400), "hello"]), Scripted("two", ["hello"])
    clock = ManualClock()
    chain = chain_of(one, two, clock=clock)
    answered = []
    for seconds in (0, 29, 2):
        clock.advance(seconds)
        answered.append((await chain.complete(REQUEST, by(chain))).model)
    assert answered == ["two", "two", "one"]


async def test_a_provider_that_rejects_most_calls_is_asked_less_often_than_it_is_wanted() -> None:
    """Without an outage: the circuit breaker stays closed."""
    busy, fallback = Scripted("busy", [ModelOverloaded()]), Scripted("fallback", ["hello"])
    clock = ManualClock()
    chain = chain_of(busy, fallback, clock=clock)
    for _ in range(60):
        assert (await chain.complete(REQUEST, by(chain))).model == "fallback"
    assert (busy.calls < 20, chain.models[0].breaker.state) == (True, "closed")
    clock.advance(11)
    busy.script = ["hello"]
    assert (await chain.complete(REQUEST, by(chain))).model == "busy"


async def test_the_first_model_leaves_time_for_the_second() -> None:
    one, two = Scripted("one", [ModelTimeout()]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    await chain.complete(REQUEST, by(chain, 10))
    assert one.deadlines == [6.0]
    assert two.deadlines == [10.0]


async def test_after_the_deadline_no_model_is_called() -> None:
    one = Scripted("one", ["hello"])
    chain = chain_of(one)
    with pytest.raises(AllModelsFailed):
        await chain.complete(REQUEST, by(chain, 0))
    assert one.calls == 0


async def test_the_breaker_opens_within_ten_calls_and_closes_within_ten_seconds_of_recovery() -> None:
    clock = ManualClock()
    failing, fallback = Scripted("failing", [ServerError()]), Scripted("fallback", ["hello"])
    chain = chain_of(failing, fallback, clock=clock)
    for _ in range(40):
        assert (await chain.complete(REQUEST, by(chain))).model == "fallback"
    assert failing.calls <= 10
    for _ in range(30):
        clock.advance(1.0)
        await chain.complete(REQUEST, by(chain))
    assert failing.calls <= 10 + 15
    failing.script = ["recovered"]
    for _ in range(20):
        clock.advance(0.5)
        reply = await chain.complete(REQUEST, by(chain))
    assert reply.model == "failing"
    for _ in range(20):
        assert (await chain.complete(REQUEST, by(chain))).model == "failing"


async def test_retries_are_a_tenth_of_the_traffic() -> None:
    clock = ManualClock()
    flaky = Scripted("flaky", [InvalidResponse(), "a", "b", "c", "d"] * 400)
    chain = chain_of(flaky, clock=clock)
    for _ in range(1000):
        clock.advance(0.1)
        try:
            await chain.complete(REQUEST, by(chain))
        except AllModelsFailed:
            continue
    assert flaky.calls - 1000 <= 10 + 1000 * 0.1


async def test_a_stream_starts_with_its_model_and_ends_with_its_usage() -> None:
    one, two = Scripted("one", [ServerError()]), Scripted("two", ["a b"])
    chain = chain_of(one, two)
    items = [item async for item in chain.stream(REQUEST, by(chain))]
    assert isinstance(items[0], StreamStarted)
    assert items[0].model == "two"
    assert items[1:] == ["a", "b", ENDING]


async def test_a_stream_that_breaks_before_its_reader_has_seen_any_of_it_is_tried_again() -> None:
    one, two = Scripted("one", ["a BREAK"]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    items = [item async for item in chain.stream(REQUEST, by(chain), seen=lambda: False)]
    assert items[-2:] == ["hello", ENDING]
    assert (one.calls, two.calls) == (3, 1)
    last = [item for item in items if isinstance(item, StreamStarted)][-1]
    assert (last.model, [(name, failure.reason) for name, failure in last.failures]) == (
        "two",
        [("one", "model_interrupted")],
    )


async def test_a_stream_that_never_begins_leaves_the_time_of_the_next_model_to_it() -> None:
    class Silent(Scripted):
        async def stream(
            self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
        ) -> AsyncGenerator[str | CompletionEnd, None]:
            await asyncio.Event().wait()
            yield ENDING

    chain = chain_of(Silent("one", []), Scripted("two", ["hello"]), clock=SystemClock())
    reading = asyncio.ensure_future(_all(chain.stream(REQUEST, by(chain, 100))))
    await leap(61)
    async with asyncio.timeout(60):
        assert (await reading)[-2:] == ["hello", ENDING]


async def _all(items: AsyncGenerator[object, None]) -> list[object]:
    return [item async for item in items]


async def test_after_the_first_piece_the_model_never_changes() -> None:
    one, two = Scripted("one", ["a BREAK"]), Scripted("two", ["hello"])
    chain = chain_of(one, two)
    items: list[object] = []
    with pytest.raises(StreamInterrupted):
        async for item in chain.stream(REQUEST, by(chain)):
            items.append(item)  # noqa: PERF401, a comprehension would lose what came before the failure
    assert items[1:] == ["a"]
    assert two.calls == 0


async def test_many_requests_at_once_send_one_probe_to_a_failing_model() -> None:
    clock = ManualClock()
    failing, fallback = Scripted("failing", [ServerError()]), Scripted("fallback", ["hello"])
    chain = chain_of(failing, fallback, clock=clock)
    for _ in range(10):
        await chain.complete(REQUEST, by(chain))
    before = failing.calls
    clock.advance(2.5)
    await asyncio.gather(*(chain.complete(REQUEST, by(chain)) for _ in range(20)))
    assert failing.calls == before + 1
