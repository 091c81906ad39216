"""The span and metrics of a model call are the same for a plain reply and a stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from app.core import telemetry
from app.core.clock import Deadline, ManualClock
from app.costs.domain import Usage
from app.llm.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    InvalidResponse,
    ModelFailure,
    ModelOverloaded,
    ModelTimeout,
    OutputFiltered,
    RequestRejected,
    ServerError,
)
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, Finish, Message, OnDisconnect
from app.llm.service.fallback import AllModelsFailed, FallbackChain, GuardedModel
from tests.recorded import spans

__all__ = ["spans"]

REQUEST = ChatRequest((Message("user", "Why?"),))
Line = ModelFailure | Finish
FIRST, FINISH = "gen_ai.response.time_to_first_chunk", "gen_ai.response.finish_reasons"


@dataclass
class Scripted:
    """A model with scripted results. traces: the traceparent headers of its calls."""

    name: str
    script: list[Line]
    traces: list[str | None]

    def _ending(self) -> CompletionEnd:
        self.traces.append(telemetry.traceparent())
        line = self.script.pop(0)
        if isinstance(line, ModelFailure):
            raise line
        return CompletionEnd(line, Usage(3, output=2))

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        return Completion("hello", self._ending())

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        ending = self._ending()
        yield "hello"
        yield ending


def counted(name: str, *outcomes: str) -> dict[str, float]:
    samples = {
        each: REGISTRY.get_sample_value("app_model_calls_total", {"model": name, "outcome": each}) for each in outcomes
    }
    samples["seconds"] = REGISTRY.get_sample_value("app_model_seconds_count", {"model": name})
    return {each: value or 0.0 for each, value in samples.items()}


async def observe(
    spans: InMemorySpanExporter, name: str, script: list[Line], *, stream: bool
) -> tuple[list[Any], dict[str, float]]:
    """Spans and metrics of one request to a model and, where that fails, to another."""
    clock = ManualClock()
    models = [Scripted(name, list(script), []), Scripted(f"{name}-next", ["stop"], [])]
    chain = FallbackChain(tuple(GuardedModel(model) for model in models), clock, random_fraction=lambda: 0.0)
    deadline = Deadline.after(10, clock)
    spans.clear()
    try:
        with telemetry.span("root"):
            if stream:
                async for _ in chain.stream(REQUEST, deadline):
                    pass
            else:
                await chain.complete(REQUEST, deadline)
    except AllModelsFailed:
        pass
    *calls, root = spans.get_finished_spans()
    assert all(call.parent is not None and call.parent.span_id == root.context.span_id for call in calls)
    ids = [f"{call.context.span_id:016x}" for call in calls]
    assert ids == [str(trace).split("-")[2] for model in models for trace in model.traces]
    observed = []
    for call in calls:
        different = {"gen_ai.request.model", "gen_ai.request.stream"}
        attributes = {key: value for key, value in (call.attributes or {}).items() if key not in different}
        if attributes["app.outcome"] == "ok":
            assert (FIRST in attributes) == (stream and FINISH in attributes)
        attributes.pop(FIRST, None)
        observed.append((call.name.split()[0], attributes, call.status.status_code.name, call.status.description))
    outcomes = [str(attributes["app.outcome"]) for _, attributes, _, _ in observed]
    return observed, counted(name, *outcomes) | counted(f"{name}-next", "ok")


@pytest.mark.parametrize(
    ("script", "outcomes"),
    [
        (["stop"], ["ok"]),
        (["length"], ["ok"]),
        ([ServerError(), "stop"], ["model_broken", "ok"]),
        ([ModelOverloaded(), ModelOverloaded(), ModelOverloaded()], ["model_overloaded"] * 3 + ["ok"]),
        ([InvalidResponse(), "stop"], ["model_invalid_response", "ok"]),
        ([ModelTimeout()], ["model_timeout", "ok"]),
        ([AuthenticationFailed()], ["model_denied", "ok"]),
        ([RequestRejected()], ["model_unacceptable", "ok"]),
        ([ContentFiltered()], ["model_declined"]),
        ([OutputFiltered()], ["model_declined"]),
    ],
    ids=str,
)
async def test_a_stream_has_the_same_spans_and_metrics_as_a_plain_reply(
    spans: InMemorySpanExporter, script: list[Line], outcomes: list[str], request: pytest.FixtureRequest
) -> None:
    plain, plain_metrics = await observe(spans, f"plain {request.node.name}", script, stream=False)
    streamed, stream_metrics = await observe(spans, f"streamed {request.node.name}", script, stream=True)
    assert plain == streamed
    assert plain_metrics == stream_metrics
    assert [attributes["app.outcome"] for _, attributes, _, _ in plain] == outcomes
    numbers = [attributes["app.attempt"] for _, attributes, _, _ in plain]
    assert numbers[0] == 1
    for _, attributes, status, error in plain:
        ok = attributes["app.outcome"] == "ok"
        assert (status, error is None, "gen_ai.usage.input_tokens" in attributes) == (
            ("UNSET", True, True) if ok else ("ERROR", False, False)
        )


async def test_a_filtered_stream_counts_as_declined(spans: InMemorySpanExporter) -> None:
    ((_, attributes, status, error),), _ = await observe(spans, "filtered", ["content_filter"], stream=True)
    assert (attributes["app.outcome"], attributes[FINISH][0], status, error) == (
        "model_declined",
        "content_filter",
        "ERROR",
        "OutputFiltered",
    )


async def test_a_stream_may_be_closed_in_another_task(spans: InMemorySpanExporter) -> None:
    chain = FallbackChain((GuardedModel(Scripted("left", ["stop"], [])),), ManualClock())
    stream = chain.stream(REQUEST, Deadline.after(10, chain.clock))
    await anext(stream)
    await anext(stream)
    assert telemetry.traceparent() is None
    await asyncio.create_task(stream.aclose())
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["app.outcome"] == "cancelled"
    assert counted("left", "cancelled") == {"cancelled": 1, "seconds": 1}


async def test_a_reader_that_leaves_at_the_end_completes_the_call(spans: InMemorySpanExporter) -> None:
    chain = FallbackChain((GuardedModel(Scripted("complete", ["stop"], [])),), ManualClock())
    async with aclosing(chain.stream(REQUEST, Deadline.after(10, chain.clock))) as items:
        async for item in items:
            if isinstance(item, CompletionEnd):
                break
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["app.outcome"] == "ok"
