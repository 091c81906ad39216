"""The tool calls of one answer: the offered actions, the proposals and their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from app.actions.domain import ActionOffer, ActionProposal, ActionState, NewAction, Origin, ProposalRefused, RiskClass
from app.costs.domain import Usage
from app.inference.domain.conversations.turns import Turn
from app.llm.domain.messages import Tool, ToolCall
from app.safety.domain.markup import neutralise
from app.safety.domain.text import Finding

MAX_RESULT_CHARACTERS = 8_000
"""The longest tool result that a model gets; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class AnswerAction:
    """An action of an answer, in its state when the answer was given; `where` shows its state now."""

    id: UUID
    action: str
    risk: RiskClass
    arguments: Mapping[str, Any]
    state: ActionState

    @classmethod
    def of(cls, entry: NewAction) -> "AnswerAction":
        proposal = entry.proposal
        return cls(proposal.id, proposal.action, proposal.risk, proposal.arguments, entry.state)

    @property
    def where(self) -> str:
        return f"/v1/actions/{self.id}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "action": self.action,
            "risk": self.risk,
            "arguments": self.arguments,
            "state": self.state,
            "where": self.where,
        }


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call. content: JSON for the model; text: the same in words, which can support an answer."""

    content: str
    text: str
    score: float = 0.0

    @classmethod
    def of(cls, outcome: NewAction | ProposalRefused) -> "ToolResult":
        if isinstance(outcome, ProposalRefused):
            return cls(_json({"refused": outcome.detail}), outcome.detail)
        call = _described(outcome.proposal)
        if outcome.state == "done":
            return cls(_json({"result": outcome.result}), f"{call}: {_plain(outcome.result)}.")
        if outcome.state == "approved":
            text = f"{call} was accepted and runs as soon as this answer is stored."
            return cls(_json({"accepted": text}), text)
        text = f"{call} waits for a person, who decides whether it is done."
        return cls(_json({"waiting": text}), text)


@dataclass
class ToolSession:
    """The tools that the model of one answer may call, and what it has called so far.

    tainted: the model has read text from untrusted sources, which may have caused whatever it proposes from then on.
    passages: the text of those that the model has read. untrusted_results: of actions with untrusted results.
    results: in the order of the calls; they can support the answer. usage: of all model calls before the last.
    documents: those whose text the model has read. findings: what screening found in results. reasons: why the answer
    is degraded. client_tools: those that the client runs; client_calls: calls of them that end this answer;
    client_results: what the client sent for earlier calls. author: who proposes, where it is not a model of this
    service.
    """

    offers: tuple[ActionOffer, ...]
    tainted: bool = False
    passages: tuple[str, ...] = ()
    untrusted_results: list[str] = field(default_factory=list)
    documents: set[UUID] = field(default_factory=set)
    entries: list[NewAction] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(0))
    findings: tuple[Finding, ...] = ()
    reasons: list[str] = field(default_factory=list)
    client_tools: tuple[Tool, ...] = ()
    client_calls: tuple[ToolCall, ...] = ()
    client_results: list[ToolResult] = field(default_factory=list)
    author: Origin = "model"

    @property
    def tools(self) -> tuple[Tool, ...]:
        own = (Tool(offer.name, offer.description, offer.parameters) for offer in self.offers)
        return (*own, *self.client_tools)

    def offer(self, name: str) -> ActionOffer:
        return next(offer for offer in self.offers if offer.name == name)

    @property
    def actions(self) -> tuple[AnswerAction, ...]:
        return tuple(map(AnswerAction.of, self.entries))

    @property
    def summary(self) -> str | None:
        """The results as text; None without tool calls."""
        return neutralise(" ".join(result.text for result in self.results)) or None

    def read_turns(self, turns: Sequence[Turn], suspicious: bool) -> None:
        """The model reads the turns before the question. Their answers are text of documents and models, and taint as
        passages do; so does a question in which screening found something (suspicious)."""
        answers = tuple(turn.answer for turn in turns if turn.answer)
        self.tainted |= suspicious or bool(answers)
        self.passages += answers
        self.documents.update(*(turn.documents for turn in turns))

    def drop(self) -> None:
        """Discards the proposals that have not run."""
        self.entries = [entry for entry in self.entries if entry.state == "done"]
        self.results = []


def _described(proposal: ActionProposal) -> str:
    return f"{proposal.action} ({_plain(proposal.arguments)})"


def _json(result: Mapping[str, Any]) -> str:
    return orjson.dumps(result, default=str).decode()[:MAX_RESULT_CHARACTERS]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_plain, value)) or "none"
    return str(value)
