"""Replies of real providers, with and without streaming, as the caller sees them."""

import json

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from pydantic import SecretStr

from app.adapters.chat.standin import Fault
from tests.inference.conftest import TOWER, Open, Service
from tests.recorded import spans

__all__ = ["spans"]

WHO = "Who built the lighthouse of Karlen?"
TEXT = ("It was built in 1874 ", "by the engineer Marta Holm. [1]")


async def asked(service: Service, stream: bool) -> tuple[str, dict[str, object]]:
    """The whole response text, and the answer."""
    reply = await service.ask(WHO, stream=stream)
    assert reply.status_code == 200
    if not stream:
        return reply.text, reply.json()
    data = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
    return reply.text, json.loads(data[-1])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["reasoning_content", "<think>", "<thought>"])
async def test_reasoning_is_never_delivered(service: Service, where: str, stream: bool) -> None:
    service.model.faults.append(Fault(pieces=TEXT, reasoning=("the secret ", "plan"), reasoning_in=where))
    whole, answer = await asked(service, stream)
    assert "secret" not in whole
    assert where not in whole
    assert answer["model"] == service.model.model
    assert "Marta Holm" in str(answer["text"])


async def test_reasoning_is_counted(service: Service) -> None:
    labels = {"model": service.model.model}
    before = REGISTRY.get_sample_value("app_model_reasoning_tokens_total", labels) or 0
    service.model.faults.append(Fault(pieces=TEXT, reasoning=("x" * 40,), reasoning_in="reasoning"))
    await asked(service, stream=False)
    service.model.faults.append(Fault(pieces=TEXT, reasoning=("x" * 40,), reasoning_in="<think>"))
    await asked(service, stream=True)
    after = REGISTRY.get_sample_value("app_model_reasoning_tokens_total", labels) or 0
    assert 20 <= after - before <= 28


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_field_is_left_out_at_once_and_from_then_on(service: Service, stream: bool) -> None:
    error = {"message": "Unsupported parameter: 'temperature' is not supported with this model."}
    service.model.faults.append(Fault(400, body=json.dumps({"error": error}).encode()))
    for _ in range(2):
        _, answer = await asked(service, stream)
        assert (answer["model"], answer["degraded"], answer["reasons"]) == (service.model.model, False, [])
    assert ["temperature" in call.body for call in service.model.calls] == [True, False, False]
    charges = await service.rows("select count(*) from ledger where micro_usd > 0")
    assert charges == [(2,)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_rejected_key_gives_way_to_another(open_service: Open, stream: bool) -> None:
    service = await open_service(options={"api_keys": [SecretStr("first"), SecretStr("second")]})
    await service.publish(TOWER)
    service.model.faults.append(Fault(429))
    _, answer = await asked(service, stream)
    assert (answer["model"], answer["degraded"]) == (service.model.model, False)
    assert [call.headers["authorization"] for call in service.model.calls] == ["bearer first", "bearer second"]


@pytest.mark.parametrize("stream", [False, True])
async def test_configured_fields_are_left_out_and_renamed(open_service: Open, stream: bool) -> None:
    options = {"omit": ("temperature", "stream"), "rename": {"max_tokens": "max_completion_tokens"}}
    service = await open_service(options=options)
    await service.publish(TOWER)
    _, answer = await asked(service, stream)
    assert answer["model"] == service.model.model
    (call,) = service.model.calls
    assert call.body.keys() == {"model", "messages", "max_completion_tokens"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_of_the_model_is_delivered_and_nothing_is_quoted(service: Service, stream: bool) -> None:
    service.model.faults.append(Fault(pieces=(), refusal="I cannot help with that."))
    _, answer = await asked(service, stream)
    assert (answer["status"], answer["refusal"], answer["citations"]) == ("refused", "declined", [])
    assert len(service.model.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_an_overload_with_status_200_is_tried_again(service: Service, stream: bool) -> None:
    service.model.faults.append(Fault(body=b'{"error": {"message": "Provider returned error", "code": 429}}'))
    _, answer = await asked(service, stream)
    assert (answer["model"], answer["degraded"], len(service.model.calls)) == (service.model.model, False, 2)


@pytest.mark.parametrize("stream", [False, True])
async def test_each_call_to_a_model_is_a_span_of_its_own(
    service: Service, spans: InMemorySpanExporter, stream: bool
) -> None:
    service.model.faults.append(Fault(503))
    _, answer = await asked(service, stream)
    assert answer["model"] == service.model.model
    found = spans.get_finished_spans()
    (around,) = [span for span in found if span.name == "invoke_workflow answer"]
    calls = [span for span in found if span.name == f"chat {service.model.model}"]
    assert {span.parent and span.parent.span_id for span in calls} == {around.context.span_id}
    results = [(span.attributes["app.attempt"], span.attributes["app.outcome"]) for span in calls if span.attributes]
    assert results == [(1, "model_broken"), (2, "ok")]
    assert "model" in answer["timings_ms"]  # type: ignore[operator]
    sent = [call.headers["traceparent"].split("-")[2] for call in service.model.calls]
    assert sent == [f"{span.context.span_id:016x}" for span in calls]
