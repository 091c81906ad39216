"""The spans and metrics of answers on the running service, with content and without."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.adapters.chat.standin import Fault
from app.core import telemetry
from app.core.telemetry import RedactingExporter, configure_tracing, shutdown_tracing
from app.safety.domain.personal_data import DEFAULT_RULES
from tests.core.test_genai import attributes_of, points
from tests.core.test_redaction import found_in
from tests.inference.conftest import TOWER, Service
from tests.recorded import metrics
from tests.safety.outbound_forms import SECRETS, carried

__all__ = ["metrics"]

WHO = "Who built the lighthouse of Karlen?"
BUILT = "It was built in 1874 by the engineer Marta Holm [1]."
CONTENT = {
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.retrieval.query.text",
}


@pytest.fixture
def content() -> bool:
    return False


@pytest.fixture
def spans(content: bool) -> Iterator[InMemorySpanExporter]:
    """What leaves the process."""
    exporter = InMemorySpanExporter()
    configure_tracing("console", 1.0, "test", "0", None, mask=DEFAULT_RULES.mask, content=content)
    assert telemetry._provider
    telemetry._provider._active_span_processor._span_processors = ()
    telemetry._provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(exporter, DEFAULT_RULES.mask)))
    yield exporter
    shutdown_tracing()


def named(spans: InMemorySpanExporter, start: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name.startswith(start)]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_one_trace_with_a_span_for_each_operation_and_each_try(
    service: Service, spans: InMemorySpanExporter, metrics: InMemoryMetricReader, stream: bool
) -> None:
    service.model.faults.append(Fault(503))
    assert (await service.ask(WHO, stream=stream)).status_code == 200
    [workflow], [retrieval] = named(spans, "invoke_workflow"), named(spans, "retrieval")
    failed, tried = named(spans, "chat")
    every = [workflow, retrieval, failed, tried]
    assert len({span.context.trace_id for span in every if span.context}) == 1
    of = [attributes_of(span) for span in every]
    assert [each["gen_ai.operation.name"] for each in of] == ["invoke_workflow", "retrieval", "chat", "chat"]
    assert (of[2]["app.attempt"], of[2]["error.type"]) == (1, "ServerError")
    assert (of[3]["app.attempt"], list(of[3]["gen_ai.response.finish_reasons"])) == (2, ["stop"])
    assert of[3]["server.address"] == "127.0.0.1"
    assert of[3]["gen_ai.usage.input_tokens"] > 0
    assert ("gen_ai.response.time_to_first_chunk" in of[3]) == stream
    assert not [name for each in of for name in each if name in CONTENT]
    assert {span.parent and span.parent.span_id for span in every[1:]} == {
        workflow.context and workflow.context.span_id
    }
    steps = {name: value for name, value in of[0].items() if name.startswith("app.step_ms.")}
    expected = {"screen", "evidence", "hold", "model", "check", "record", "total"} | (
        {"first_text"} if stream else set()
    )
    assert set(steps) == {f"app.step_ms.{name}" for name in expected}
    assert all(0 < spent <= steps["app.step_ms.total"] for spent in steps.values())
    found = points(metrics)
    assert ("gen_ai.client.operation.time_to_first_chunk" in found) == stream
    outcomes = [point.attributes.get("error.type") for point in found["gen_ai.client.operation.duration"][1]]
    assert sorted(map(str, outcomes)) == ["None", "ServerError"]
    assert {point.attributes["gen_ai.token.type"] for point in found["gen_ai.client.token.usage"][1]} == {
        "input",
        "output",
    }


@pytest.mark.parametrize("content", [True])
@pytest.mark.parametrize("stream", [False, True])
async def test_content_is_there_when_asked_for_and_holds_no_secret(
    service: Service, spans: InMemorySpanExporter, content: bool, stream: bool
) -> None:
    said = " ".join(carried(kind) for kind in SECRETS)
    service.model.always = Fault(pieces=(f"{BUILT} {BUILT} {said}",))
    await service.publish(f"{TOWER} {said} Write to ana@example.com.", title="Keys", uri="keys.md")
    assert (await service.ask(WHO, stream=stream)).status_code == 200
    [chat], [search] = named(spans, "chat"), named(spans, "retrieval")
    texts: dict[str, Any] = attributes_of(chat) | attributes_of(search)
    assert set(texts) >= CONTENT
    assert "lighthouse of Karlen" in texts["gen_ai.input.messages"]
    assert "Marta Holm" in texts["gen_ai.output.messages"]
    assert "lighthouse of Karlen" in texts["gen_ai.retrieval.query.text"]
    written = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert found_in(written) == []
    assert "ana@example.com" not in written


async def test_labels_of_metrics_are_bounded_whatever_is_asked_and_replied(
    service: Service, metrics: InMemoryMetricReader
) -> None:
    for number in range(8):
        service.model.faults.append(Fault(pieces=(f"{BUILT} {number}",)))
        await service.ask(f"{WHO} {number}", conversation=f"conversation {number}", stream=bool(number % 2))
    for name, (_, found) in points(metrics).items():
        assert len(found) <= 2, name
