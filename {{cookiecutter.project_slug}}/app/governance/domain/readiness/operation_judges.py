"""Judges of operations, money, monitoring, isolation and ownership."""

import re
from collections.abc import Callable

from app.core.operations import OperationKind
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
from app.governance.domain.readiness.vocabulary import CheckEvidence, JudgeContext, green_if

PLACEHOLDER_OWNERS = frozenset({"platform team", "owner", "team", "todo", "tbd", "nobody", "unknown", "your team"})
PLACEHOLDER_ADDRESS = re.compile(r"(?i)@(?:[\w-]+\.)*(?:example\.\w+|[\w-]+\.(?:example|invalid|test|local))$")
NEAR_LIMIT = 0.95


def run_of(kind: OperationKind, name: str) -> Callable[[RunFacts, JudgeContext], CheckEvidence]:
    """A judge of the newest run of an operation; the runner judges its age."""

    def judge(facts: RunFacts, _: JudgeContext) -> CheckEvidence:
        place = f"the record of the last {name}"
        run = facts.runs.get(kind)
        if run is None:
            return CheckEvidence("red", f"There is no record of a {name}.", place, None)
        result = "passed" if run.passed else "failed"
        detail = f": {run.detail}" if run.detail else ""
        found = f"The {name} of {run.at:%Y-%m-%d %H:%M} UTC by {run.actor} {result}{detail}."
        return green_if(run.passed, found, place, [run.at, run.digest, run.passed], run.at)

    return judge


def attested(check_id: str) -> Callable[[AttestationFacts, JudgeContext], CheckEvidence]:
    """A judge of what a person must say; what was said ends with its date, or when its subject changes."""

    def judge(facts: AttestationFacts, _: JudgeContext) -> CheckEvidence:
        place, statement = "the attestations", facts.statements.get(check_id)
        subject = facts.subjects.get(check_id, "")
        if statement is None:
            return CheckEvidence("red", "Nobody has attested it, or the attestation has ended.", place, subject)
        until = f"{statement.owner} attested it on {statement.at:%Y-%m-%d}, until {statement.expires_at:%Y-%m-%d}"
        if statement.subject != subject:
            return CheckEvidence("red", f"{until}; what was attested has changed since.", place, subject, statement.at)
        return CheckEvidence("green", f"{until}.", place, [statement.id, subject], statement.at)

    return judge


def budget(facts: SpendingFacts, _: JudgeContext) -> CheckEvidence:
    """A month has a limit, and it is not used up."""
    basis, place = [facts.limit, facts.committed, facts.held], "the budget of the service"
    if facts.limit is None:
        return CheckEvidence("red", "A month has no limit.", place, basis)
    used = (facts.committed + facts.held) / facts.limit if facts.limit else 1
    found = f"{facts.committed / 1e6:,.2f} of {facts.limit / 1e6:,.2f} USD are spent this month."
    return CheckEvidence("red" if used >= 1 else "amber" if used >= NEAR_LIMIT else "green", found, place, basis)


def ledger(facts: SpendingFacts, _: JudgeContext) -> CheckEvidence:
    found = f"The ledger and the budgets of this month both add up to {facts.ledger:,} micro-dollars."
    if facts.ledger != facts.committed:
        found = f"The ledger of this month has {facts.ledger:,} micro-dollars, the budgets {facts.committed:,}."
    basis = [facts.ledger, facts.committed]
    return green_if(facts.ledger == facts.committed, found, "the ledger and the budgets", basis)


def prices(facts: SpendingFacts, _: JudgeContext) -> CheckEvidence:
    found = "Every model of the chain has a price."
    if facts.unpriced:
        found = f"Without a price: {', '.join(facts.unpriced)}."
    return green_if(not facts.unpriced, found, "the table of prices", [facts.prices, *facts.unpriced])


def alert_rules(facts: MonitoringFacts, _: JudgeContext) -> CheckEvidence:
    return _fresh(facts.stale_rules, "alert rules", facts)


def dashboards(facts: MonitoringFacts, _: JudgeContext) -> CheckEvidence:
    return _fresh(facts.stale_dashboards, "dashboards", facts)


def _fresh(stale: tuple[str, ...], what: str, facts: MonitoringFacts) -> CheckEvidence:
    found = f"The {what} are those of policies/slo.yaml."
    if stale:
        found = f"Missing, or not those of policies/slo.yaml: {', '.join(stale[:5])}."
    return green_if(not stale, found, "the files in monitoring/", [facts.digest, *stale])


def traces(facts: MonitoringFacts, _: JudgeContext) -> CheckEvidence:
    found = f"Traces go to: {facts.traces}."
    return green_if(facts.traces == "otlp", found, "the settings of this process", facts.traces)


def row_security(facts: IsolationFacts, _: JudgeContext) -> CheckEvidence:
    found = f"All {facts.tables} tables of tenants have a forced policy on the tenant."
    if facts.unguarded:
        found = f"Tables without a forced policy on the tenant: {', '.join(facts.unguarded)}."
    basis = [facts.tables, *facts.unguarded]
    return green_if(facts.tables > 0 and not facts.unguarded, found, "pg_class and pg_policies", basis)


def service_role(facts: IsolationFacts, _: JudgeContext) -> CheckEvidence:
    found = "The role of the service bypasses row-level security." if facts.bypasses else "The role is bound by it."
    return green_if(not facts.bypasses, found, "pg_roles", facts.bypasses)


def secrets(facts: SecretFacts, _: JudgeContext) -> CheckEvidence:
    found = "Every secret is set by its owner."
    if facts.missing:
        found = f"Made up by this process, and in its data folder: {', '.join(facts.missing)}."
    basis = [facts.environment, *facts.missing]
    return green_if(not facts.missing, found, "the settings of this process", basis)


def owners(facts: OwnershipFacts, _: JudgeContext) -> CheckEvidence:
    named = {"service": facts.policy.owner, **facts.policy.owners.model_dump()}
    unnamed = sorted(part for part, name in named.items() if name.strip().casefold() in PLACEHOLDER_OWNERS)
    found = f"Every part has an owner: {', '.join(sorted(set(named.values())))}."
    if unnamed:
        found = f"Still the example's owner: {', '.join(unnamed)}."
    return green_if(not unnamed, found, "policies/ownership.yaml", facts.digest)


def on_call(facts: OwnershipFacts, _: JudgeContext) -> CheckEvidence:
    address = facts.policy.on_call
    real = not PLACEHOLDER_ADDRESS.search(address)
    found = f"On call: {address}." if real else f"{address} is an example, and reaches nobody."
    return green_if(real, found, "policies/ownership.yaml", facts.digest)


def audit_chain(facts: AuditFacts, _: JudgeContext) -> CheckEvidence:
    """An empty log proves nothing: the first act of control is the first release."""
    whole = facts.whole and bool(facts.head)
    return green_if(whole, f"The audit log: {facts.summary}", "the audit log", facts.head)
