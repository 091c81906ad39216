"""Why a call of a model failed, and how the fallback chain reacts.

ModelFailure
├── ModelOverloaded         429, 498, 529: retry after the wait that the provider asks for
├── ModelUnreachable        no connection: retry
│   └── ConnectionDropped   it broke after the request was sent, so that the provider may charge for it
├── ServerError             5xx: retry
├── ModelTimeout            no response in time: the next model, if there is time
├── InvalidResponse         an unusable response: one more attempt, then the next model
├── AuthenticationFailed    401, 402, 403: the next model, at once
├── RequestRejected         the provider does not accept this request: the next model, at once
├── ModelSkipped            our circuit breaker, throttle or deadline forbids the call: the next model, at once
├── InsufficientBudget      the budget has too little left for the call: the next model, at once
├── StreamInterrupted       a stream broke off: retry, unless the reader has seen its beginning
└── ContentFiltered         the provider's content filter refused: no fallback, which would work around the filter
    └── OutputFiltered      it refused after some or all of the response was written
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from math import isfinite
from typing import ClassVar

from app.costs.domain import Usage


class Reaction(Enum):
    RETRY = "retry"
    REPAIR = "repair"
    NEXT = "next"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What a provider said in an error. paths: of the fields of the request that it names. text: its message, which
    may quote the user: never shown, and logged only without what the request contains.
    """

    status: int
    paths: tuple[str, ...]
    text: str


class ModelFailure(Exception):
    """A failed call. outage: whether the circuit breaker counts it. may_be_charged: whether the provider may charge for
    it; usage: as reported, if it was. reply: what the provider said, if it said anything.
    """

    reason: ClassVar[str]
    reaction: ClassVar[Reaction]
    outage: ClassVar[bool] = False
    may_be_charged: bool = False

    def __init__(self, detail: str = "", retry_after: float | None = None, usage: Usage | None = None) -> None:
        super().__init__(detail or self.reason)
        self.retry_after = retry_after
        self.usage = usage
        self.reply: ErrorReply | None = None


class ModelOverloaded(ModelFailure):
    reason, reaction = "model_overloaded", Reaction.RETRY


class ModelUnreachable(ModelFailure):
    reason, reaction, outage = "model_unreachable", Reaction.RETRY, True


class ConnectionDropped(ModelUnreachable):
    may_be_charged = True


class ServerError(ModelFailure):
    reason, reaction, outage = "model_broken", Reaction.RETRY, True


class ModelTimeout(ModelFailure):
    reason, reaction, outage, may_be_charged = "model_timeout", Reaction.NEXT, True, True


class InvalidResponse(ModelFailure):
    reason, reaction, outage, may_be_charged = "model_invalid_response", Reaction.REPAIR, True, True


class AuthenticationFailed(ModelFailure):
    reason, reaction = "model_denied", Reaction.NEXT


class RequestRejected(ModelFailure):
    reason, reaction = "model_unacceptable", Reaction.NEXT


class ModelSkipped(ModelFailure):
    reason, reaction = "model_skipped", Reaction.NEXT


class InsufficientBudget(ModelFailure):
    reason, reaction = "budget_used_up", Reaction.NEXT


class StreamInterrupted(ModelFailure):
    reason, reaction, outage, may_be_charged = "model_interrupted", Reaction.RETRY, True, True


class ContentFiltered(ModelFailure):
    reason, reaction = "model_declined", Reaction.STOP


class OutputFiltered(ContentFiltered):
    may_be_charged = True


FILTERED = (
    "content_filter",
    "content_policy",
    "responsibleai",
    "moderation",
    "prohibited_content",
    "safety",
    "inspection",
    "guardrail",
)
"""Words by which providers report that a content filter refused."""


def failure_for_status(status: int, kind: str, retry_after: float | None = None) -> ModelFailure:
    """The failure for an HTTP status. kind: the provider's type or code of the error, never its message."""
    detail = f"status {status} {kind}".strip()
    if any(word in kind.lower() for word in FILTERED):
        return ContentFiltered(detail)
    if status in (401, 402, 403):
        return AuthenticationFailed(detail, retry_after)
    if status in (429, 498, 529):
        return (AuthenticationFailed if "insufficient_quota" in kind else ModelOverloaded)(detail, retry_after)
    if status in (408, 409, 425):
        return ServerError(detail, retry_after)
    if status >= 500:
        return ServerError(detail, retry_after)
    return RequestRejected(detail)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, a number or a date; None where it is invalid."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now)
    return max(0.0, seconds) if isfinite(seconds) else None


def _until(value: str, now: datetime) -> float:
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return float("nan")
    return (until - now).total_seconds() if until.tzinfo else float("nan")
