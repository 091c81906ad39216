from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.releases.domain import Arm


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """The outcome of one question in live traffic. failed: there was no answer; then the other fields have defaults.

    groundedness: None for a refusal. helpful: the asker's feedback, None without any.
    """

    release_id: str
    arm: Arm
    tenant_id: UUID
    unit: str
    at: datetime
    failed: bool = False
    refused: bool = False
    degraded: bool = False
    findings: int = 0
    groundedness: float | None = None
    latency_ms: float = 0.0
    micro_usd: int = 0
    helpful: bool | None = None
