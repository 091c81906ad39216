"""A pattern as it is stored, and as a caller sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.errors import NotFound
from app.monitoring.domain.failures.patterns import FailurePattern


class PatternNotFound(NotFound):
    code, title = "failure_pattern_not_found", "No such pattern of failures"
    action = "GET /v1/monitoring/failure-patterns lists them; they are stored for the keep_days of the policy."


@dataclass(frozen=True, slots=True)
class StoredPattern:
    """rank: its place among those found at the same time, from 1. It holds no text."""

    id: UUID
    found_at: datetime
    rank: int
    pattern: FailurePattern


@dataclass(frozen=True, slots=True)
class PatternExample:
    answer_id: UUID
    at: datetime
    question: str
    release_id: str


@dataclass(frozen=True, slots=True)
class VisiblePattern:
    """As one caller may see it now. terms: of the questions that the caller may read; none where there are none."""

    stored: StoredPattern
    terms: tuple[str, ...]
    examples: tuple[PatternExample, ...]


@dataclass(frozen=True, slots=True)
class PatternPage:
    """Patterns of one run, the worst first. looked_at: of the run, None before the first."""

    looked_at: datetime | None
    patterns: Sequence[VisiblePattern]
