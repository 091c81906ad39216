"""What is counted about the data of a tenant, before it is judged. Days are counted back from the check: 0 is the last
24 hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

RECENT_DAYS = 7
"""A change of columns is reported for so long, and a share is that of so many days at most."""
ENDED_DAYS = 90
"""A source that was silent for longer has ended."""


@dataclass(frozen=True, slots=True)
class ArrivalHour:
    """Versions of a source that were received in one hour of those before the check."""

    source: str
    first: datetime
    last: datetime
    day: int
    versions: int


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Versions received on a day that went to quarantine for a reason, or that are duplicates. examples: the newest."""

    reason: str
    day: int
    versions: int
    examples: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ChangedTable:
    """A table of the last days whose columns differ from those of its version before, or of most other files of its
    source. other: the file that it was compared with, None where that is its version before.
    """

    document_id: UUID
    source: str
    columns: tuple[str, ...]
    other: UUID | None
    columns_before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnfinishedVersions:
    """oldest: when the oldest version was received that is not processed yet; None where there is none."""

    oldest: datetime | None
    examples: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class UncitedDocuments:
    """documents: those published for longer than the days. answers: of the days."""

    documents: int
    never_cited: int
    answers: int
    examples: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class IndexMatch:
    """The live index beside the embedder that the settings name. missing: documents that it lacks."""

    number: int
    same_embedder: bool
    missing: int
    examples: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class DataObservations:
    """living: sources that still have documents. duplicates: with the reason `duplicate`."""

    arrivals: Sequence[ArrivalHour]
    living: frozenset[str]
    quarantined: Sequence[HeldBack]
    duplicates: Sequence[HeldBack]
    tables: Sequence[ChangedTable]
    unfinished: UnfinishedVersions
    index: IndexMatch
    uncited: UncitedDocuments

    @property
    def versions(self) -> Mapping[int, int]:
        """All versions by the day on which they were received."""
        days: dict[int, int] = {}
        for each in self.arrivals:
            days[each.day] = days.get(each.day, 0) + each.versions
        return days
