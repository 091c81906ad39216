"""What was done, or is to be done, besides answering; told to the model, and to the reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from app.actions.domain import Entry, Offer, Proposal, Refused, RiskClass, State
from app.costs.domain import Usage
from app.inference.domain.chat import Tool
from app.safety.domain.markup import neutralise

MOST_TOLD = 8_000
"""Characters of what comes back that a model is shown."""


@dataclass(frozen=True, slots=True)
class Acted:
    """An action of an answer, as it stood when the answer was given; `where` tells what became of it."""

    id: UUID
    action: str
    risk: RiskClass
    arguments: Mapping[str, Any]
    state: State

    @classmethod
    def of(cls, entry: Entry) -> "Acted":
        made = entry.proposal
        return cls(made.id, made.action, made.risk, made.arguments, entry.state)

    @property
    def where(self) -> str:
        return f"/v1/actions/{self.id}"

    def as_dict(self) -> dict[str, Any]:
        told = {"id": self.id, "action": self.action, "risk": self.risk, "arguments": self.arguments}
        return {**told, "state": self.state, "where": self.where}


@dataclass(frozen=True, slots=True)
class Told:
    """What a model is told of one of its proposals. text: the same in words, which an answer may lean on."""

    content: str
    text: str
    score: float = 0.0

    @classmethod
    def of(cls, made: Entry | Refused) -> "Told":
        if isinstance(made, Refused):
            return cls(_json({"refused": made.detail}), made.detail)
        asked = _asked(made.proposal)
        if made.state == "done":
            return cls(_json({"result": made.result}), f"{asked}: {_plain(made.result)}.")
        if made.state == "approved":
            text = f"{asked} was accepted and runs as soon as this answer is written down."
            return cls(_json({"accepted": text}), text)
        text = f"{asked} waits for a person, who decides whether it is done."
        return cls(_json({"waiting": text}), text)


@dataclass
class Acts:
    """What the model of one answer may do, and what it has proposed so far.

    tainted: text that others wrote has reached the model, so that whatever it proposes from then on may be theirs.
    told: what came back to it, which its answer may lean on. spent: tokens of the calls before the last.
    documents: those whose words it has read.
    """

    offers: tuple[Offer, ...]
    tainted: bool = False
    documents: set[UUID] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    spent: Usage = field(default_factory=lambda: Usage(0))

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(Tool(offer.name, offer.description, offer.parameters) for offer in self.offers)

    def offer(self, name: str) -> Offer:
        return next(offer for offer in self.offers if offer.name == name)

    @property
    def acted(self) -> tuple[Acted, ...]:
        return tuple(map(Acted.of, self.entries))

    @property
    def account(self) -> str | None:
        """What came of it in our own words; None when nothing was proposed."""
        return neutralise(" ".join(each.text for each in self.told)) or None

    def drop(self) -> None:
        """Nothing of it happens, but for what was read."""
        self.entries = [entry for entry in self.entries if entry.state == "done"]
        self.told = []


def _asked(made: Proposal) -> str:
    return f"{made.action} ({_plain(made.arguments)})"


def _json(told: Mapping[str, Any]) -> str:
    return orjson.dumps(told, default=str).decode()[:MOST_TOLD]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_plain, value)) or "none"
    return str(value)
