import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from app.core import genai
from app.core.errors import StartRefused
from app.core.logging import configure_logging
from app.core.telemetry import configure_tracing, current_trace_id, shutdown_tracing, span, traceparent
from app.settings import load_settings
from app.wiring import observe
from tests.conftest import ROOT

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The output of the console exporter, complete after `shutdown_tracing`."""
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    configure_tracing("console", 1.0, "test", "0", None)
    yield printed
    shutdown_tracing()


async def test_a_request_continues_the_trace_of_its_caller(client: httpx.AsyncClient, console: io.StringIO) -> None:
    await client.get("/v1/keys/../keys", headers={"traceparent": PARENT})
    shutdown_tracing()
    spans = [
        json.loads(text) for text in console.getvalue().replace("}\n{", "}\x00{").split("\x00") if "trace_id" in text
    ]
    server = next(one for one in spans if one["kind"] == "SpanKind.SERVER")
    assert server["context"]["trace_id"] == "0x0af7651916cd43dd8448eb211c80319c"
    assert (server["name"], server["attributes"]["http.route"]) == ("GET /v1/keys", "/v1/keys")


def test_a_failed_step_is_marked_and_the_error_propagates(console: io.StringIO) -> None:
    with pytest.raises(KeyError), span("step"):
        raise KeyError("what the user said")
    shutdown_tracing()
    printed = console.getvalue()
    assert '"error.type": "KeyError"' in printed
    assert "what the user said" not in printed


def test_there_is_a_trace_id_even_when_nothing_is_recorded() -> None:
    configure_tracing("none", 1.0, "test", "0", None)
    with span("outer"):
        outer = current_trace_id()
        with span("inner"):
            assert current_trace_id() == outer != ""
            assert traceparent() is not None
    shutdown_tracing()
    assert current_trace_id() == ""


def test_a_log_line_is_one_json_object_with_request_and_trace_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    try:
        configure_tracing("none", 1.0, "test", "0", None)
        with span("outer"), structlog.contextvars.bound_contextvars(request_id="r-1"):
            structlog.get_logger("x").info("happened", count=3)
            trace_id = current_trace_id()
        line = json.loads(capsys.readouterr().err)
        assert (line["event"], line["count"], line["request_id"], line["trace_id"]) == ("happened", 3, "r-1", trace_id)
    finally:
        shutdown_tracing()
        structlog.reset_defaults()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_SERVICE_NAME": "answers-eu"}, "answers-eu"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=answers-us,team=a"}, "answers-us"),
        ({"OTEL_SERVICE_NAME": "answers-eu", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other"}, "answers-eu"),
        ({"OTEL_SERVICE_NAME": ""}, ROOT.name),
        ({}, ROOT.name),
    ],
)
def test_the_service_name_of_traces_comes_from_the_environment(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        observe(load_settings(root=ROOT, traces="console", trace_sample=1.0))
        with span("step"):
            pass
    finally:
        shutdown_tracing()
        structlog.reset_defaults()
    shown = json.loads(printed.getvalue())["resource"]["attributes"]
    assert shown["service.name"] == expected
    assert shown.get("team") == ("a" if "team" in str(variables) else None)


def test_a_service_name_in_the_env_file_counts_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OTEL_SERVICE_NAME=answers-eu\n")
    assert load_settings().service_name == "answers-eu"


async def test_a_span_of_a_request_follows_the_stable_conventions(
    client: httpx.AsyncClient, console: io.StringIO
) -> None:
    await client.get("/v1/keys?limit=what-somebody-said")
    await client.request("BREW", "/v1/keys")
    await client.get("/no/such/page")
    for quiet in ("/health/live", "/health/ready", "/metrics"):
        await client.get(quiet)
    shutdown_tracing()
    printed = console.getvalue()
    spans = [json.loads(text) for text in printed.replace("}\n{", "}\x00{").split("\x00") if "trace_id" in text]
    server = {span["name"]: span["attributes"] for span in spans if span["kind"] == "SpanKind.SERVER"}
    assert set(server) == {"GET /v1/keys", "HTTP /v1/keys", "GET"}
    keys = server["GET /v1/keys"]
    expected = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/v1/keys",
        "url.path": "/v1/keys",
        "url.scheme": "http",
    }
    assert expected.items() <= keys.items()
    assert server["HTTP /v1/keys"]["http.request.method"] == "_OTHER"
    assert "http.route" not in server["GET"]
    assert "what-somebody-said" not in printed
    assert not [span for span in spans if "health" in str(span) or "/metrics" in str(span)]


@pytest.mark.parametrize(
    ("variables", "traces", "recorded"),
    [
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "always_on"}, "none", True),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "always_off"}, "none", False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, "console", False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, "console", True),
        ({"OTEL_SDK_DISABLED": "true"}, "console", False),
        ({}, "console", True),
        ({}, "none", False),
    ],
)
def test_exporter_sampler_and_switch_of_the_environment_are_honoured(
    variables: dict[str, str], traces: str, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        observe(load_settings(root=ROOT, traces=traces, trace_sample=1.0))
        with span("step"):
            assert current_trace_id() != ""
    finally:
        shutdown_tracing()
        structlog.reset_defaults()
    assert ("step" in printed.getvalue()) == recorded


@pytest.mark.parametrize(("disabled", "exported"), [("false", True), ("true", False)])
def test_metrics_go_where_the_environment_says(disabled: str, exported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console")
    monkeypatch.setenv("OTEL_SDK_DISABLED", disabled)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a")
    try:
        observe(load_settings(root=ROOT))
        genai.chat(genai.ModelEndpoint("openai", "m")).end(None)
    finally:
        shutdown_tracing()
        genai.use_meter(None)
        structlog.reset_defaults()
    assert ("gen_ai.client.operation.duration" in printed.getvalue()) == exported
    assert ('"team": "a"' in printed.getvalue()) == exported


def test_a_value_that_the_environment_may_not_have_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "jaeger_remote")
    with pytest.raises(StartRefused, match="OTEL_TRACES_SAMPLER"):
        load_settings(root=ROOT)
