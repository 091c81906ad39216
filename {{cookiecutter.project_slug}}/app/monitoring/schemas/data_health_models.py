from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ResponseModel
from app.monitoring.domain.data_health.health_signal import (
    HealthReport,
    HealthSignal,
    HealthSignalName,
)


class ColumnChangeResponse(ResponseModel):
    """How the columns of a table differ from its version before, or from most other files of its source."""

    added: list[str]
    missing: list[str]
    renamed: list[tuple[str, str]] = Field(description="The name before and the name after.")


class HealthExampleResponse(ResponseModel):
    document_id: UUID
    source: str
    uri: str
    title: str
    change: ColumnChangeResponse | None = Field(description="Of the signal columns, if you may read both tables.")


class HealthSignalResponse(BaseModel):
    signal: HealthSignalName
    subject: str = Field(description="A source, a reason of quarantine, or what the signal is about.")
    value: float = Field(description="Hours, versions, documents, columns, or a share; 1 of `embedder` is another one.")
    usual: float = Field(description="What was usual before, or the limit where there is no before.")
    unhealthy: bool
    examples: list[HealthExampleResponse] = Field(description="Documents that show it and that you may read.")

    @classmethod
    def of(cls, signal: HealthSignal, report: HealthReport) -> "HealthSignalResponse":
        shown = [report.examples[document] for document in signal.examples if document in report.examples]
        examples = [HealthExampleResponse.model_validate(each) for each in shown]
        return cls(**{**asdict(signal), "examples": examples})


class DataHealthResponse(BaseModel):
    """The newest check, the unhealthy signals first. A signal is left out where too little is known."""

    checked_at: datetime | None = Field(description="Null before the first check.")
    signals: list[HealthSignalResponse]

    @classmethod
    def of(cls, report: HealthReport) -> "DataHealthResponse":
        signals = [HealthSignalResponse.of(each, report) for each in report.signals]
        return cls(checked_at=report.checked_at, signals=signals)
