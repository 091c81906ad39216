"""The contract of the GenAI conventions: names, units, instruments, buckets and required attributes, as release 1.41.1
of them has it. A change here is a change of what dashboards of others read.
"""

from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from app.core import genai, telemetry
from app.core.genai import ModelEndpoint
from tests.recorded import metrics, spans

__all__ = ["metrics", "spans"]

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
METRICS = {
    "gen_ai.client.operation.duration": ("s", SECONDS),
    "gen_ai.client.operation.time_to_first_chunk": ("s", SECONDS),
    "gen_ai.client.operation.time_per_output_chunk": ("s", SECONDS),
    "gen_ai.client.token.usage": ("{token}", TOKENS),
}
REQUIRED = {"gen_ai.operation.name", "gen_ai.provider.name"}
ALLOWED = REQUIRED | {"gen_ai.request.model", "gen_ai.token.type", "server.address", "server.port", "error.type"}
AZURE = ModelEndpoint.at("azure", "gpt-4.1-mini", "https://west.example.com/openai")


def points(reader: InMemoryMetricReader) -> dict[str, tuple[str, list[Any]]]:
    """Unit and points of each metric; every one is a histogram."""
    data = reader.get_metrics_data()
    found = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                assert isinstance(metric.data, Histogram), metric.name
                found[metric.name] = (metric.unit, list(metric.data.data_points))
    return found


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def streamed_chat(error: BaseException | None = None) -> None:
    call = genai.chat(AZURE, attempt=1)
    call.requested(512, 0.0, streamed=True)
    call.chunk(first=True)
    call.chunk(first=False)
    if error is None:
        call.responded("stop", "gpt-4.1-mini-2026")
        call.used(100, 60, 20, 8)
    call.end(error)


def test_each_metric_has_the_name_unit_instrument_buckets_and_attributes_of_the_conventions(
    metrics: InMemoryMetricReader,
) -> None:
    streamed_chat()
    streamed_chat(TimeoutError())
    with genai.embeddings(ModelEndpoint("local", "bge"), 384) as call:
        call.used(7)
    found = points(metrics)
    assert {name: (unit, points[0].explicit_bounds) for name, (unit, points) in found.items()} == METRICS
    every = [dict(point.attributes) for _, all_points in found.values() for point in all_points]
    assert all(set(attributes) >= REQUIRED and set(attributes) <= ALLOWED for attributes in every)
    durations = [dict(point.attributes) for point in found["gen_ai.client.operation.duration"][1]]
    azure = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "server.address": "west.example.com",
        "server.port": 443,
    }
    assert azure in durations
    assert azure | {"error.type": "TimeoutError"} in durations
    usage = {
        (point.attributes["gen_ai.operation.name"], point.attributes["gen_ai.token.type"]): point.sum
        for point in found["gen_ai.client.token.usage"][1]
    }
    assert usage == {("chat", "input"): 100, ("chat", "output"): 20, ("embeddings", "input"): 7}


def test_a_chat_span_has_what_the_conventions_name(spans: InMemorySpanExporter) -> None:
    streamed_chat()
    [span] = spans.get_finished_spans()
    attributes = attributes_of(span)
    assert attributes.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert (span.name, span.kind) == ("chat gpt-4.1-mini", SpanKind.CLIENT)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.request.max_tokens": 512,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "text",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.model": "gpt-4.1-mini-2026",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 8,
        "server.address": "west.example.com",
        "server.port": 443,
        "app.attempt": 1,
    }


def test_the_other_spans_have_what_the_conventions_name(spans: InMemorySpanExporter) -> None:
    with genai.workflow():
        with genai.embeddings(ModelEndpoint("local", "bge"), 384) as call:
            call.used(7)
        with genai.retrieval("index-3", 8, "What was asked?"):
            pass
        with genai.execute_tool("find_ticket", "call_1"):
            pass
        with genai.execute_tool("find_ticket", "what a model wrote as an id"):
            pass
    found = {(span.name, span.kind): attributes_of(span) for span in spans.get_finished_spans()}
    assert found == {
        ("embeddings bge", SpanKind.INTERNAL): {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "local",
            "gen_ai.request.model": "bge",
            "gen_ai.embeddings.dimension.count": 384,
            "gen_ai.usage.input_tokens": 7,
        },
        ("retrieval index-3", SpanKind.CLIENT): {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "index-3",
            "gen_ai.request.top_k": 8.0,
        },
        ("execute_tool find_ticket", SpanKind.INTERNAL): {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find_ticket",
            "gen_ai.tool.type": "function",
        },
        ("invoke_workflow answer", SpanKind.INTERNAL): {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "answer",
        },
    }


def test_a_failed_call_names_the_type_of_the_error_and_not_its_message(spans: InMemorySpanExporter) -> None:
    streamed_chat(ValueError("what the user said"))
    with pytest.raises(KeyError), genai.embeddings(AZURE, 8):
        raise KeyError("what the user said")
    chat, embedded = spans.get_finished_spans()
    assert (attributes_of(chat)["error.type"], attributes_of(embedded)["error.type"]) == ("ValueError", "KeyError")
    assert "what the user said" not in f"{chat.to_json()} {embedded.to_json()}"


def test_a_call_in_a_trace_that_is_not_sampled_sets_no_attribute(spans: InMemorySpanExporter) -> None:
    with telemetry.untraced():
        call = genai.chat(AZURE, attempt=1)
        assert not call.recorded
        call.requested(512, 0.0, streamed=False)
        call.end(None)
    assert spans.get_finished_spans() == ()


def test_the_names_are_of_one_pinned_release() -> None:
    assert telemetry.CONVENTIONS.endswith(f"/{genai.VERSION}")


@pytest.mark.parametrize("wanted", [False, True])
def test_texts_are_on_spans_only_when_they_are_asked_for(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(telemetry, "_content", wanted)
    call = genai.chat(AZURE)
    call.content("Answer briefly.", [("user", "What was asked?")], "What was answered.")
    call.end(None)
    with genai.retrieval("index-3", 8, "What was asked?"):
        pass
    written = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert [text in written for text in ("Answer briefly.", "What was asked?", "What was answered.")] == [wanted] * 3
