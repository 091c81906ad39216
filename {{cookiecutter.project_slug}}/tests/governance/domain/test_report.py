"""What follows from evidence, its age, waivers and the policy. No database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from app.core.operations import OperationRun
from app.core.ownership import OwnershipPolicy
from app.governance.domain.readiness.catalogue import CHECKS, find_check
from app.governance.domain.readiness.facts import IsolationFacts, RunFacts, SpendingFacts
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import Gathered, ReadinessReport, make_report, worst
from app.governance.domain.readiness.statements import CheckNotFound, ReadinessStatement

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
OWNERSHIP = OwnershipPolicy.model_validate(
    {
        "owner": "desk",
        "service": "Lighthouse",
        "on_call": "a@b.org",
        "risk_tier": "medium",
        "data_sensitivity": "internal",
        "owners": {"model": "mia", "prompts": "pia", "data": "dora", "policies": "otto"},
    }
)


def report(gathered: Gathered, waived: Any = None, **policy: Any) -> ReadinessReport:
    return make_report(gathered, ReadinessPolicy(owner="desk", **policy), OWNERSHIP, waived or {}, NOW)


def backup(days: float, passed: bool = True) -> Gathered:
    return {RunFacts: RunFacts({"backup": OperationRun("backup", NOW - timedelta(days=days), "ada", passed)})}


def waiver(check: str, ends: datetime = NOW + timedelta(days=1)) -> dict[str, ReadinessStatement]:
    said = ReadinessStatement(uuid4(), "waiver", check, "bob", "ada", "the disk is moved", "", NOW, ends)
    return {check: said}


def test_without_any_evidence_every_check_is_red_and_says_so() -> None:
    found = report({})
    assert {each.status for each in found.results} == {"red"}
    assert all(each.found.startswith("The evidence could not be read") for each in found.results)
    assert not found.ready


def test_a_source_that_failed_makes_its_checks_red_with_the_reason() -> None:
    found = report({IsolationFacts: RuntimeError("the database is away")}).find("access.row_security")
    assert (found.status, "the database is away" in found.found) == ("red", True)


def test_facts_that_a_judge_cannot_read_are_no_proof() -> None:
    broken = SpendingFacts(limit="much", ledger=0, committed=0, held=0, prices="", unpriced=())  # type: ignore[arg-type]
    assert report({SpendingFacts: broken}).find("cost.budget").status == "red"


@pytest.mark.parametrize(("days", "status"), [(0, "green"), (6.9, "green"), (7.1, "red")])
def test_evidence_that_is_too_old_is_red(days: float, status: str) -> None:
    assert report(backup(days)).find("rollback.backup").status == status


def test_the_policy_may_ask_for_younger_evidence() -> None:
    assert report(backup(2), max_age_days={"rollback.backup": 1}).find("rollback.backup").status == "red"


def test_an_operation_that_failed_is_red_however_young() -> None:
    assert report(backup(0, passed=False)).find("rollback.backup").status == "red"


def test_a_waiver_makes_red_amber_and_nothing_else() -> None:
    assert report({}, waiver("rollback.backup")).find("rollback.backup").status == "amber"
    assert report(backup(0), waiver("rollback.backup")).find("rollback.backup").status == "green"
    never = {"max_days": 30, "never": ("rollback.backup",)}
    assert report({}, waiver("rollback.backup"), waivers=never).find("rollback.backup").status == "red"


def test_what_is_not_required_blocks_nothing() -> None:
    found = report({}, optional=tuple(check.id for check in CHECKS))
    assert found.ready
    assert set(found.questions.values()) == {"amber"}


def test_owners_and_digests_are_those_of_the_evidence() -> None:
    found = report(backup(1))
    assert found.find("data.contracts").owner == "dora"
    assert found.find("rollback.backup").owner == "desk"
    same, other = report(backup(1)).find("rollback.backup"), report(backup(2)).find("rollback.backup")
    assert found.find("rollback.backup").evidence.digest == same.evidence.digest != other.evidence.digest


@pytest.mark.parametrize(
    "policy",
    [
        {"optional": ("rollback.bakcup",)},
        {"gate": {"production": ("nothing",)}},
        {"gate": {"laptop": ()}},
        {"max_age_days": {"rollback.backup": 0}},
        {"waivers": {"never": ("nothing",)}},
    ],
)
def test_a_policy_that_names_what_is_not_there_is_refused(policy: Any) -> None:
    with pytest.raises(ValidationError):
        ReadinessPolicy.model_validate({"owner": "desk", **policy})


def test_nothing_checked_is_red_and_an_unknown_check_is_refused() -> None:
    assert worst([]) == "red"
    assert worst(["green", "amber"]) == "amber"
    with pytest.raises(CheckNotFound):
        find_check("nothing")
