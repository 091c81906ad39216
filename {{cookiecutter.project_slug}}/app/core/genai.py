"""The OpenTelemetry semantic conventions of generative AI: the only module that knows their names, units and buckets.

They are still in development, and every release of them may rename; the metrics `app_…` are the service's own and do
not change with them. Another release of the conventions is a change of this file and of its contract test.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, SpanKind

from app.core.telemetry import captures_content, mark_failed, span, start_span, within

VERSION: Final = "1.41.1"
"""The last tagged release that defines them."""

DURATION_BUCKETS: Final = tuple(0.01 * 2**n for n in range(14))
TOKEN_BUCKETS: Final = tuple(4**n for n in range(14))
MAX_CONTENT_CHARACTERS: Final = 8000
WORKFLOW: Final = "answer"
# The well-known name of a provider, by the name that the price list uses.
PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


_CALL_ID: Final = re.compile(r"[\w.:-]{1,100}")


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """What a call goes to. provider: its name in the price list. address, port: None for a model in this process."""

    provider: str
    model: str
    address: str | None = None
    port: int | None = None

    @classmethod
    def at(cls, provider: str, model: str, url: str) -> "ModelEndpoint":
        parts = urlsplit(url)
        return cls(provider, model, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


class Instruments:
    """The metrics of clients, as the conventions define them."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, text: str) -> Any:
            return meter.create_histogram(
                name, unit="s", description=text, explicit_bucket_boundaries_advisory=DURATION_BUCKETS
            )

        self.duration = seconds("gen_ai.client.operation.duration", "GenAI operation duration.")
        self.first_chunk = seconds("gen_ai.client.operation.time_to_first_chunk", "Time to receive the first chunk.")
        self.per_chunk = seconds("gen_ai.client.operation.time_per_output_chunk", "Time per output chunk.")
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )


_instruments: list[Instruments] = []


def use_meter(meter: Meter | None) -> None:
    """Record the metrics with this meter; None records nothing, and costs nothing."""
    _instruments[:] = [Instruments(meter)] if meter else []


@lru_cache(maxsize=256)
def _attributes(operation: str, endpoint: ModelEndpoint) -> dict[str, Any]:
    """Of spans and metrics of an operation at an endpoint, computed once. Must not be changed."""
    server = {"server.address": endpoint.address, "server.port": endpoint.port} if endpoint.address else {}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(endpoint.provider, endpoint.provider),
        "gen_ai.request.model": endpoint.model,
        **server,
    }


