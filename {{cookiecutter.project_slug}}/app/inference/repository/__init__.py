from app.inference.repository.listing import ListedRow, list_answers
from app.inference.repository.reading import (
    add_feedback,
    blind,
    decide,
    find,
    find_unreviewed,
    judge,
    lock,
    outcomes,
    remember,
    resolved_count,
    reviewed,
)
from app.inference.repository.recording import (
    ExtraWrite,
    StoredAnswer,
    record,
    record_failure,
    send_later,
    send_to_review,
)

__all__ = [
    "ExtraWrite",
    "ListedRow",
    "StoredAnswer",
    "add_feedback",
    "blind",
    "decide",
    "find",
    "find_unreviewed",
    "judge",
    "list_answers",
    "lock",
    "outcomes",
    "record",
    "record_failure",
    "remember",
    "resolved_count",
    "reviewed",
    "send_later",
    "send_to_review",
]
