import pytest

from app.core.errors import StartRefused
from app.settings import load_settings


@pytest.mark.parametrize(
    ("variables", "traces", "metrics"),
    [
        ({}, "none", "none"),
        ({"APP_TRACES": "console"}, "console", "none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp"}, "otlp", "otlp"),
        ({"APP_TRACES": "console", "OTEL_TRACES_EXPORTER": "otlp"}, "console", "none"),
        ({"APP_TRACES": "none", "OTEL_TRACES_EXPORTER": "otlp"}, "otlp", "none"),
        ({"APP_TRACES": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, "none", "none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, "none", "none"),
    ],
)
def test_where_traces_and_metrics_go(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], traces: str, metrics: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.trace_target, settings.metrics_target) == (traces, metrics)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_TRACE_SAMPLE", "-0.01"),
        ("APP_TRACE_SAMPLE", "nan"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.01"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "EVENT_ONLY"),
        ("APP_LOG_LEVEL", "TRACE"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_its_variable_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartRefused, match=f"^{name}: "):
        load_settings()
