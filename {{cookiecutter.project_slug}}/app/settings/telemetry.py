from typing import Literal

from pydantic import BaseModel, Field

from app.core.options import ContentCapture, LogFormat, SamplerName, TraceTarget


class TelemetrySettings(BaseModel):
    """Logs and traces."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe line to log.")
    log_format: LogFormat = Field("json", description="json for machines, console for people.")
    traces: TraceTarget = Field("none", description="Where traces go; with otlp see APP_OTLP_ENDPOINT.")
    service_name: str | None = Field(
        None,
        validation_alias="OTEL_SERVICE_NAME",
        description="Name of the service in traces. Unset: that of OTEL_RESOURCE_ATTRIBUTES, or of the folder.",
    )
    trace_sample: float = Field(0.1, ge=0, le=1, description="Share of traces recorded, decided at the first span.")
    otlp_endpoint: str | None = Field(None, description="Full URL of the collector's OTLP/HTTP traces endpoint.")
    traces_exporter: TraceTarget | None = Field(
        None, validation_alias="OTEL_TRACES_EXPORTER", description="Where traces go while APP_TRACES is none."
    )
    metrics_exporter: TraceTarget = Field(
        "none",
        validation_alias="OTEL_METRICS_EXPORTER",
        description="Where the metrics gen_ai.client.* go, by OTEL_EXPORTER_OTLP_*; Prometheus does not need it.",
    )
    traces_sampler: SamplerName | None = Field(
        None, validation_alias="OTEL_TRACES_SAMPLER", description="Instead of APP_TRACE_SAMPLE."
    )
    traces_sampler_arg: float | None = Field(
        None, ge=0, le=1, validation_alias="OTEL_TRACES_SAMPLER_ARG", description="The share of a traceidratio sampler."
    )
    sdk_disabled: bool = Field(
        False, validation_alias="OTEL_SDK_DISABLED", description="Exports no traces and no gen_ai.client.* metrics."
    )
    content_capture: ContentCapture = Field(
        "NO_CONTENT",
        validation_alias="OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        description="SPAN_ONLY: questions, prompts and answers are in traces, with secrets and personal data masked.",
    )

    @property
    def trace_target(self) -> TraceTarget:
        """Where traces go: what OpenTelemetry's own variables say counts where APP_TRACES is not set."""
        if self.sdk_disabled:
            return "none"
        return self.traces_exporter or "none" if self.traces == "none" else self.traces

    @property
    def metrics_target(self) -> TraceTarget:
        return "none" if self.sdk_disabled else self.metrics_exporter
