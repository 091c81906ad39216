from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app.core.ownership import ApprovalRules, Owners, OwnershipPolicy, People, RiskTier
from app.governance.domain.approval_rules import (
    Approval,
    ApprovalKind,
    ApprovedAlready,
    Emergency,
    EmergencyReview,
    ExpiryUnusable,
    NoEvidence,
    ReviewedAlready,
    SelfApproval,
    changed_parts,
    check_approval,
    check_review,
    expiry,
    lacking,
)
from app.releases.domain import (
    CodePin,
    EvaluationEvidence,
    EvaluationVerdict,
    IllegalMove,
    IndexPin,
    Manifest,
    ReleaseEvent,
    ReleaseHistory,
    ReleaseState,
)

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
REPORT, NEWER = "a" * 64, "b" * 64
RELEASE = "c" * 64


def policy(tier: RiskTier = "medium", **approval: object) -> OwnershipPolicy:
    owners = Owners(model="m", prompts="p", data="d", policies="o")
    return OwnershipPolicy(
        owner="team",
        service="service",
        on_call="a@b",
        risk_tier=tier,
        data_sensitivity="public",
        owners=owners,
        approval=ApprovalRules(**approval),  # type: ignore[arg-type]
    )


def event(
    after: ReleaseState, at: datetime, report: str | None = None, verdict: EvaluationVerdict = "PASS"
) -> ReleaseEvent:
    evidence = EvaluationEvidence(report, verdict) if report else None
    return ReleaseEvent(RELEASE, None, after, at, "ana", "why", evidence=evidence)


def history(*more: ReleaseEvent) -> ReleaseHistory:
    """Made by ana a week ago, and measured yesterday unless said otherwise."""
    return ReleaseHistory((event("draft", NOW - 7 * DAY), *(more or [event("evaluated", NOW - DAY, REPORT)])))


def approval(
    by: str,
    at: datetime = NOW - DAY / 2,
    report: str = REPORT,
    ends: datetime = NOW + DAY,
    kind: ApprovalKind = "approval",
) -> Approval:
    return Approval(uuid4(), RELEASE, "production", kind, report, by, "service", at, ends, "fine")


def test_an_approval_is_bound_to_the_newest_report() -> None:
    assert check_approval(policy(), history(), [], "bob", NOW) == REPORT


@pytest.mark.parametrize("tier", ["medium", "high"])
@pytest.mark.parametrize("name", ["ana", "Ana", " ana "])
def test_nobody_approves_what_they_made_where_a_wrong_answer_harms(tier: RiskTier, name: str) -> None:
    with pytest.raises(SelfApproval, match="made this release"):
        check_approval(policy(tier), history(), [], name, NOW)


def test_at_low_risk_the_author_may_approve() -> None:
    assert check_approval(policy("low"), history(), [], "ana", NOW) == REPORT
    assert lacking(policy("low"), history(), [approval("ana")], (), NOW) is None


def test_a_release_that_was_not_measured_cannot_be_approved() -> None:
    with pytest.raises(NoEvidence, match="not been evaluated"):
        check_approval(policy(), ReleaseHistory((event("draft", NOW),)), [], "bob", NOW)


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE"])
def test_only_a_passed_gate_is_evidence(verdict: EvaluationVerdict) -> None:
    failed = history(event("evaluated", NOW - DAY, REPORT), event("evaluated", NOW - DAY / 3, NEWER, verdict))
    with pytest.raises(NoEvidence, match=verdict):
        check_approval(policy(), failed, [], "bob", NOW)
    assert verdict in str(lacking(policy(), failed, [approval("bob")], (), NOW))


def test_an_old_report_is_no_evidence() -> None:
    old = history(event("evaluated", NOW - 8 * DAY, REPORT))
    with pytest.raises(NoEvidence, match="more than 7 days old"):
        check_approval(policy(report_days=7), old, [], "bob", NOW)
    assert lacking(policy(report_days=7), old, [approval("bob", NOW - DAY)], (), NOW) is not None


