"""Documents, their versions and the errors that callers see.

A document is a (tenant, source, uri); every upload to it is a version. received -> processing -> published, quarantined
(with a reason) or superseded by a newer one. A published version is superseded in the transaction that publishes the
next. deleted and discarded are final. Only the published version of a document can be found by a search.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import UUID

from app.core.cursors import PageCursor
from app.core.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Problem, TooLarge
from app.core.text import clean
from app.identity.domain import GROUP_PATTERN
from app.ingestion.domain.quarantine_reasons import QuarantineReason

Status = Literal["received", "processing", "published", "quarantined", "superseded", "discarded", "deleted"]
UNFINISHED = ("received", "processing")
LIVE_CONTENT_STATUSES = ("received", "processing", "published")

DEFAULT_SOURCE = "upload"
_UNSAFE_NAME = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|(?:^|[/\\])\.\.(?:[/\\]|$)|\.\.?%2f|%2f|%5c|%00|\.\.[/\\]", re.IGNORECASE
)
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
SOURCE_PATTERN = "^[A-Za-z0-9][A-Za-z0-9 ._:@/-]{0,99}$"
_SOURCE = re.compile(SOURCE_PATTERN, re.ASCII)


class DocumentNotFound(NotFound):
    code, title = "document_not_found", "No such document"
    action = "GET /v1/documents and 'app documents list' list all documents."


class QuarantineNotFound(NotFound):
    code, title = "quarantine_not_found", "No such quarantine entry"
    action = "GET /v1/quarantine and 'app quarantine list' list the undecided entries."


class QuarantineDecided(Conflict):
    code, title = "quarantine_decided", "The entry has already been decided"


class DocumentSuperseded(Conflict):
    code, title = "document_superseded", "The document has changed in the meantime"
    action = "See its newest version."


class FileTooLarge(TooLarge):
    code, title = "file_too_large", "The file is too large"
    action = "Split the file, or raise the limit in policies/security.yaml or policies/data.yaml."


class TooManyFiles(TooLarge):
    code, title = "too_many_files", "The request has too many files"
    action = "Send them in several requests."


class UnsafeName(Invalid):
    code, title = "unsafe_name", "The file name is not safe"
    action = "Give the file a plain UTF-8 name without path parts, control characters or encoded slashes."


class RepeatedName(Invalid):
    code, title = "repeated_name", "Two files of the request have the same name"
    action = "Give each its own name, or send them one after the other: the second is a new version of the first."


class BadUpload(Invalid):
    code, title = "bad_upload", "The upload is not valid"


class AccessGroupsForbidden(Forbidden):
    code, title = "readers_not_yours", "Only a reader of a document may give others access to it"
    action = "Leave access_groups out to keep the document's access groups, or use a key that is in one of them."


class BadCursor(BadRequest):
    code, title = "bad_cursor", "The cursor is not valid"
    action = "Pass 'next' of the previous page unchanged."


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file. uri: its address within its source; uploads to the same address are versions of a document."""

    name: str
    data: bytes
    uri: str = ""

    @property
    def digest(self) -> bytes:
        return sha256(self.data).digest()


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """The options of a batch of files. access_groups: who may read them; () is everybody, None keeps the groups of the
    document that is at the address, or takes those of the source for a new one. bulk: part of a load of many files.
    """

    source: str = DEFAULT_SOURCE
    access_groups: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class ExistingDocument:
    """The document at an address. live_groups: access groups of its published version; newest_groups: of its newest."""

    document_id: UUID
    live_groups: tuple[str, ...]
    newest_groups: tuple[str, ...]


class ContentKey(NamedTuple):
    """Files with the same key are exact duplicates: the same bytes for the same readers."""

    digest: bytes
    access_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveDuplicate:
    """A version that is published, or being processed, with the content of an upload. flagged: as in UploadResult.
    newest: no later version of its document has come in. unread: as `unread_pages` tells.
    """

    document_id: UUID
    version: int
    status: str
    flagged: bool = False
    newest: bool = True
    unread: str = ""


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result for one file of a batch. status: received, refused (see `problem`) or that of the unchanged document.

    duplicate_of: the document that already has the same content. It is the document itself where nothing has changed,
    and no version was added. flagged: it has findings that its readers see.
    """

    name: str
    source: str
    id: UUID | None = None
    version: int | None = None
    status: str = "refused"
    duplicate_of: UUID | None = None
    problem: Problem | None = None
    access_groups: tuple[str, ...] = ()
    flagged: bool = False

    @property
    def unchanged(self) -> bool:
        return self.id is not None and self.duplicate_of == self.id


@dataclass(frozen=True, slots=True)
class ProcessingAttempt:
    """A version that is being processed. number: a fencing token; only the latest attempt may publish.

    released: codes of the quarantine reasons that a person has overruled. key_version: of the key that `data` is
    encrypted with; None when it is not. received_by: who uploaded it.
    """

    tenant_id: UUID
    document_id: UUID
    version: int
    number: int
    source: str
    uri: str
    name: str
    data: bytes
    access_groups: tuple[str, ...]
    metadata: Mapping[str, str]
    released: frozenset[str]
    key_version: int | None = None
    received_by: str = ""


@dataclass(frozen=True, slots=True)
class ProcessingResult:
    """How the processing of a version ended. reason: of a quarantined one."""

    status: str
    reason: QuarantineReason | None = None


class Cursor(PageCursor):
    """Pages are newest first."""

    unreadable = BadCursor


def check_name(name: str) -> str:
    """The name if it is safe to store. Errors: UnsafeName."""
    if not name or len(name) > 255 or _UNSAFE_NAME.search(name):
        raise UnsafeName(
            "The name has path parts, control characters, encoded slashes or bytes that are not UTF-8, "
            "or is longer than 255."
        )
    return name


def check_uri(uri: str) -> str:
    """Errors: UnsafeName."""
    if len(uri) > 1000 or _NOT_TEXT.search(uri):
        raise UnsafeName(
            "The uri has control characters or bytes that are not UTF-8, or is longer than 1,000 characters."
        )
    return uri


def check_source(source: str) -> str:
    """The name if it can be one of a source. Errors: BadUpload."""
    if not _SOURCE.fullmatch(source):
        raise BadUpload("A source is 1 to 100 letters, digits, blanks or ._:@/- characters.")
    return source


def upload_options(source: str | None, groups: Iterable[str] | None, metadata: Mapping[str, Any]) -> UploadOptions:
    """The options of a batch, checked. groups: None where none were given. Errors: BadUpload."""
    name = check_source((source or DEFAULT_SOURCE).strip())
    access_groups = None if groups is None else tuple(sorted({group.strip() for group in groups if group.strip()}))
    if not all(GROUP_PATTERN.fullmatch(group) for group in access_groups or ()):
        raise BadUpload("An access group is 1 to 100 letters, digits or ._:@/- characters, without blanks.")
    if len(metadata) > 50 or not all(isinstance(value, str | int | float) for value in metadata.values()):
        raise BadUpload("'metadata' is a JSON object of at most 50 texts or numbers.")
    cleaned = {clean(str(key))[:100]: clean(str(value))[:2000] for key, value in metadata.items()}
    return UploadOptions(name, access_groups, cleaned)
