from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.monitoring.domain.drift.signals import DriftReferences, StoredCheck
from app.monitoring.domain.failures.stored_pattern import PatternExample


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Of a tenant, as one caller may see it. checks: the newest of each signal. examples: by answer, those that the
    caller may read.
    """

    references: DriftReferences | None
    checks: tuple[StoredCheck, ...]
    examples: Mapping[UUID, PatternExample]