def test_a_report_is_evidence_to_the_end_of_its_last_day() -> None:
    assert check_approval(policy(report_days=7), history(event("evaluated", NOW - 7 * DAY, REPORT)), [], "bob", NOW)


def test_an_approver_who_looked_at_the_newest_report_may_approve() -> None:
    assert check_approval(policy(), history(), [], "bob", NOW, seen=REPORT) == REPORT


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (approval("bob", at=NOW - DAY / 3, report=NEWER), True),
        (approval("bob", at=NOW - DAY / 3 - timedelta(seconds=1), report=NEWER), False),
        (approval("bob", at=NOW - DAY / 4, report=REPORT), False),
        (replace(approval("bob", at=NOW - DAY / 4, report=NEWER), expires_at=None), False),
    ],
)
def test_an_approval_counts_on_the_newest_report_after_it_was_made(given: Approval, counts: bool) -> None:
    measured = history(event("evaluated", NOW - DAY, REPORT), event("evaluated", NOW - DAY / 3, NEWER))
    assert (lacking(policy(), measured, [given], (), NOW) is None) is counts


@pytest.mark.parametrize(("tier", "words"), [("low", "approve it;"), ("medium", "approve it who did not make it;")])
def test_a_refusal_says_who_must_approve(tier: RiskTier, words: str) -> None:
    assert words in str(lacking(policy(tier), history(), [], (), NOW))


def test_an_approver_who_looked_at_an_older_report_is_told() -> None:
    with pytest.raises(NoEvidence, match="is not the newest"):
        check_approval(policy(), history(), [], "bob", NOW, seen=NEWER)


def test_the_same_person_counts_once() -> None:
    with pytest.raises(ApprovedAlready):
        check_approval(policy("high"), history(), [approval("bob")], "BOB", NOW)
    assert lacking(policy("high"), history(), [approval("bob"), approval("Bob")], (), NOW) is not None


def test_after_a_newer_report_the_same_person_is_asked_again() -> None:
    measured = history(event("evaluated", NOW - DAY, REPORT), event("evaluated", NOW - DAY / 3, NEWER))
    assert lacking(policy(), measured, [approval("bob")], (), NOW) is not None
    assert check_approval(policy(), measured, [approval("bob")], "bob", NOW) == NEWER


def test_the_same_report_after_a_rejection_needs_new_approvals() -> None:
    again = history(
        event("evaluated", NOW - DAY, REPORT), event("rejected", NOW - DAY / 3), event("evaluated", NOW, REPORT)
    )
    assert lacking(policy(), again, [approval("bob")], (), NOW) is not None


@pytest.mark.parametrize("state", ["live", "superseded", "rolled_back", "rejected", "canary"])
def test_what_was_live_or_rejected_is_measured_again_before_it_is_approved(state: ReleaseState) -> None:
    with pytest.raises(IllegalMove):
        check_approval(policy(), history(event("evaluated", NOW - DAY, REPORT), event(state, NOW)), [], "bob", NOW)


def test_an_approval_can_be_renewed_before_it_ends() -> None:
    approved = history(event("evaluated", NOW - DAY, REPORT), event("approved", NOW - DAY / 2))
    ended = approval("bob", ends=NOW - DAY / 4)
    assert check_approval(policy(), approved, [ended], "bob", NOW) == REPORT


@pytest.mark.parametrize(
    ("tier", "by", "enough"),
    [
        ("low", ["bob"], True),
        ("medium", [], False),
        ("medium", ["ana"], False),
        ("medium", ["bob"], True),
        ("high", ["bob"], False),
        ("high", ["bob", "ana"], False),
        ("high", ["bob", "cleo"], True),
    ],
)
def test_how_many_must_approve_depends_on_the_risk(tier: RiskTier, by: list[str], enough: bool) -> None:
    assert (lacking(policy(tier), history(), [approval(name) for name in by], (), NOW) is None) is enough