class GenAICall:
    """One try of a call to a model: a span, and its metrics. Where the block is one of a generator, the span is the
    current one only inside `current`.
    """

    def __init__(self, operation: str, endpoint: ModelEndpoint, **own: Any) -> None:
        """own: attributes of the service's own, without the prefix `app.`."""
        self._common = _attributes(operation, endpoint)
        kind = SpanKind.CLIENT if endpoint.address else SpanKind.INTERNAL
        self.span: Span = start_span(f"{operation} {endpoint.model}", kind, self._common)
        self._began = self._last = time.perf_counter()
        self._streamed = False
        if self.recorded and own:
            self.own(**own)

    @property
    def recorded(self) -> bool:
        return self.span.is_recording()

    def own(self, **attributes: Any) -> None:
        """Attributes of the service's own, where the span is recorded."""
        if self.recorded:
            self.span.set_attributes({f"app.{name}": value for name, value in attributes.items()})

    def current(self) -> AbstractContextManager[None]:
        return within(self.span)

    def requested(self, max_tokens: int, temperature: float | None, streamed: bool) -> None:
        self._streamed = streamed
        if not self.recorded:
            return
        self.span.set_attribute("gen_ai.request.max_tokens", max_tokens)
        self.span.set_attribute("gen_ai.output.type", "text")
        if temperature is not None:
            self.span.set_attribute("gen_ai.request.temperature", float(temperature))
        if streamed:
            self.span.set_attribute("gen_ai.request.stream", True)

    def dimensions(self, count: int) -> None:
        if self.recorded:
            self.span.set_attribute("gen_ai.embeddings.dimension.count", count)

    def chunk(self, first: bool) -> None:
        """A chunk of a stream has arrived."""
        now = time.perf_counter()
        if first and self.recorded:
            self.span.set_attribute("gen_ai.response.time_to_first_chunk", round(now - self._began, 6))
        for metrics in _instruments:
            if first:
                metrics.first_chunk.record(now - self._began, self._common)
            else:
                metrics.per_chunk.record(now - self._last, self._common)
        self._last = now

    def responded(self, finish: str, model: str | None) -> None:
        if self.recorded:
            self.span.set_attribute("gen_ai.response.finish_reasons", [finish])
            if model:
                self.span.set_attribute("gen_ai.response.model", model)

    def used(self, input: int, cached: int = 0, output: int | None = None, reasoning: int = 0) -> None:
        """The tokens that the provider reported: input with the cached ones, output with those of reasoning. Nothing is
        recorded of a call whose provider reported none.
        """
        counts = {"input": input} if output is None else {"input": input, "output": output}
        if self.recorded:
            kinds = {**counts, "cache_read.input": cached, "reasoning.output": reasoning}
            shown = {name: count for name, count in kinds.items() if count or name in counts}
            self.span.set_attributes({f"gen_ai.usage.{name}_tokens": count for name, count in shown.items()})
        for metrics in _instruments:
            for kind, count in counts.items():
                metrics.tokens.record(count, {**self._common, "gen_ai.token.type": kind})

    def content(self, system: str, messages: Iterable[tuple[str, str]], reply: str | None) -> None:
        """The texts, where the environment asks for them; the exporter masks secrets and personal data in them."""
        if not (self.recorded and captures_content()):
            return
        asked = [_message(role, text) for role, text in messages]
        self.span.set_attribute("gen_ai.system_instructions", _json([{"type": "text", "content": system}]))
        self.span.set_attribute("gen_ai.input.messages", _json(asked))
        if reply is not None:
            self.span.set_attribute("gen_ai.output.messages", _json([_message("assistant", reply)]))

    def end(self, error: BaseException | None) -> None:
        failed = {} if error is None else {"error.type": type(error).__name__}
        if isinstance(error, Exception):
            mark_failed(self.span, error)
        elif error is not None and self.recorded:
            self.span.set_attributes(failed)
        self.span.end()
        for metrics in _instruments:
            metrics.duration.record(time.perf_counter() - self._began, {**self._common, **failed})

    def __enter__(self) -> "GenAICall":
        self._entered = within(self.span)
        self._entered.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.__exit__(kind, error, trace)
        self.end(error)


def chat(endpoint: ModelEndpoint, **own: Any) -> GenAICall:
    """A call to a chat model, which `end` ends."""
    return GenAICall("chat", endpoint, **own)


def embeddings(endpoint: ModelEndpoint, dimensions: int) -> GenAICall:
    """A context manager around a request for embeddings."""
    call = GenAICall("embeddings", endpoint)
    call.dimensions(dimensions)
    return call


def retrieval(data_source: str, limit: int, query: str, **own: Any) -> AbstractContextManager[Span]:
    """A search in one index."""
    attributes = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": data_source,
        "gen_ai.request.top_k": float(limit),
        **{f"app.{name}": value for name, value in own.items()},
    }
    if captures_content():
        attributes["gen_ai.retrieval.query.text"] = query[:MAX_CONTENT_CHARACTERS]
    return span(f"retrieval {data_source}", SpanKind.CLIENT, **attributes)


def execute_tool(name: str, call_id: str) -> AbstractContextManager[Span]:
    """A tool that runs here. name: of this service's own catalogue, never what a model wrote."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
    }
    if _CALL_ID.fullmatch(call_id):  # a provider makes it up, so that it could be any text
        attributes["gen_ai.tool.call.id"] = call_id
    return span(f"execute_tool {name}", **attributes)


_WORKFLOW_ATTRIBUTES: Final[dict[str, Any]] = {
    "gen_ai.operation.name": "invoke_workflow",
    "gen_ai.workflow.name": WORKFLOW,
}


def workflow() -> AbstractContextManager[Span]:
    """The whole answer."""
    return span(f"invoke_workflow {WORKFLOW}", **_WORKFLOW_ATTRIBUTES)


def start_workflow() -> Span:
    """The whole answer as a stream: a span that lasts across its yields, which the caller ends."""
    return start_span(f"invoke_workflow {WORKFLOW}", attributes=_WORKFLOW_ATTRIBUTES)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text[:MAX_CONTENT_CHARACTERS]}]}


def _json(value: list[dict[str, Any]]) -> str:
    return json.dumps(value, ensure_ascii=False)
