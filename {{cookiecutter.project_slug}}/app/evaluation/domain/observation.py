from dataclasses import asdict, dataclass
from typing import Any, Literal

UNKNOWN = "00000000-0000-0000-0000-000000000000"
"""Stands for the documents of what was kept before they were: one that nobody may read."""
ObservedStatus = Literal["answered", "refused", "screened"]
"""screened: turned away at the door, before anything was searched."""


@dataclass(frozen=True, slots=True)
class RetrievedSource:
    """A passage of the evidence, in the order in which it was found."""

    uri: str
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CitedSource:
    uri: str
    headings: tuple[str, ...]
    quote: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What a release did with a case; scores are computed from it and from nothing else.

    why: the reason of a refusal, or the code of the problem at the door. groundedness: share of the answer's sentences
    that the evidence supports. documents: ids of those that the text may hold words of.
    """

    outcome: ObservedStatus
    text: str
    why: str | None = None
    model: str = ""
    degraded: bool = False
    cited: tuple[CitedSource, ...] = ()
    found: tuple[RetrievedSource, ...] = ()
    groundedness: float | None = None
    latency_ms: float | None = None
    cost_micro_usd: int | None = None
    documents: tuple[str, ...] = (UNKNOWN,)

    @property
    def refused(self) -> bool:
        return self.outcome != "answered"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Observation":
        cited = tuple(CitedSource(each["uri"], tuple(each["headings"]), each["quote"]) for each in stored["cited"])
        found = tuple(RetrievedSource(each["uri"], tuple(each["headings"])) for each in stored["found"])
        documents = tuple(stored.get("documents", (UNKNOWN,)))
        return cls(**{**stored, "cited": cited, "found": found, "documents": documents})