def test_an_approval_that_has_run_out_counts_no_more() -> None:
    given = [approval("bob", ends=NOW + DAY)]
    assert lacking(policy(), history(), given, (), NOW + DAY - timedelta(seconds=1)) is None
    assert lacking(policy(), history(), given, (), NOW + DAY) is not None


@pytest.mark.parametrize("kind", ["first_release", "break_glass"])
def test_an_exception_is_no_approval_the_next_time(kind: ApprovalKind) -> None:
    assert lacking(policy(), history(), [approval("bob", kind=kind)], (), NOW) is not None


def test_a_part_with_named_people_needs_one_of_them() -> None:
    rules = policy(named={"prompts": ("cleo", "dan")})
    assert lacking(rules, history(), [approval("bob")], ("model",), NOW) is None
    assert "cleo, dan" in str(lacking(rules, history(), [approval("bob")], ("model", "prompts"), NOW))
    assert lacking(rules, history(), [approval("Cleo")], ("model", "prompts"), NOW) is None


def test_an_expiry_lies_ahead_and_within_the_policy() -> None:
    assert expiry(policy(valid_days=30), NOW, None) == NOW + 30 * DAY
    assert expiry(policy(valid_days=30), NOW, NOW + DAY) == NOW + DAY
    assert expiry(policy(valid_days=30), NOW, NOW + 30 * DAY) == NOW + 30 * DAY
    for wrong in (NOW, NOW - DAY, NOW + 31 * DAY):
        with pytest.raises(ExpiryUnusable):
            expiry(policy(valid_days=30), NOW, wrong)


def test_high_risk_cannot_be_configured_down_to_one_person() -> None:
    with pytest.raises(ValidationError):
        People(high=1)
    with pytest.raises(ValidationError, match="nobody is named for prompts"):
        ApprovalRules(named={"prompts": ()})


MANIFEST = Manifest(
    code=CodePin(version="1", digest="0" * 64),
    prompts={"system": "1" * 64},
    chain=(),
    index=IndexPin(),
    retrieval={"budget": 800},
    policies={"cost": "2" * 64, "slo": "3" * 64},
    prices="4" * 64,
    settings={"refusal.words": 3},
)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({}, ()),
        ({"prompts": {"system": "9" * 64}}, ("prompts",)),
        ({"retrieval": {"budget": 1}}, ("data",)),
        ({"index": IndexPin(embedder="minilm")}, ("data",)),
        ({"prices": "9" * 64}, ("model",)),
        ({"settings": {}}, ("service",)),
        ({"policies": {"cost": "9" * 64, "slo": "3" * 64}}, ("policies", "cost")),
        ({"policies": {"cost": "2" * 64, "slo": "3" * 64, "review": "5" * 64}}, ("policies", "review")),
    ],
)
def test_the_parts_that_a_release_changes(change: dict[str, object], parts: tuple[str, ...]) -> None:
    assert changed_parts(MANIFEST, MANIFEST.model_copy(update=change)) == parts


def test_against_nothing_every_part_is_new() -> None:
    assert changed_parts(None, MANIFEST) == ("service", "model", "prompts", "data", "policies", "cost", "slo")


def test_an_emergency_is_reviewed_once_and_by_somebody_else() -> None:
    emergency = Emergency(replace(approval("ana"), kind="break_glass"), NOW + DAY)
    check_review(policy(), emergency, "bob")
    check_review(policy("low"), emergency, "ana")
    with pytest.raises(SelfApproval):
        check_review(policy(), emergency, "Ana")
    with pytest.raises(ReviewedAlready):
        check_review(policy(), replace(emergency, review=EmergencyReview(UUID(int=0), "bob", NOW, "seen")), "cleo")


def test_an_emergency_is_overdue_a_day_later_until_it_is_reviewed() -> None:
    emergency = Emergency(approval("ana"), NOW + DAY)
    assert not emergency.overdue(NOW + DAY)
    assert emergency.overdue(NOW + DAY + timedelta(seconds=1))
    assert not replace(emergency, review=EmergencyReview(UUID(int=0), "bob", NOW, "seen")).overdue(NOW + 9 * DAY)
