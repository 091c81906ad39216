"""The signals of data health, as they are stored and as a caller sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from app.monitoring.domain.data_health.column_change import ColumnChange

HealthSignalName = Literal[
    "freshness", "volume", "quarantine", "columns", "embedder", "index", "duplicates", "never_cited"
]
"""freshness: hours since the last arrival of a source; volume: versions of a source within a day; quarantine: share of
new versions, by reason; columns: of a table, those that changed; embedder: of the live index; index: documents that it
lacks, and hours of the oldest version in process; duplicates: share of new versions; never_cited: share of documents.
"""
HEALTH_SIGNALS: tuple[HealthSignalName, ...] = get_args(HealthSignalName)
ALL_SOURCES = "all sources"
NOT_IN_INDEX, IN_PROCESS = "documents not in the live index", "oldest version in process"
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class HealthSignal:
    """One row of a check. subject: a source, a reason of quarantine, or what the signal is about. usual: what was usual
    before, or the limit where there is no before. examples: documents; of `columns` the changed one, and the one that
    it was compared with, if that is another.
    """

    signal: HealthSignalName
    subject: str
    value: float
    usual: float
    unhealthy: bool
    examples: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthExample:
    """A document that shows a signal, as one caller may see it. change: of its columns."""

    document_id: UUID
    source: str
    uri: str
    title: str
    change: ColumnChange | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Of a tenant, as one caller may see it. checked_at: None before the first check. examples: by document, those that
    the caller may read.
    """

    checked_at: datetime | None
    signals: tuple[HealthSignal, ...]
    examples: Mapping[UUID, HealthExample]
