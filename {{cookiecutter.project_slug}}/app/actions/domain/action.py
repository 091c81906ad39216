"""Actions that a model proposes, from the proposal to its end."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson

from app.actions.domain.origins import ArgumentOrigins
from app.core.ids import new_id
from app.core.json_types import JsonObject
from app.releases.domain import canonical_json, digest_of
from app.webhooks.domain import WebhookMessage

RiskClass = Literal["read", "reversible", "irreversible"]
"""read: changes nothing. reversible: a person can undo it. irreversible: nobody can."""
ActionState = Literal["waiting", "approved", "done", "failed", "rejected", "expired"]
ReviewTiming = Literal["before", "after"]
END_STATES: tuple[ActionState, ...] = ("done", "failed", "rejected", "expired")

PROPOSE_PERMISSION = "actions:propose"

RUN_JOB, RUN_QUEUE = "actions.run", "actions"
REVIEW_JOB, REVIEW_QUEUE = "review.add_action", "review"
"""The job that is enqueued with each action that a person reviews; app.review handles it."""


@dataclass(frozen=True, slots=True)
class ActionOffer:
    """An action as the model sees it. parameters: JSON schema. untrusted: its result may hold untrusted text.

    external: it runs on a server that is not this service.
    """

    name: str
    description: str
    risk: RiskClass
    scope: str
    parameters: JsonObject
    untrusted: bool
    external: bool = False


@dataclass(frozen=True, slots=True)
class ProposalRefused:
    """Why a tool call was refused. detail: a sentence for the model, which may correct itself."""

    reason: Literal["not_offered", "arguments_invalid", "origin_refused", "limit_reached", "failed"]
    detail: str


@dataclass(frozen=True, slots=True)
class ActionRun:
    """One run of an action. id: the same for every attempt. groups: the requester's access groups, for a read.

    documents: those that the model had read. What the action writes for others is as restricted as they are
    (app.core.access). A read whose result comes from further documents adds them.
    """

    id: UUID
    tenant_id: UUID
    requester: str
    at: datetime
    groups: frozenset[str] = frozenset()
    documents: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ApprovalBinding:
    """What an approval covers, besides the arguments and the nonce."""

    id: UUID
    tenant_id: UUID
    answer_id: UUID
    key_id: UUID
    requester: str
    release_id: str
    action: str
    risk: RiskClass


def payload_of(
    bound: "ActionProposal | StoredAction", arguments: JsonObject, origins: ArgumentOrigins | None = None
) -> bytes:
    """The canonical bytes of an action: a person sees them, approves their SHA-256, and they are what runs.

    origins: of the arguments; none for actions that are older than them.
    """
    return canonical_json(
        ({"origins": {name: list(each) for name, each in origins.items()}} if origins else {})
        | ({"tool": bound.tool} if bound.tool else {})
        | {
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
class ActionProposal(ApprovalBinding):
    """A valid action that a model proposed; it is neither stored nor run.

    per_hour: the limit for its requester, by the policy of its release. nonce: used by exactly one run. tool: where the
    action is a tool of another server, which one by the policy.
    """

    arguments: JsonObject
    nonce: UUID
    created_at: datetime
    per_hour: int
    origins: ArgumentOrigins = field(default_factory=dict)
    tool: JsonObject | None = None

    @property
    def payload(self) -> bytes:
        return payload_of(self, self.arguments, self.origins)

    @property
    def digest(self) -> str:
        return digest_of(self.payload)


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """How a person reviews an action. webhook: the URL that is notified of its end."""

    rule: str
    timing: ReviewTiming
    risk_tier: str
    due_at: datetime
    escalate_at: datetime | None
    decisions: int
    self_approval: bool
    groups: tuple[str, ...]
    question: str
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class NewAction:
    """An action that is about to be stored with its answer.

    state: done is a read, which has already run. tainted: the model had read untrusted text.
    documents: those that the model had read.
    """

    proposal: ActionProposal
    state: Literal["waiting", "approved", "done"]
    terms: ReviewTerms | None
    tainted: bool
    result: JsonObject | None = None
    documents: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if (self.proposal.risk == "read") != (self.state == "done"):
            raise ValueError("a read has run when it is stored, and nothing else has")
        if self.state == "approved" and (self.tainted or self.proposal.risk == "irreversible"):
            raise ValueError("an irreversible action, and one after untrusted text, waits for a person")
        if self.state == "waiting" and self.terms is None:
            raise ValueError("what waits for a person has terms")


@dataclass(frozen=True, slots=True)
class StoredAction(ApprovalBinding):
    """An action as it is stored.

    approved_digest: SHA-256 of the payload that may run. approved_by: None when no review rule applied.
    reason: why it failed, was rejected or expired.
    """

    tainted: bool
    payload: bytes
    digest: str
    nonce: UUID
    state: ActionState
    approved_digest: str | None
    approved_by: str | None
    edited: bool
    reason: str
    result: JsonObject | None
    terms: ReviewTerms | None
    created_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None
    documents: tuple[UUID, ...] = ()

    @property
    def arguments(self) -> JsonObject:
        arguments: JsonObject = orjson.loads(self.payload)["arguments"]
        return arguments

    @property
    def origins(self) -> ArgumentOrigins:
        """Where each argument comes from; none for actions that are older than origins."""
        origins: ArgumentOrigins = orjson.loads(self.payload).get("origins", {})
        return origins

    @property
    def tool(self) -> JsonObject | None:
        """Of an action that is a tool of another server: the one that may run."""
        tool: JsonObject | None = orjson.loads(self.payload).get("tool")
        return tool

    def webhook_message(self, state: ActionState, at: datetime) -> WebhookMessage | None:
        """The notification of its end; None when no webhook was given."""
        if self.terms is None or self.terms.webhook is None:
            return None
        path = f"/v1/actions/{self.id}"
        return WebhookMessage(
            new_id(), self.tenant_id, self.key_id, self.terms.webhook, "action", self.id, state, path, at
        )


ExecutionFault = Literal[
    "payload_changed", "binding_broken", "requester_gone", "scope_lost", "nonce_used", "action_gone", "tool_changed"
]
"""Why an approved action does not run."""


def execution_fault(action: StoredAction) -> ExecutionFault | None:
    """Checks that the action is still the approved one: payload, requester, release and nonce. None: it is."""
    if digest_of(action.payload) != action.approved_digest:
        return "payload_changed"
    if not is_bound_to(action, action.payload):
        return "binding_broken"
    return None


def is_bound_to(bound: ActionProposal | StoredAction, payload: bytes) -> bool:
    """Whether a payload belongs to this action, with any arguments."""
    try:
        read = orjson.loads(payload)
        return payload == payload_of(bound, read["arguments"], read.get("origins"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
