"""Operations, attestations, money, monitoring and ownership, at the limits of each judge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.core.operations import OperationRun
from app.governance.domain.readiness import operation_judges
from app.governance.domain.readiness.facts import (
    AttestationFacts,
    AuditFacts,
    IsolationFacts,
    MonitoringFacts,
    OwnershipFacts,
    RunFacts,
    SecretFacts,
    SpendingFacts,
)
from app.governance.domain.readiness.statements import ReadinessStatement
from app.governance.domain.readiness.vocabulary import CheckEvidence, JudgeContext
from tests.governance.domain.test_report import OWNERSHIP

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
CONTEXT = JudgeContext(NOW, {})
RUN = OperationRun("backup", NOW, "ada", True, "d" * 64, "12 GB")
SAID = ReadinessStatement(UUID(int=1), "attestation", "c", "bob", "ada", "read it", "s1", NOW, NOW + timedelta(days=9))
SPENDING = SpendingFacts(limit=1000, ledger=0, committed=0, held=0, prices="p", unpriced=())
MONITORING = MonitoringFacts((), (), 9, "otlp", "d")

backup = operation_judges.run_of("backup", "backup")
attested = operation_judges.attested("c")


@pytest.mark.parametrize(
    ("run", "status", "found"),
    [
        (None, "red", "There is no record of a backup."),
        (RUN, "green", "The backup of 2030-03-01 12:00 UTC by ada passed: 12 GB."),
        (replace(RUN, detail=""), "green", "The backup of 2030-03-01 12:00 UTC by ada passed."),
        (replace(RUN, passed=False), "red", "The backup of 2030-03-01 12:00 UTC by ada failed: 12 GB."),
    ],
)
def test_a_run_is_judged_by_its_result(run: OperationRun | None, status: str, found: str) -> None:
    result = backup(RunFacts({"backup": run} if run else {}), CONTEXT)
    assert (result.status, result.found, result.at) == (status, found, run.at if run else None)


def test_the_run_of_another_operation_proves_nothing() -> None:
    assert backup(RunFacts({"retention": replace(RUN, kind="retention")}), CONTEXT).status == "red"


@pytest.mark.parametrize(
    ("statements", "subjects", "status", "words"),
    [
        ({}, {"c": "s1"}, "red", "Nobody has attested it, or the attestation has ended."),
        ({"other": SAID}, {"c": "s1"}, "red", "Nobody has attested it, or the attestation has ended."),
        ({"c": SAID}, {"c": "s1"}, "green", "bob attested it on 2030-03-01, until 2030-03-10."),
        ({"c": SAID}, {"c": "s2"}, "red", "until 2030-03-10; what was attested has changed since."),
        ({"c": SAID}, {}, "red", "until 2030-03-10; what was attested has changed since."),
    ],
    ids=["nothing", "another check", "the same", "another subject", "no subject any more"],
)
def test_an_attestation_is_of_what_it_was_about(
    statements: dict[str, ReadinessStatement], subjects: dict[str, str], status: str, words: str
) -> None:
    result = attested(AttestationFacts(statements, subjects), CONTEXT)
    assert (result.status, result.found.endswith(words)) == (status, True)


@pytest.mark.parametrize(
    ("committed", "held", "status"),
    [(0, 0, "green"), (949, 0, "green"), (950, 0, "amber"), (900, 50, "amber"), (999, 0, "amber"), (500, 500, "red")],
)
def test_a_budget_is_near_its_limit_before_it_is_used_up(committed: int, held: int, status: str) -> None:
    facts = replace(SPENDING, committed=committed, held=held)
    assert operation_judges.budget(facts, CONTEXT).status == status


@pytest.mark.parametrize(("ledger", "committed", "status"), [(0, 0, "green"), (5, 4, "red"), (4, 5, "red")])
def test_ledger_and_budgets_agree_to_the_micro_dollar(ledger: int, committed: int, status: str) -> None:
    facts = replace(SPENDING, ledger=ledger, committed=committed)
    assert operation_judges.ledger(facts, CONTEXT).status == status


def test_models_without_a_price_and_secrets_that_were_made_up_are_named() -> None:
    prices = operation_judges.prices(replace(SPENDING, unpriced=("a", "b")), CONTEXT)
    assert (prices.status, prices.found) == ("red", "Without a price: a, b.")
    assert operation_judges.prices(SPENDING, CONTEXT).status == "green"
    secrets = operation_judges.secrets(SecretFacts("production", ("APP_MASTER_KEY",)), CONTEXT)
    assert (secrets.status, secrets.found.endswith("in its data folder: APP_MASTER_KEY.")) == ("red", True)
    assert operation_judges.secrets(SecretFacts("production", ()), CONTEXT).status == "green"


@pytest.mark.parametrize(
    ("judge", "part", "other"),
    [
        (operation_judges.alert_rules, "stale_rules", "stale_dashboards"),
        (operation_judges.dashboards, "stale_dashboards", "stale_rules"),
    ],
)
def test_files_of_monitoring_are_judged_by_their_own_kind(
    judge: Callable[[MonitoringFacts, JudgeContext], CheckEvidence], part: str, other: str
) -> None:
    files = tuple(f"{name}.yaml" for name in "abcdef")
    stale = judge(replace(MONITORING, **{part: files}), CONTEXT)
    assert (stale.status, "a.yaml" in stale.found, "e.yaml" in stale.found, "f.yaml" in stale.found) == (
        "red",
        True,
        True,
        False,
    )
    assert judge(replace(MONITORING, **{other: files}), CONTEXT).status == "green"


@pytest.mark.parametrize(("traces", "status"), [("otlp", "green"), ("none", "red"), ("console", "red"), ("", "red")])
def test_traces_are_sent_somewhere(traces: str, status: str) -> None:
    assert operation_judges.traces(replace(MONITORING, traces=traces), CONTEXT).status == status


def test_isolation_is_that_of_every_table_and_of_the_role() -> None:
    guarded = operation_judges.row_security(IsolationFacts(3, (), True), CONTEXT)
    bare = operation_judges.row_security(IsolationFacts(3, ("answers", "feedback"), False), CONTEXT)
    assert (guarded.status, bare.status) == ("green", "red")
    assert bare.found.endswith("answers, feedback.")
    assert operation_judges.service_role(IsolationFacts(3, (), True), CONTEXT).status == "red"
    assert operation_judges.service_role(IsolationFacts(3, ("answers",), False), CONTEXT).status == "green"


@pytest.mark.parametrize(
    ("whole", "head", "status"), [(True, "h", "green"), (False, "h", "red"), (True, "", "red"), (False, "", "red")]
)
def test_a_log_is_whole_and_not_empty(whole: bool, head: str, status: str) -> None:
    assert operation_judges.audit_chain(AuditFacts(whole, "9 lines", head), CONTEXT).status == status


@pytest.mark.parametrize("name", ["TBD", "your team", "  Nobody\t", "OWNER"])
@pytest.mark.parametrize("part", ["model", "prompts", "data", "policies"])
def test_each_part_has_a_real_owner(part: str, name: str) -> None:
    owners = OWNERSHIP.owners.model_copy(update={part: name})
    found = operation_judges.owners(OwnershipFacts(OWNERSHIP.model_copy(update={"owners": owners}), "d"), CONTEXT)
    assert (found.status, found.found) == ("red", f"Still the example's owner: {part}.")


def test_owners_are_named_once_and_in_order() -> None:
    found = operation_judges.owners(OwnershipFacts(OWNERSHIP, "d"), CONTEXT)
    assert (found.status, found.found) == ("green", "Every part has an owner: desk, dora, mia, otto, pia.")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("a@EXAMPLE.COM", "red"),
        ("a@desk.local", "red"),
        ("a@b.invalid", "red"),
        ("a@desk.example", "red"),
        ("a@example.com.desk.org", "green"),
        ("a@desk.locale.org", "green"),
        ("+49 30 1234567", "green"),
    ],
)
def test_who_is_on_call_can_be_reached(address: str, status: str) -> None:
    facts = OwnershipFacts(OWNERSHIP.model_copy(update={"on_call": address}), "d")
    assert operation_judges.on_call(facts, CONTEXT).status == status
