"""The result of every check, with the age of its evidence and its waiver, and what follows for a release."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.ownership import OwnershipPolicy
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.statements import ReadinessStatement
from app.governance.domain.readiness.vocabulary import (
    QUESTIONS,
    CheckEvidence,
    JudgeContext,
    ReadinessCheck,
    ReadinessStatus,
)

Gathered = Mapping[type[object], object | Exception]
"""The facts of each source, or why it gave none."""

_WORST: tuple[ReadinessStatus, ...] = ("green", "amber", "red")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """owner: by name, from policies/ownership.yaml. waiver: the valid one; it makes a red check amber."""

    check: ReadinessCheck
    evidence: CheckEvidence
    checked_at: datetime
    owner: str
    required: bool
    max_age_days: int | None
    waiver: ReadinessStatement | None

    @property
    def status(self) -> ReadinessStatus:
        return "amber" if self.waiver and self.evidence.status == "red" else self.evidence.status

    @property
    def found(self) -> str:
        if self.waiver and self.evidence.status == "red":
            until = f"{self.waiver.expires_at:%Y-%m-%d}"
            return f"{self.evidence.found} Waived until {until} by {self.waiver.owner}: {self.waiver.reason}"
        return self.evidence.found


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """All checks as of one moment, in the order of the questions."""

    service: str
    at: datetime
    results: tuple[CheckResult, ...]

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """Required checks that are red."""
        return tuple(each for each in self.results if each.required and each.status == "red")

    @property
    def ready(self) -> bool:
        return not self.blocking

    def of_question(self, question: str) -> tuple[CheckResult, ...]:
        return tuple(each for each in self.results if each.check.question == question)

    def status_of(self, question: str) -> ReadinessStatus:
        """The worst status of its checks. A red check that is not required makes it amber."""
        results = self.of_question(question)
        return worst("amber" if each.status == "red" and not each.required else each.status for each in results)

    def find(self, check_id: str) -> CheckResult:
        """Errors: KeyError."""
        return {each.check.id: each for each in self.results}[check_id]

    @property
    def statuses(self) -> dict[str, ReadinessStatus]:
        return {each.check.id: each.status for each in self.results}

    @property
    def questions(self) -> dict[str, ReadinessStatus]:
        return {question: self.status_of(question) for question in QUESTIONS}


def worst(statuses: Iterable[ReadinessStatus]) -> ReadinessStatus:
    """The worst of some statuses; red for none: nothing was checked."""
    found = set(statuses)
    return next((each for each in reversed(_WORST) if each in found), "red")


def make_report(
    gathered: Gathered,
    policy: ReadinessPolicy,
    ownership: OwnershipPolicy,
    waivers: Mapping[str, ReadinessStatement],
    now: datetime,
) -> ReadinessReport:
    """waivers: the valid ones by check. A check whose source gave nothing, or whose judge fails, is red."""
    owners = {"service": ownership.owner, **ownership.owners.model_dump()}
    context = JudgeContext(now, policy.limits.model_dump())
    results = []
    for check in CHECKS:
        max_age = policy.max_age_days.get(check.id, check.max_age_days)
        evidence = _in_time(_judged(check, gathered, context), max_age, now)
        waiver = None if check.id in policy.waivers.never else waivers.get(check.id)
        required = check.id not in policy.optional
        results.append(CheckResult(check, evidence, now, owners[check.owner], required, max_age, waiver))
    return ReadinessReport(ownership.service, now, tuple(results))


def _judged(check: ReadinessCheck, gathered: Gathered, context: JudgeContext) -> CheckEvidence:
    facts = gathered.get(check.source)
    if not isinstance(facts, check.source):
        reason = str(facts) or type(facts).__name__
        return CheckEvidence("red", f"The evidence could not be read: {reason}", check.source.__name__, None)
    try:
        return check.judge(facts, context)
    except Exception as error:  # whatever it is: nothing was proven
        return CheckEvidence("red", f"The check failed: {type(error).__name__}.", check.source.__name__, None)


def _in_time(evidence: CheckEvidence, max_age_days: int | None, now: datetime) -> CheckEvidence:
    """Red when the evidence is older than it may be."""
    if max_age_days is None or evidence.status == "red":
        return evidence
    if evidence.at is not None and now - evidence.at <= timedelta(days=max_age_days):
        return evidence
    age = f"{(now - evidence.at).days} days old" if evidence.at else "of unknown age"
    found = f"{evidence.found} This is {age}; at most {max_age_days} days are allowed."
    return CheckEvidence("red", found, evidence.looked_at, evidence.basis, evidence.at)
