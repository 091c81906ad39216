"""What a finish_reason means, by the words of all providers."""

import re
from typing import Final

from app.adapters.chat.errors import failure_in
from app.llm.domain.messages import Finish

_FILTERED: Final = frozenset(
    [
        "block",
        "blocked",
        "blocklist",
        "contentfilter",
        "filter",
        "filtered",
        "guardrail",
        "guardrails",
        "inspection",
        "jailbreak",
        "language",
        "moderated",
        "moderation",
        "policy",
        "prohibited",
        "recitation",
        "refusal",
        "refused",
        "safety",
        "sensitive",
        "spii",
        "toxic",
        "violation",
    ]
)
_INCOMPLETE: Final = frozenset(
    [
        "cancel",
        "context",
        "cutoff",
        "exceeded",
        "incomplete",
        "length",
        "limit",
        "max",
        "maxtokens",
        "not",
        "other",
        "partial",
        "pause",
        "repetition",
        "truncated",
        "truncation",
        "unfinished",
        "unknown",
        "unspecified",
    ]
)
_FAILED: Final = frozenset(
    [
        "abort",
        "aborted",
        "canceled",
        "cancelled",
        "error",
        "exception",
        "failed",
        "failure",
        "fault",
        "insufficient",
        "interrupted",
        "malformed",
        "many",
        "overloaded",
        "rate",
        "timed",
        "timeout",
        "unavailable",
        "unexpected",
    ]
)
"""Words of which one is enough, in this order; a reason with none of them is a stop."""
_BETWEEN = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
MAX_CHARACTERS = 100


def finish_of(reason: object) -> Finish:
    """The finish of a finish_reason. Errors: ModelFailure, for a reason that means an error."""
    words = [word.lower() for word in _BETWEEN.split(_text_of(reason)[:MAX_CHARACTERS]) if word]
    if not _FILTERED.isdisjoint(words):
        return "content_filter"
    if not _INCOMPLETE.isdisjoint(words):
        return "length"
    if not _FAILED.isdisjoint(words):
        failure = failure_in({"type": "_".join(words)})
        failure.may_be_charged = True
        raise failure
    return "stop"


def _text_of(reason: object) -> str:
    """Some gateways put it into an object or a list."""
    if isinstance(reason, dict):
        reason = next((each for name in ("type", "reason", "finish_reason") if (each := reason.get(name))), None)
    elif isinstance(reason, list):
        reason = reason[0] if reason else None
    return reason if isinstance(reason, str) else ""
