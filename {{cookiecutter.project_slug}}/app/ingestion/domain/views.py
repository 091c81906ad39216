"""Views of documents and quarantine entries for callers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.safety.domain.text import Finding


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which documents a caller may see: those of its access groups.

    all_groups: those of every access group; only for commands on the machine. manages: also documents that are not
    published yet. uploader: the caller, who sees the status of its own uploads whatever their access groups.
    """

    all_groups: bool
    groups: tuple[str, ...]
    manages: bool
    uploader: str


@dataclass(frozen=True, slots=True)
class DocumentDetails:
    """A document with its newest version. live_version: the published one. quarantine_id, reason, detail and
    duplicate_of: of the open quarantine entry of the newest version.
    """

    id: UUID
    source: str
    uri: str
    name: str
    title: str
    status: str
    version: int
    live_version: int | None
    access_groups: tuple[str, ...]
    metadata: Mapping[str, Any]
    sha256: str
    size: int
    kind: str | None
    language: str | None
    characters: int | None
    findings: tuple[Finding, ...]
    created_at: datetime
    updated_at: datetime
    quarantine_id: UUID | None = None
    reason: str | None = None
    detail: str | None = None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A version that was not published, and the decision on it, if there is one."""

    id: UUID
    document_id: UUID
    version: int
    name: str
    source: str
    uri: str
    size: int
    sha256: str
    access_groups: tuple[str, ...]
    reason: str
    detail: str
    duplicate_of: UUID | None
    findings: tuple[Finding, ...]
    created_at: datetime
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class NewestVersion:
    """The status of a document's newest version. reason, detail: of its open quarantine entry."""

    document_id: UUID
    version: int
    status: str
    findings: tuple[Finding, ...]
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class DocumentColumns:
    """A document with the columns of its newest version, where that is a table, and those of the table before; none
    where the caller could not read that version.
    """

    document_id: UUID
    source: str
    uri: str
    title: str
    columns: tuple[str, ...]
    columns_before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """A file as it was uploaded."""

    name: str
    data: bytes
