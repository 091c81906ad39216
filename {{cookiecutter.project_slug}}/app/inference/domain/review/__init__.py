from app.inference.domain.review.editing import EditRefused, edit
from app.inference.domain.review.holding import (
    SENT_JOB,
    SENT_QUEUE,
    AnswerHeld,
    Delivered,
    Held,
    Outcome,
    PayloadChanged,
    Sent,
    State,
    digest_of,
)
from app.inference.domain.review.policy import NOTHING_SENT, ReviewPolicy, Rule
from app.inference.domain.review.sending import Subject, drawn, rule_for

__all__ = [
    "NOTHING_SENT",
    "SENT_JOB",
    "SENT_QUEUE",
    "AnswerHeld",
    "Delivered",
    "EditRefused",
    "Held",
    "Outcome",
    "PayloadChanged",
    "ReviewPolicy",
    "Rule",
    "Sent",
    "State",
    "Subject",
    "digest_of",
    "drawn",
    "edit",
    "rule_for",
]
