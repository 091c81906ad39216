"""Requests for export and erasure: what they name, what they found, and their receipts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.errors import Conflict, Invalid, NotFound
from app.privacy.domain.spellings import pattern_of, words_of

Selector = Literal["subject", "document", "conversation", "asker", "key", "tenant"]
RequestKind = Literal["export", "erase"]
RequestState = Literal["running", "done", "blocked"]
HoldKind = Literal["document", "answer", "key", "tenant"]
MIN_SUBJECT_CHARACTERS = 3


class SubjectTooShort(Invalid):
    code, title = "subject_too_short", "The subject is too short"
    action = "Give a whole name, address or number; what contains it would be erased."


class PrivacyContentNotFound(NotFound):
    code, title = "privacy_content_not_found", "Nothing of this tenant belongs to that"
    action = "Check the spelling and the tenant; other spellings of a name are separate requests."


class PrivacyRequestNotFound(NotFound):
    code, title = "privacy_request_not_found", "No such request"
    action = "'app privacy requests' lists the requests of a tenant."


class LegalHoldNotFound(NotFound):
    code, title = "legal_hold_not_found", "No such legal hold"
    action = "'app privacy holds' lists the legal holds of a tenant."


class ErasureUnfinished(Conflict):
    code, title = "erasure_unfinished", "The erasure is not complete yet"
    action = "The worker continues it by itself; 'app privacy resume' does so now."


class ErasureBlocked(Conflict):
    code, title = "erasure_blocked", "A legal hold is on what would be erased"
    action = "Lift the legal hold, then resume the request."


class TombstonesUnusable(Invalid):
    code, title = "tombstones_unusable", "The file holds no tombstones of this service"
    action = "Give the file that APP_TOMBSTONES names."


@dataclass(frozen=True, slots=True)
class Selection:
    """What a request is about. value: the text, the id, the name or the prefix."""

    selector: Selector
    value: str

    @property
    def pattern(self) -> str | None:
        """The regular expression of a subject; None for the others, which are found by their ids.

        Errors: SubjectTooShort.
        """
        if self.selector != "subject":
            return None
        if len(" ".join(words_of(self.value))) < MIN_SUBJECT_CHARACTERS:
            raise SubjectTooShort(f"'{self.value}' has fewer than {MIN_SUBJECT_CHARACTERS} characters.")
        return pattern_of(self.value)


@dataclass(frozen=True, slots=True)
class ErasureScope:
    """What a request erases: ids, and the pattern of a subject. everything: all of the tenant."""

    documents: tuple[UUID, ...] = ()
    answers: tuple[UUID, ...] = ()
    actions: tuple[UUID, ...] = ()
    tickets: tuple[UUID, ...] = ()
    keys: tuple[UUID, ...] = ()
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    pattern: str | None = None
    everything: bool = False

    @property
    def ids(self) -> dict[str, list[str]]:
        """As it is stored with the receipt: no text."""
        kinds = ("documents", "answers", "actions", "tickets", "keys")
        return {kind: sorted(map(str, getattr(self, kind))) for kind in kinds}

    def is_within(self, other: "ErasureScope") -> bool:
        return all(set(ids) <= set(other.ids[kind]) for kind, ids in self.ids.items())

    def with_ids(self, stored: Mapping[str, list[str]]) -> "ErasureScope":
        """With the ids of an earlier search too: what they named may be found by its text no more."""
        both = {kind: {*map(UUID, stored.get(kind, ())), *map(UUID, ids)} for kind, ids in self.ids.items()}
        return self.with_found(both["documents"], both["answers"], both["actions"], both["tickets"], both["keys"])

    def with_found(
        self,
        documents: Iterable[UUID],
        answers: Iterable[UUID],
        actions: Iterable[UUID],
        tickets: Iterable[UUID],
        keys: Iterable[UUID],
    ) -> "ErasureScope":
        return replace(
            self,
            documents=tuple(sorted(documents)),
            answers=tuple(sorted(answers)),
            actions=tuple(sorted(actions)),
            tickets=tuple(sorted(tickets)),
            keys=tuple(sorted(keys)),
        )


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """A request with its receipt. subject: an id, or the keyed hash of a text. sealed: the text, encrypted by the
    master key. counters: how many rows of each store were erased or exported. closed_at: what
    was made from text read before is not stored; by the database's clock.
    """

    id: UUID
    tenant_id: UUID
    kind: RequestKind
    selector: Selector
    subject: str
    sealed: bytes | None
    master_key: str
    reason: str
    requested_by: str
    requested_at: datetime
    targets: Mapping[str, list[str]] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    state: RequestState = "running"
    blocked_by: str | None = None
    ended_at: datetime | None = None
    reapplied: bool = False
    closed_at: datetime | None = None

    def refuse_blocked(self) -> None:
        """Errors: ErasureBlocked."""
        if self.state == "blocked":
            raise ErasureBlocked(f"Nothing was erased: {self.blocked_by}", privacy_request_id=str(self.id))


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What may not be erased while a proceeding needs it."""

    id: UUID
    tenant_id: UUID
    kind: HoldKind
    subject_id: UUID
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    @property
    def sentence(self) -> str:
        return f"{self.kind} {self.subject_id} is under a legal hold: {self.reason}"
