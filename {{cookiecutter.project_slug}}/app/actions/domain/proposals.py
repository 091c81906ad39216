"""What a model may do besides answering, from the proposal to its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import orjson

from app.core.ids import new_id
from app.releases.domain import canonical_json, digest_of
from app.webhooks.domain import WebhookMessage

RiskClass = Literal["read", "reversible", "irreversible"]
"""read changes nothing; what a reversible one does can be undone by hand; what an irreversible one does cannot."""
State = Literal["waiting", "approved", "done", "failed", "rejected", "expired"]
Timing = Literal["before", "after"]
ENDS: tuple[State, ...] = ("done", "failed", "rejected", "expired")

RUN_JOB, RUN_QUEUE = "actions.run", "actions"
REVIEW_JOB, REVIEW_QUEUE = "review.add_action", "review"
"""What is enqueued with every action that a person is to look at; whoever reviews takes it up."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a model is told of an action. parameters: JSON schema. untrusted: what comes back was written by anybody."""

    name: str
    description: str
    risk: RiskClass
    scope: str
    parameters: dict[str, Any]
    untrusted: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a proposal came to nothing, in a sentence that the model may read and correct itself by."""

    reason: Literal["not_offered", "arguments_invalid", "limit_reached", "failed"]
    detail: str


@dataclass(frozen=True, slots=True)
class Run:
    """What an action is told when it runs. id: one for one action, however often it is tried. groups: the requester's
    access groups, for an action that reads.

    documents: those that the model had read: what the action writes down for others is as closed as they are
    (app.core.access). An action that reads what came out of further documents adds them.
    """

    id: UUID
    tenant_id: UUID
    requester: str
    at: datetime
    groups: frozenset[str] = frozenset()
    documents: set[UUID] = field(default_factory=set)


class Bound(Protocol):
    """What an approval is bound to, besides the arguments."""

    @property
    def id(self) -> UUID: ...
    @property
    def tenant_id(self) -> UUID: ...
    @property
    def answer_id(self) -> UUID: ...
    @property
    def key_id(self) -> UUID: ...
    @property
    def requester(self) -> str: ...
    @property
    def release_id(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def risk(self) -> RiskClass: ...
    @property
    def nonce(self) -> UUID: ...


def payload_of(bound: Bound, arguments: Mapping[str, Any]) -> bytes:
    """The canonical bytes that a person sees, whose SHA-256 is approved and which are what runs."""
    return canonical_json(
        {
            "id": str(bound.id),
            "tenant_id": str(bound.tenant_id),
            "action": bound.action,
            "risk": bound.risk,
            "arguments": arguments,
            "requester": {"key_id": str(bound.key_id), "name": bound.requester},
            "answer_id": str(bound.answer_id),
            "release_id": bound.release_id,
            "nonce": str(bound.nonce),
        }
    )


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that a model proposed: valid, and nothing has happened yet.

    per_hour: how often its requester may have it done, by the policy it was proposed under. nonce: used up by the run.
    """

    id: UUID
    tenant_id: UUID
    answer_id: UUID
    key_id: UUID
    requester: str
    release_id: str
    action: str
    risk: RiskClass
    arguments: Mapping[str, Any]
    nonce: UUID
    created_at: datetime
    per_hour: int

    @property
    def payload(self) -> bytes:
        return payload_of(self, self.arguments)

    @property
    def digest(self) -> str:
        return digest_of(self.payload)


@dataclass(frozen=True, slots=True)
class Terms:
    """Why and how a person looks at it. webhook: where the requester wants to be told of its end."""

    rule: str
    timing: Timing
    risk_tier: str
    due_at: datetime
    escalate_at: datetime | None
    decisions: int
    self_approval: bool
    groups: tuple[str, ...]
    question: str
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """How an action enters the books, with the answer that it was proposed for.

    done: a read, which has run. tainted: text that anybody may have written had reached the model before.
    documents: those that the model had read.
    """

    proposal: Proposal
    state: Literal["waiting", "approved", "done"]
    terms: Terms | None
    tainted: bool
    result: Any = None
    documents: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if (self.proposal.risk == "read") != (self.state == "done"):
            raise ValueError("a read has run when it is entered, and nothing else has")
        if self.state == "approved" and (self.tainted or self.proposal.risk == "irreversible"):
            raise ValueError("an irreversible action, and one after untrusted text, waits for a person")
        if self.state == "waiting" and self.terms is None:
            raise ValueError("what waits for a person has terms")


@dataclass(frozen=True, slots=True)
class Entered:
    """An action as it stands in the books.

    approved_digest: SHA-256 of the payload that may run. approved_by: who let it; None when no rule wanted a person.
    reason: why it failed, was rejected or expired.
    """

    id: UUID
    tenant_id: UUID
    answer_id: UUID
    key_id: UUID
    requester: str
    release_id: str
    action: str
    risk: RiskClass
    tainted: bool
    payload: bytes
    digest: str
    nonce: UUID
    state: State
    approved_digest: str | None
    approved_by: str | None
    edited: bool
    reason: str
    result: Any
    terms: Terms | None
    created_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None
    documents: tuple[UUID, ...] = ()

    @property
    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.payload)["arguments"]
        return found

    def notice(self, state: State, at: datetime) -> WebhookMessage | None:
        """For who asked to be told of its end; None for nobody."""
        if self.terms is None or self.terms.webhook is None:
            return None
        where = f"/v1/actions/{self.id}"
        return WebhookMessage(
            new_id(), self.tenant_id, self.key_id, self.terms.webhook, "action", self.id, state, where, at
        )


Fault = Literal["payload_changed", "binding_broken", "requester_gone", "scope_lost", "nonce_used", "action_gone"]
"""Why what was approved does not run."""


def fault_in(entered: Entered) -> Fault | None:
    """Whether what is about to run is what was approved, for whom, on which release and with which nonce."""
    if digest_of(entered.payload) != entered.approved_digest:
        return "payload_changed"
    if not bound_by(entered, entered.payload):
        return "binding_broken"
    return None


def bound_by(bound: Bound, payload: bytes) -> bool:
    """Whether a payload is one of this very action, whatever its arguments."""
    try:
        arguments = orjson.loads(payload)["arguments"]
    except (ValueError, KeyError, TypeError):
        return False
    return payload == payload_of(bound, arguments)
