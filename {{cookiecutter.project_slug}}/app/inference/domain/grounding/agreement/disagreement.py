from dataclasses import dataclass
from typing import Literal

DisagreementKind = Literal["number", "unit", "date", "name", "negation", "scope", "invented"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What a sentence says otherwise than its evidence. claimed: its words. evidence: those that contradict them, empty
    where nothing is said about it."""

    kind: DisagreementKind
    claimed: str
    evidence: str = ""
