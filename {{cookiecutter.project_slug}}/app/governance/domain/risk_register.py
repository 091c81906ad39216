"""The risk register: the twelve mistakes, the control for each, and the status of that control now. A control that a
running process cannot observe is "checked by the build", never "in force".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

ControlStatus = Literal["in force", "attention", "missing", "checked by the build"]


@dataclass(frozen=True, slots=True)
class Risk:
    """standing: the status of the control. found: the evidence for it, in a sentence."""

    number: int
    risk: str
    control: str
    standing: ControlStatus
    found: str
    owner: str


@dataclass(frozen=True, slots=True)
class LiveReleaseFacts:
    """What the register needs to know of the live release.

    differing_policies: policies whose files here differ from its own. unproven: the exception by which it was approved.
    lacking: why it could not go live again now.
    """

    number: int
    same_code: bool
    differing_policies: tuple[str, ...]
    pinned_index_serves: bool
    chain_of_models: tuple[str, ...]
    deadline_seconds: float
    verdict: str | None
    evaluated_at: datetime | None
    unproven: str | None
    lacking: str | None
    approvers: tuple[str, ...]
    author: str


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """The facts that the register is computed from, at one moment.

    live: None while nothing is served. unguarded: tenants' tables without row-level security. chain: the state of the
    audit log, in words; whole: whether it is unchanged.
    """

    at: datetime
    live: LiveReleaseFacts | None = None
    risk_tier: str = "medium"
    traces: str = "none"
    unguarded: tuple[str, ...] = ()
    bypasses: bool = False
    whole: bool = True
    chain: str = ""
    open_emergencies: int = 0
    overdue_emergencies: int = 0
    concurrent_answers: int = 0
    requests_per_minute: int = 0
    answer_p95_ms: int = 0
    budget_usd: Decimal = Decimal(0)
    spent_usd: Decimal = Decimal(0)
    review_policy: bool = False
    rehearsed: str = "A rollback was never rehearsed."
    canary_percent: int = 0


ControlCheck = tuple[ControlStatus, str]


def register(facts: RiskFacts, owners: Mapping[str, str]) -> tuple[Risk, ...]:
    """The register at the moment of the facts. owners: of the service, model, prompts, data and policies."""
    return tuple(
        Risk(number, risk, control, *check(facts), owners.get(part, owners["service"]))
        for number, (risk, control, part, check) in enumerate(_REGISTER, 1)
    )


def _code(facts: RiskFacts) -> ControlCheck:
    if facts.live is None:
        return "missing", "Nothing is live."
    if facts.live.same_code:
        return "in force", f"This process runs the code that release {facts.live.number} was made with."
    return "attention", f"This process runs other code than release {facts.live.number} was made with."


def _data(facts: RiskFacts) -> ControlCheck:
    if facts.live and facts.live.pinned_index_serves:
        return "in force", "The index that the live release pins is the one that publishes go to and searches use."
    return "attention", "The index that the live release pins is not the one that is live."


def _product(facts: RiskFacts) -> ControlCheck:
    if facts.live and facts.live.chain_of_models and facts.live.deadline_seconds > 0:
        chain = " > ".join(facts.live.chain_of_models)
        return "in force", f"Every answer has {facts.live.deadline_seconds:g} s; the chain is {chain} > refusal."
    return "missing", "No live release has a chain of models."


def _architecture(_: RiskFacts) -> ControlCheck:
    return "checked by the build", "The rules on imports between rooms are checked with every build, not here."


def _evaluation(facts: RiskFacts) -> ControlCheck:
    live = facts.live
    if live is None:
        return "missing", "Nothing is live."
    if live.verdict == "PASS" and live.evaluated_at:
        passed = f"Release {live.number} passed its gate on {live.evaluated_at:%Y-%m-%d}."
        return "in force", f"{passed} A canary gets {facts.canary_percent} %. {facts.rehearsed}"
    if live.verdict:
        return "missing", f"The newest evaluation of the live release says {live.verdict}."
    return "missing", "The live release was never evaluated."


def _observability(facts: RiskFacts) -> ControlCheck:
    if facts.traces == "otlp":
        return "in force", "Metrics and health are served; traces go to a collector."
    return "attention", f"Metrics and health are served; traces go to {facts.traces}."


def _security(facts: RiskFacts) -> ControlCheck:
    if facts.bypasses:
        return "missing", "The service's database role can bypass row-level security."
    if facts.unguarded:
        return "missing", f"There is no row-level security on {', '.join(facts.unguarded)}."
    return (
        "in force",
        "Every table with tenants' data has row-level security, and the service's role is bound by it.",
    )


def _governance(facts: RiskFacts) -> ControlCheck:
    if not facts.whole:
        return "missing", f"Audit log: {facts.chain}"
    if facts.overdue_emergencies:
        return (
            "missing",
            f"Went live by break-glass, and nobody reviewed it in time: {facts.overdue_emergencies}.",
        )
    if facts.open_emergencies:
        return "attention", f"Went live by break-glass, and waits for a review: {facts.open_emergencies}."
    live = facts.live
    if live is None:
        return "attention", f"Nothing is live. Audit log: {facts.chain}"
    if live.unproven:
        return (
            "attention",
            f"The live release was approved as an exception ({live.unproven}). Audit log: {facts.chain}",
        )
    if live.lacking:
        return "attention", f"The live release could not go live again now: {live.lacking}"
    return "in force", f"Made by {live.author}, approved by {', '.join(live.approvers)}. Audit log: {facts.chain}"


def _scale(facts: RiskFacts) -> ControlCheck:
    limits = f"{facts.concurrent_answers} answers at a time, {facts.requests_per_minute:,} requests a minute from a key"
    return (
        "in force",
        f"Limits of a process: {limits}; 95 of 100 answers within {facts.answer_p95_ms:,} ms are promised.",
    )


def _cost(facts: RiskFacts) -> ControlCheck:
    spending = f"{facts.spent_usd:.2f} of {facts.budget_usd:f} USD this month, every charge in the ledger."
    if facts.spent_usd > facts.budget_usd:
        return "missing", f"Over the budget: {spending}"
    return ("attention" if facts.spent_usd * 5 > facts.budget_usd * 4 else "in force"), spending


def _people(facts: RiskFacts) -> ControlCheck:
    if facts.review_policy:
        return "in force", "policies/review.yaml says which answers go to human review."
    return "missing", "No policy says which answers need human review; every answer is delivered at once."


def _principles(facts: RiskFacts) -> ControlCheck:
    if facts.live is None:
        return "missing", "Nothing is live."
    if differing := facts.live.differing_policies:
        return "attention", f"The files here differ from the live release in {', '.join(differing)}."
    return "in force", "The policies of the live release are those of the files here."


_REGISTER: tuple[tuple[str, str, str, Callable[[RiskFacts], ControlCheck]], ...] = (
    (
        "Code of a trial is kept as production code",
        "Typed settings and policies, a release names its code",
        "service",
        _code,
    ),
    ("Nobody designed the data layer", "Data contracts, quarantine, an index that pins how it was made", "data", _data),
    (
        "The model is at the centre, not the product",
        "A deadline, a chain of models, an honest refusal",
        "model",
        _product,
    ),
    ("One giant service", "Rooms that know only the rooms below them", "service", _architecture),
    ("Evaluation is left to the end", "A gate that a release must pass before it is approved", "model", _evaluation),
    ("Going live without seeing anything", "Traces, metrics and logs joined by a trace id", "service", _observability),
    ("Security is added late", "Row-level security, roles, screening, limits", "service", _security),
    (
        "Nobody answers for it",
        "Owners, approval by somebody else, an audit log that shows tampering",
        "service",
        _governance,
    ),
    ("Scale is thought of too late", "Limits and a promised time for every answer", "service", _scale),
    ("Nobody knows what it costs", "A ledger of every charge, and a budget", "service", _cost),
    ("No boundary for people to decide at", "A policy on which answers need a person", "policies", _people),
    ("Built around tools", "Policies as data, stored with each release", "policies", _principles),
)
