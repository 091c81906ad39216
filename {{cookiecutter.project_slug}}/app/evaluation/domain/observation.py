from dataclasses import asdict, dataclass
from typing import Any, Literal

UNKNOWN = "00000000-0000-0000-0000-000000000000"
"""The document of observations that were stored before documents were recorded: one that nobody may read."""
ObservedStatus = Literal["answered", "refused", "screened"]
"""screened: refused by the screening of the question, before retrieval."""


@dataclass(frozen=True, slots=True)
class RetrievedSource:
    """Where a retrieved passage comes from, in the order of retrieval."""

    uri: str
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CitedSource:
    uri: str
    headings: tuple[str, ...]
    quote: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What a release did with a case; the only input of the scores.

    why: the reason of a refusal, or the problem code of the screening. groundedness: share of the answer's sentences
    that the evidence supports. documents: ids of those that the text may quote.
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
