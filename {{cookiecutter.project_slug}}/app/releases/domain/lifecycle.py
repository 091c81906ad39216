"""The lifecycle of a release: its states, the legal transitions and its history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from app.releases.domain.problems import IllegalMove

ReleaseState = Literal["draft", "evaluated", "approved", "canary", "live", "superseded", "rolled_back", "rejected"]
STATES: tuple[ReleaseState, ...] = get_args(ReleaseState)
EvaluationVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
ApprovalException = Literal["first_release", "break_glass"]
"""The exceptions in which a release is approved without evidence: the first one on a laptop, or an emergency."""

LEGAL_TRANSITIONS: Mapping[ReleaseState | None, frozenset[ReleaseState]] = {
    None: frozenset({"draft"}),
    "draft": frozenset({"evaluated", "rejected"}),
    "evaluated": frozenset({"evaluated", "approved", "rejected"}),
    "approved": frozenset({"evaluated", "canary", "live", "rejected"}),
    "canary": frozenset({"live", "rolled_back"}),
    "live": frozenset({"superseded", "rolled_back"}),
    "superseded": frozenset({"live", "evaluated"}),
    "rolled_back": frozenset({"live", "evaluated"}),
    "rejected": frozenset({"evaluated"}),
}
"""The trigger of migration 0008 has the same pairs. With an exception any state but live leads to approved."""


def check_transition(
    before: ReleaseState | None, after: ReleaseState, unproven: ApprovalException | None = None
) -> None:
    """Errors: IllegalMove."""
    if unproven and after == "approved" and before in STATES and before != "live":
        return
    if after not in LEGAL_TRANSITIONS[before]:
        possible = ", ".join(sorted(LEGAL_TRANSITIONS[before])) or "nothing else"
        raise IllegalMove(f"A release that is {before or 'not stored'} cannot become {after}, only {possible}.")


@dataclass(frozen=True, slots=True)
class EvaluationEvidence:
    """The result of an evaluation. report: the SHA-256 of its canonical report."""

    report: str
    verdict: EvaluationVerdict


@dataclass(frozen=True, slots=True)
class ReleaseEvent:
    """One state change of a release; a row that never changes."""

    release_id: str
    before: ReleaseState | None
    after: ReleaseState
    at: datetime
    actor: str
    reason: str
    unproven: ApprovalException | None = None
    evidence: EvaluationEvidence | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHistory:
    """The events of a release, oldest first."""

    events: tuple[ReleaseEvent, ...]

    @property
    def state(self) -> ReleaseState:
        return self.events[-1].after

    @property
    def author(self) -> str:
        return self.events[0].actor

    @property
    def was_live(self) -> bool:
        return any(event.after == "live" for event in self.events)

    @property
    def was_approved(self) -> bool:
        return any(event.after == "approved" for event in self.events)

    @property
    def evidence(self) -> EvaluationEvidence | None:
        """Of the newest evaluation."""
        return next((event.evidence for event in reversed(self.events) if event.evidence), None)
