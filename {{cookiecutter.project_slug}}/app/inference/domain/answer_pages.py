"""Lists of answers for those who watch the service: filters, positions and pages. No page costs more than another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from app.core.cursors import cursor_text, parse_cursor
from app.core.errors import Invalid
from app.core.redaction import redact
from app.inference.domain.answer import AnswerStatus, RefusalReason
from app.inference.domain.human_review import ReviewedAnswerState

Feedback = Literal["helpful", "unhelpful", "none"]

SCANNED_ANSWERS = 5000
"""The most answers of a tenant that are looked at for one page. A page may therefore be short, or empty, and still have
a next one.
"""


class InvalidAnswerCursor(Invalid):
    code, title = "answer_cursor_unreadable", "The cursor cannot be read"
    action = "Begin with the first page."


@dataclass(frozen=True, slots=True)
class AnswerFilters:
    """None does not filter. since: from then on; until: before then. reason: why an answer was refused. findings:
    whether screening or the output filter found anything. feedback: the newest on the answer, of whatever key.
    """

    since: datetime | None = None
    until: datetime | None = None
    release_id: str | None = None
    environment: str | None = None
    arm: str | None = None
    status: AnswerStatus | None = None
    reason: RefusalReason | None = None
    model: str | None = None
    degraded: bool | None = None
    findings: bool | None = None
    feedback: Feedback | None = None
    min_cost_micro_usd: int | None = None
    max_cost_micro_usd: int | None = None
    min_latency_ms: float | None = None
    max_latency_ms: float | None = None
    key_id: UUID | None = None
    trace_id: str | None = None
    request_id: str | None = None
    answer_id: UUID | None = None


class AnswerPosition(NamedTuple):
    """A place in the order of answers, the newest first. It holds in every tenant."""

    created_at: datetime
    id: UUID

    def text(self) -> str:
        return cursor_text(self.created_at, self.id)

    @classmethod
    def parse(cls, text: str) -> "AnswerPosition":
        """Errors: InvalidAnswerCursor."""
        try:
            return cls(*parse_cursor(text))
        except ValueError as error:
            raise InvalidAnswerCursor() from error


@dataclass(frozen=True, slots=True)
class ListedAnswer:
    """An answer in a list. question, searched_for, text: None for who may not read all of its documents now; text also
    of an answer that a person has not let out. latency_ms, request_id: None where an older version of the service
    stored it.
    """

    tenant_id: UUID
    id: UUID
    created_at: datetime
    status: AnswerStatus
    refusal: str | None
    reasons: tuple[str, ...]
    model: str
    degraded: bool
    findings: int
    release_id: str
    environment: str
    arm: str
    key_id: UUID | None
    cost_micro_usd: int
    latency_ms: float | None
    helpful: bool | None
    trace_id: str
    request_id: str | None
    review_id: UUID | None
    review_state: ReviewedAnswerState | None
    question: str | None
    text: str | None
    searched_for: str | None = None

    @property
    def position(self) -> AnswerPosition:
        return AnswerPosition(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """The newest first. next: where the page after it begins; None for the last one."""

    answers: tuple[ListedAnswer, ...]
    next: AnswerPosition | None = None


def merge_pages(pages: Iterable[AnswerPage], limit: int) -> AnswerPage:
    """One page of the pages of several tenants. It ends where the first of them was cut: nothing is left out."""
    each = list(pages)
    cut = max((page.next for page in each if page.next), default=None)
    merged = sorted((answer for page in each for answer in page.answers), key=lambda a: a.position, reverse=True)
    certain = [answer for answer in merged if cut is None or answer.position >= cut]
    return _page_of(certain, limit, cut)


def _page_of(answers: Sequence[ListedAnswer], limit: int, cut: AnswerPosition | None) -> AnswerPage:
    if len(answers) > limit:
        return AnswerPage(tuple(answers[:limit]), answers[limit - 1].position)
    return AnswerPage(tuple(answers), cut)


def stored_request_id(request_id: str | None) -> str | None:
    """As it is stored and looked for: a caller chooses it, so that it could hold a credential."""
    return None if request_id is None else redact(request_id)
