"""The rules of approval: who may approve a release, and what a release still lacks. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ownership import OwnershipPolicy
from app.releases.domain import Manifest, NotApproved, ReleaseEvent, ReleaseHistory, check_transition

ApprovalKind = Literal["approval", "first_release", "break_glass"]


class SelfApproval(Forbidden):
    code, title = "self_approval", "The author of a release cannot approve it"
    action = "Ask someone else to approve it; policies/ownership.yaml says how many are needed."


class NoEvidence(Conflict):
    code, title = "no_evidence", "The release has no passing evaluation"
    action = "Measure it with 'app evaluate'; only a report with the verdict PASS can be approved."


class ApprovedAlready(Conflict):
    code, title = "approved_already", "The same person has approved this release on the same report"


class ExpiryUnusable(Invalid):
    code, title = "expiry_unusable", "An approval cannot end then"


class NotReady(NotApproved):
    code, title = "not_ready", "The service is not ready for a release"
    action = "'app readiness' shows what each check expects; policies/readiness.yaml names the checks of this gate."


class BreakGlassNotFound(NotFound):
    code, title = "break_glass_not_found", "No such emergency"
    action = "'app governance show' and GET /v1/governance list them."


class ReviewedAlready(Conflict):
    code, title = "reviewed_already", "This emergency has been reviewed"


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of a release; a row that never changes. It is bound to the release and, unless it is an exception, to
    the report (SHA-256) that the approver read.
    """

    id: UUID
    release_id: str
    environment: str
    kind: ApprovalKind
    report: str | None
    approver: str
    role: str
    at: datetime
    expires_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class EmergencyReview:
    """The review of an emergency."""

    approval_id: UUID
    reviewer: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Emergency:
    """A release that went live without approval, with its review."""

    approval: Approval
    due: datetime
    review: EmergencyReview | None = None

    def overdue(self, at: datetime) -> bool:
        return self.review is None and at > self.due


def proof_of(history: ReleaseHistory, at: datetime, report_days: int) -> ReleaseEvent:
    """The newest evaluation, if it passed and is recent enough. Errors: NoEvidence."""
    newest = next((event for event in reversed(history.events) if event.evidence), None)
    if newest is None or newest.evidence is None:
        raise NoEvidence("The release has not been evaluated.")
    if newest.evidence.verdict != "PASS":
        raise NoEvidence(f"The newest evaluation says {newest.evidence.verdict}.")
    if at - newest.at > timedelta(days=report_days):
        raise NoEvidence(f"The newest evaluation is of {newest.at:%Y-%m-%d}, more than {report_days} days old.")
    return newest


def check_approval(
    policy: OwnershipPolicy,
    history: ReleaseHistory,
    given: Iterable[Approval],
    approver: str,
    at: datetime,
    seen: str | None = None,
) -> str:
    """Returns the report that the approval is bound to. seen: the report that the approver read.

    Errors: NoEvidence, SelfApproval, ApprovedAlready, IllegalMove.
    """
    proof = proof_of(history, at, policy.approval.report_days)
    report = proof.evidence.report if proof.evidence else ""
    if seen is not None and seen != report:
        raise NoEvidence(f"The report {seen[:12]} is not the newest; {report[:12]} is.")
    if history.state != "approved":
        check_transition(history.state, "approved")
    if policy.risk_tier != "low" and same_person(approver, history.author):
        raise SelfApproval(f"{approver} made this release, and the risk tier is {policy.risk_tier}.")
    if any(
        same_person(approver, each.approver)
        for each in valid_approvals(history, given, at, policy.approval.report_days)
    ):
        raise ApprovedAlready(f"{approver} has approved this release on this report.")
    return report


def same_person(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def expiry(policy: OwnershipPolicy, at: datetime, requested: datetime | None) -> datetime:
    """When an approval ends. Errors: ExpiryUnusable."""
    latest = at + timedelta(days=policy.approval.valid_days)
    if requested is None:
        return latest
    if not at < requested <= latest:
        raise ExpiryUnusable(f"It must end after now and by {latest:%Y-%m-%d %H:%M} UTC.")
    return requested


def valid_approvals(
    history: ReleaseHistory, given: Iterable[Approval], at: datetime, report_days: int
) -> list[Approval]:
    """The approvals that count at a moment: on the newest report, given after it, not expired."""
    try:
        proof = proof_of(history, at, report_days)
    except NoEvidence:
        return []
    return [
        each
        for each in given
        if each.kind == "approval"
        and proof.evidence
        and each.report == proof.evidence.report
        and each.at >= proof.at
        and each.expires_at
        and at < each.expires_at
    ]


def lacking(
    policy: OwnershipPolicy,
    history: ReleaseHistory,
    given: Sequence[Approval],
    changed: Iterable[str],
    at: datetime,
) -> str | None:
    """What keeps a release from going live, in a sentence; None when nothing does.

    changed: the parts in which it differs from what is live.
    """
    rules = policy.approval
    try:
        proof_of(history, at, rules.report_days)
    except NoEvidence as missing:
        return missing.detail
    counted = [
        each for each in valid_approvals(history, given, at, rules.report_days) if _counts(policy, history, each)
    ]
    people = {each.approver.strip().casefold() for each in counted}
    needed: int = getattr(rules.people, policy.risk_tier)
    if len(people) < needed:
        others = "" if policy.risk_tier == "low" else " who did not make it"
        return f"At risk tier {policy.risk_tier}, {needed} must approve it{others}; {len(people)} did on this report."
    for part in changed:
        names = rules.named.get(part, ())
        if names and not people & {name.strip().casefold() for name in names}:
            return f"It changes {part}, which one of {', '.join(names)} must approve."
    return None


def _counts(policy: OwnershipPolicy, history: ReleaseHistory, each: Approval) -> bool:
    """Whether the approval counts at today's risk tier, which may have risen since it was given."""
    return policy.risk_tier == "low" or not same_person(each.approver, history.author)


def changed_parts(before: Manifest | None, after: Manifest) -> tuple[str, ...]:
    """The parts that differ, of those that may need a named approver; all of them when there is no `before`."""
    policies = sorted(after.policies) if before is None else _differing(before.policies, after.policies)
    parts = {
        "service": before is None or (before.code, before.settings) != (after.code, after.settings),
        "model": before is None or (before.chain, before.prices) != (after.chain, after.prices),
        "prompts": before is None or before.prompts != after.prompts,
        "data": before is None or (before.index, before.retrieval) != (after.index, after.retrieval),
        "policies": bool(policies),
    }
    return (*(part for part, differs in parts.items() if differs), *policies)


def _differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def check_review(policy: OwnershipPolicy, emergency: Emergency, reviewer: str) -> None:
    """Errors: ReviewedAlready, SelfApproval."""
    if emergency.review:
        raise ReviewedAlready(f"{emergency.review.reviewer} reviewed it on {emergency.review.at:%Y-%m-%d}.")
    if policy.risk_tier != "low" and same_person(reviewer, emergency.approval.approver):
        raise SelfApproval(f"{reviewer} activated it by break-glass; someone else must review it.")
