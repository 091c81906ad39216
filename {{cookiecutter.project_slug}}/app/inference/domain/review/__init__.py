from app.inference.domain.review.editing import EditRefused, edit
from app.inference.domain.review.holding import (
    SENT_JOB,
    SENT_QUEUE,
    AnswerHeld,
    Delivered,
    Held,
    JudgedTwice,
    Opinion,
    Outcome,
    PayloadChanged,
    Sent,
    State,
    Waiter,
)
from app.inference.domain.review.policy import NOTHING_SENT, ActionClass, ReviewPolicy, Rule, Timing
from app.inference.domain.review.sending import Deed, Subject, rule_for, rule_for_action

__all__ = [
    "NOTHING_SENT",
    "SENT_JOB",
    "SENT_QUEUE",
    "ActionClass",
    "AnswerHeld",
    "Deed",
    "Delivered",
    "EditRefused",
    "Held",
    "JudgedTwice",
    "Opinion",
    "Outcome",
    "PayloadChanged",
    "ReviewPolicy",
    "Rule",
    "Sent",
    "State",
    "Subject",
    "Timing",
    "Waiter",
    "edit",
    "rule_for",
    "rule_for_action",
]
