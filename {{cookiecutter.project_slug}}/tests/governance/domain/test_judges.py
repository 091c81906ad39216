"""What each judge makes of its facts, at its limits. No database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.ownership import OwnershipPolicy
from app.governance.domain.readiness import data_judges, operation_judges, release_judges
from app.governance.domain.readiness.facts import (
    AuditFacts,
    CallerFacts,
    CorpusFacts,
    DataHealthFacts,
    IsolationFacts,
    KeyFact,
    LiveReleaseState,
    OwnershipFacts,
    RolloutFacts,
    SpendingFacts,
    SuiteFacts,
)
from app.governance.domain.readiness.readiness_policy import ReadinessLimits
from app.governance.domain.readiness.vocabulary import JudgeContext
from tests.governance.domain.test_report import OWNERSHIP

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
CONTEXT = JudgeContext(NOW, ReadinessLimits().model_dump())
LIVE = LiveReleaseState(
    id="r" * 64,
    number=7,
    live_since=NOW,
    staged_at=NOW,
    models=("extractive",),
    differs=(),
    verdict="PASS",
    report="a" * 64,
    evaluated_at=NOW,
    lacking=None,
    approvers=("bob",),
    author="ana",
    index_serves=True,
    index="i",
)
ROLLOUTS = RolloutFacts(LIVE, NOW, NOW, 2.0, "e" * 64, 0)
CORPUS = CorpusFacts({"handbook": 3}, NOW, ("handbook",), "allow", 0, None)
SPENDING = SpendingFacts(100, 10, 10, 0, "p", ())


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("gpt-4o-2024-08-06", "green"),
        ("claude-3-5-sonnet-latest", "red"),
        ("somewhere/model:latest", "red"),
        ("the-latest-news-model-3", "green"),
        ("default", "red"),
    ],
)
def test_a_model_whose_name_moves_is_not_pinned(model: str, status: str) -> None:
    facts = replace(ROLLOUTS, live=replace(LIVE, models=(model, "extractive")))
    assert release_judges.models_pinned(facts, CONTEXT).status == status


def test_what_is_about_the_live_release_is_red_while_nothing_is_live() -> None:
    nothing = replace(ROLLOUTS, live=None)
    judges = (
        release_judges.live_release,
        release_judges.files_released,
        release_judges.models_pinned,
        release_judges.index_serves,
        release_judges.live_evaluation,
        release_judges.staged_before,
        release_judges.approved_by_others,
    )
    assert {judge(nothing, CONTEXT).status for judge in judges} == {"red"}
    assert {judge(ROLLOUTS, CONTEXT).status for judge in judges} == {"green"}


@pytest.mark.parametrize("verdict", [None, "FAIL", "INCONCLUSIVE"])
def test_only_pass_is_an_evaluation(verdict: str | None) -> None:
    facts = replace(ROLLOUTS, live=replace(LIVE, verdict=verdict))
    assert release_judges.live_evaluation(facts, CONTEXT).status == "red"


def test_a_rehearsal_that_took_too_long_is_red() -> None:
    assert release_judges.rehearsed(replace(ROLLOUTS, rehearsal_seconds=61), CONTEXT).status == "red"
    assert release_judges.rehearsed(replace(ROLLOUTS, rehearsal_seconds=60), CONTEXT).status == "green"


@pytest.mark.parametrize(("golden", "status"), [(49, "red"), (50, "green")])
def test_suites_have_a_least_size(golden: int, status: str) -> None:
    assert release_judges.golden_suite(SuiteFacts(golden, 0, 0, "d"), CONTEXT).status == status


@pytest.mark.parametrize(("days", "status"), [(1, "amber"), (8, "red")])
def test_a_document_may_wait_for_a_week(days: int, status: str) -> None:
    waiting = replace(CORPUS, waiting=1, oldest_waiting=days_ago(days))
    assert data_judges.quarantine(waiting, CONTEXT).status == status


@pytest.mark.parametrize(
    ("facts", "status", "said"),
    [
        (DataHealthFacts(2, 0, NOW, {}), "green", "as usual"),
        (DataHealthFacts(2, 1, NOW, {}), "red", "1 of 2 tenants was never checked"),
        (DataHealthFacts(0, 0, None, {}), "red", "never checked"),
        (DataHealthFacts(2, 0, NOW, {"freshness": 2, "index": 1}), "red", "freshness 2, index 1"),
    ],
)
def test_data_is_checked_and_as_usual(facts: DataHealthFacts, status: str, said: str) -> None:
    found = data_judges.data_health(facts, CONTEXT)
    assert (found.status, found.at) == (status, NOW if status == "green" or facts.unhealthy else None)
    assert said in found.found


def test_a_source_without_rules_is_named() -> None:
    found = data_judges.contracts(replace(CORPUS, documents={"handbook": 1, "wiki": 2}), CONTEXT)
    assert (found.status, "wiki" in found.found, "handbook" in found.found) == ("red", True, False)


@pytest.mark.parametrize(
    ("key", "expire", "used"),
    [
        (KeyFact("a", "a", days_ago(10), days_ago(-10), NOW), "green", "green"),
        (KeyFact("a", "a", days_ago(10), None, NOW), "red", "green"),
        (KeyFact("a", "a", days_ago(400), days_ago(-10), NOW), "red", "green"),
        (KeyFact("a", "a", days_ago(100), days_ago(-10), None), "green", "red"),
        (KeyFact("a", "a", days_ago(10), days_ago(-10), None), "green", "green"),
    ],
    ids=["in use", "without an end", "too old", "never used", "new"],
)
def test_keys_end_and_are_used(key: KeyFact, expire: str, used: str) -> None:
    facts = CallerFacts((key,), (), 1)
    assert data_judges.keys_expire(facts, CONTEXT).status == expire
    assert data_judges.keys_used(facts, CONTEXT).status == used


def test_one_person_with_two_keys_is_one_reviewer() -> None:
    assert data_judges.reviewers(CallerFacts((), ("bob", "bob"), 2), CONTEXT).status == "red"
    assert data_judges.reviewers(CallerFacts((), ("ann", "bob"), 2), CONTEXT).status == "green"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "green"),
        ({"committed": 96}, "amber"),
        ({"held": 90}, "red"),
        ({"limit": 0}, "red"),
        ({"limit": None}, "red"),
    ],
)
def test_a_budget_is_there_and_not_used_up(changes: dict[str, int | None], status: str) -> None:
    assert operation_judges.budget(replace(SPENDING, **changes), CONTEXT).status == status  # type: ignore[arg-type]


def test_a_micro_dollar_too_much_in_the_ledger_is_red() -> None:
    assert operation_judges.ledger(replace(SPENDING, ledger=11), CONTEXT).status == "red"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("oncall@example.com", "red"),
        ("oncall@mail.example.org", "red"),
        ("a@b.test", "red"),
        ("oncall@lighthouse.org", "green"),
        ("oncall@myexample.com", "green"),
    ],
)
def test_an_address_of_an_example_reaches_nobody(address: str, status: str) -> None:
    policy: OwnershipPolicy = OWNERSHIP.model_copy(update={"on_call": address})
    assert operation_judges.on_call(OwnershipFacts(policy, "d"), CONTEXT).status == status


@pytest.mark.parametrize("name", ["Platform Team", " platform team ", "T" + "ODO"])
def test_the_owner_of_the_example_is_no_owner(name: str) -> None:
    policy = OWNERSHIP.model_copy(update={"owner": name})
    found = operation_judges.owners(OwnershipFacts(policy, "d"), CONTEXT)
    assert (found.status, found.found) == ("red", "Still the example's owner: service.")


def test_an_empty_audit_log_and_a_database_without_tables_prove_nothing() -> None:
    assert operation_judges.audit_chain(AuditFacts(True, "0 lines", ""), CONTEXT).status == "red"
    assert operation_judges.row_security(IsolationFacts(0, (), False), CONTEXT).status == "red"
