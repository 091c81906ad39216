from app.inference.domain.human_review.edit import EditRefused, edit
from app.inference.domain.human_review.held_answer import (
    REVIEW_JOB,
    REVIEW_QUEUE,
    AnswerHeld,
    ArchivedAnswer,
    HeldAnswer,
    HeldAnswerEnd,
    JudgedTwice,
    PayloadChanged,
    Requester,
    ReviewDecision,
    ReviewedAnswer,
    ReviewedAnswerState,
    ReviewRequest,
)
<<<<<<< HEAD
from app.inference.domain.human_review.policy import NO_REVIEW, ActionClass, ReviewPolicy, Rule
from app.inference.domain.human_review.routing import (
    SUSPICIOUS,
    WITHHELD,
    ProposedAction,
    RoutedAnswer,
    rule_for,
    rule_for_action,
)
=======
from app.inference.domain.human_review.routing import ProposedAction, RoutedAnswer, rule_for, rule_for_action
from app.inference.domain.review_policy import NO_REVIEW, ActionClass, ReviewPolicy, Rule
>>>>>>> clistart

__all__ = [
    "NO_REVIEW",
    "REVIEW_JOB",
    "REVIEW_QUEUE",
    "SUSPICIOUS",
    "WITHHELD",
    "ActionClass",
    "AnswerHeld",
    "ArchivedAnswer",
    "EditRefused",
    "HeldAnswer",
    "HeldAnswerEnd",
    "JudgedTwice",
    "PayloadChanged",
    "ProposedAction",
    "Requester",
    "ReviewDecision",
    "ReviewPolicy",
    "ReviewRequest",
    "ReviewedAnswer",
    "ReviewedAnswerState",
    "RoutedAnswer",
    "Rule",
    "edit",
    "rule_for",
    "rule_for_action",
]
