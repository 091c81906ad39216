"""The words of readiness: questions, checks, and what a check found."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

ReadinessStatus = Literal["green", "amber", "red"]
OwnedPart = Literal["service", "model", "prompts", "data", "policies"]
PlanPhase = Literal[30, 60, 90]
"""The last day of a third of the plan: days 1-30, 31-60, 61-90."""

QUESTIONS: Final = {
    "data_sources": "Are the sources of the data defined?",
    "data_quality": "Are quality gates in place for the data?",
    "versioning": "Are models and prompts versioned?",
    "evaluation": "Is the service evaluated, and are regressions found?",
    "staging": "Is there a staging environment, and is it used?",
    "rollback": "Is there a way back, and was it rehearsed?",
    "latency_and_cost": "Are latency and cost visible and limited?",
    "dashboards": "Are dashboards and alerts active?",
    "access_and_security": "Are access and security controls enforced?",
    "governance": "Are governance and ownership documented?",
    "human_review": "Are the points of human review defined?",
    "business": "Are business and technical metrics connected?",
}


@dataclass(frozen=True, slots=True)
class CheckEvidence:
    """What a check found.

    looked_at: the source, in words. basis: the values that decided, of which the digest is made. at: when they came
    about; None where they describe the present.
    """

    status: ReadinessStatus
    found: str
    looked_at: str
    basis: object
    at: datetime | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the basis as canonical JSON."""
        return sha256(json.dumps(self.basis, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """now: the moment of the run. limits: section `limits` of policies/readiness.yaml, by name."""

    now: datetime
    limits: Mapping[str, int]


Judge = Callable[[Any, JudgeContext], CheckEvidence]
"""Judges the facts of a check's source."""


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """One check. Its id is stable: waivers, attestations and pipelines name it.

    source: the type of the facts that `judge` takes. max_age_days: how old the evidence may be, unless the policy says
    otherwise; None where it always describes the present. mistakes: those of the twelve that it guards against. page:
    of docs/, that helps. attested: only a person can say it.
    """

    id: str
    question: str
    expects: str
    owner: OwnedPart
    source: type[object]
    judge: Judge
    phase: PlanPhase
    page: str
    next_step: str
    mistakes: tuple[int, ...]
    max_age_days: int | None = None
    attested: bool = False


def green_if(condition: bool, found: str, looked_at: str, basis: object, at: datetime | None = None) -> CheckEvidence:
    """Green when the condition holds, else red."""
    return CheckEvidence("green" if condition else "red", found, looked_at, basis, at)
