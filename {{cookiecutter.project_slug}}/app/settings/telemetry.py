from typing import Literal

from pydantic import BaseModel, Field

from app.core.options import LogFormat, TraceTarget


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
