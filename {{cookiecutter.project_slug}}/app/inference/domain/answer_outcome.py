from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.releases.domain import Arm


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What became of one question in live traffic. `failed`: no answer left; then the rest is as nothing.

    groundedness: None for a refusal. helpful: what the asker said, None for nothing.
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
