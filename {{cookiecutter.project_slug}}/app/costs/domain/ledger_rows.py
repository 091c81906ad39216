"""Rows of the cost ledger and the sums that are read from it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from app.costs.domain.prices import Charge

Feature = Literal[
    "answer", "search", "embedding_document", "embedding_query", "evaluation", "judging", "online_judging"
]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger. Never changed, never removed."""

    id: UUID
    tenant_id: UUID
    at: datetime
    feature: Feature
    subject_id: UUID | None
    key_id: UUID | None
    release_id: str | None
    charge: Charge
    kind: Literal["charge"] = "charge"
    environment: str = "production"


@dataclass(frozen=True, slots=True)
class CostTotal:
    """What one day, feature, model, release or environment cost."""

    key: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    micro_usd: int


@dataclass(frozen=True, slots=True)
class CostReport:
    since: date
    until: date
    time_zone: str
    total: CostTotal
    by_day: tuple[CostTotal, ...]
    by_feature: tuple[CostTotal, ...]
    by_model: tuple[CostTotal, ...]
    by_release: tuple[CostTotal, ...]
    by_environment: tuple[CostTotal, ...]
