"""Judges of the data and its quality gates, of review queues and callers."""

from datetime import timedelta

from app.governance.domain.readiness.facts import (
    CallerFacts,
    CorpusFacts,
    DataHealthFacts,
    ProbeFacts,
    QueueFacts,
    TrafficFacts,
)
from app.governance.domain.readiness.vocabulary import CheckEvidence, JudgeContext, green_if

DATA_POLICY = "policies/data.yaml and the published documents"
NO_KEY = "No key is valid."
SAMPLES = "a sample that the control of this process must stop"


def contracts(facts: CorpusFacts, _: JudgeContext) -> CheckEvidence:
    """Every source with published documents has rules of its own, or documents of other sources are held back."""
    unlisted = sorted(facts.documents.keys() - set(facts.listed))
    basis = {"sources": facts.documents, "listed": facts.listed, "unknown": facts.unknown}
    if not facts.documents:
        return CheckEvidence("red", "No document is published.", DATA_POLICY, basis)
    if unlisted:
        names = ", ".join(unlisted[:5])
        return CheckEvidence("red", f"Sources without rules of their own: {names}.", DATA_POLICY, basis)
    return CheckEvidence("green", f"Each of {len(facts.documents)} sources has its rules.", DATA_POLICY, basis)


def corpus(facts: CorpusFacts, _: JudgeContext) -> CheckEvidence:
    total = sum(facts.documents.values())
    found = f"{total:,} documents are published." if total else "No document is published."
    return green_if(total > 0, found, "the published documents", facts.documents, facts.newest)


def quarantine(facts: CorpusFacts, context: JudgeContext) -> CheckEvidence:
    """Red when a document has waited too long for a decision, amber when one waits."""
    basis, place = {"waiting": facts.waiting, "oldest": facts.oldest_waiting}, "the quarantine"
    if facts.oldest_waiting is None:
        return CheckEvidence("green", "No document waits for a decision.", place, basis)
    days = context.limits["quarantine_days"]
    found = f"{facts.waiting:,} documents wait, the oldest since {facts.oldest_waiting:%Y-%m-%d}; at most {days} days."
    late = context.now - facts.oldest_waiting > timedelta(days=days)
    return CheckEvidence("red" if late else "amber", found, place, basis)


def data_health(facts: DataHealthFacts, _: JudgeContext) -> CheckEvidence:
    """Red when a signal is unhealthy, or the data of a tenant was never checked."""
    basis, place = (
        {"unhealthy": facts.unhealthy, "unchecked": facts.unchecked},
        "the newest check of each tenant's data",
    )
    if facts.unchecked or not facts.tenants:
        found = f"The data of {facts.unchecked:,} of {facts.tenants:,} tenants was never checked."
        return CheckEvidence("red", found, place, basis)
    found = f"The data of {facts.tenants:,} tenants is as usual."
    if facts.unhealthy:
        found = (
            "Unhealthy, by tenants: " + ", ".join(f"{name} {count}" for name, count in facts.unhealthy.items()) + "."
        )
    return green_if(not facts.unhealthy, found, place, basis, facts.oldest)


def damaged_document(facts: ProbeFacts, _: JudgeContext) -> CheckEvidence:
    return _stopped(facts.damaged_document, "A damaged document")


def injected_document(facts: ProbeFacts, _: JudgeContext) -> CheckEvidence:
    return _stopped(facts.injected_document, "A document with instructions to the model")


def irreversible_action(facts: ProbeFacts, _: JudgeContext) -> CheckEvidence:
    return _stopped(facts.irreversible_action, "An action that cannot be undone")


def _stopped(by: str | None, sample: str) -> CheckEvidence:
    found = f"{sample} is stopped by {by}." if by else f"{sample} is not stopped."
    return green_if(by is not None, found, SAMPLES, {"stopped by": by})


def review_queue(facts: QueueFacts, _: JudgeContext) -> CheckEvidence:
    basis, place = {"open": facts.open, "overdue": facts.overdue, "oldest": facts.oldest_due}, "the review queue"
    if facts.oldest_due is None:
        return CheckEvidence("green", f"{facts.open:,} items wait, none past its due time.", place, basis)
    found = f"{facts.overdue:,} of {facts.open:,} items are past their due time, the first since {facts.oldest_due:%F}."
    return CheckEvidence("red", found, place, basis)


def reviewers(facts: CallerFacts, _: JudgeContext) -> CheckEvidence:
    people = len(set(facts.reviewers))
    found = f"{people} people may decide reviews; {facts.needed} are needed."
    return green_if(people >= facts.needed, found, "valid keys and identities", sorted(set(facts.reviewers)))


def keys_expire(facts: CallerFacts, context: JudgeContext) -> CheckEvidence:
    """Every valid key ends, and was not made longer ago than the policy allows."""
    oldest = context.now - timedelta(days=context.limits["key_days"])
    wrong = [key.prefix for key in facts.keys if key.expires_at is None or key.created_at < oldest]
    basis = {key.prefix: (key.created_at, key.expires_at) for key in facts.keys}
    if not facts.keys:
        return CheckEvidence("amber", NO_KEY, "the valid keys", basis)
    found = f"{len(facts.keys)} keys are valid, and each ends."
    if wrong:
        shown = ", ".join(wrong[:5])
        found = f"Without an end, or older than {context.limits['key_days']} days: {shown} ({len(wrong)} in all)."
    return green_if(not wrong, found, "the valid keys", basis)


def keys_used(facts: CallerFacts, context: JudgeContext) -> CheckEvidence:
    oldest = context.now - timedelta(days=context.limits["unused_key_days"])
    unused = [key.prefix for key in facts.keys if (key.last_used_at or key.created_at) < oldest]
    basis = {key.prefix: key.last_used_at for key in facts.keys}
    if not facts.keys:
        return CheckEvidence("amber", NO_KEY, "the last use of valid keys", basis)
    found = f"All {len(facts.keys)} valid keys are in use."
    if unused:
        days = context.limits["unused_key_days"]
        found = f"Not used for {days} days: {', '.join(unused[:5])} ({len(unused)} in all)."
    return green_if(not unused, found, "the last use of valid keys", basis)


def latency(facts: TrafficFacts, _: JudgeContext) -> CheckEvidence:
    basis, place = {"answers": facts.answers, "p95_ms": facts.p95_ms}, "answers of the last 30 days"
    if facts.p95_ms is None:
        return CheckEvidence("red", "Nothing was answered.", place, basis)
    found = f"95 of 100 answers took {facts.p95_ms:,.0f} ms at most; the objective is {facts.objective_ms:,} ms."
    return green_if(facts.p95_ms <= facts.objective_ms, found, place, basis)


def answers_charged(facts: TrafficFacts, _: JudgeContext) -> CheckEvidence:
    basis, place = {"answers": facts.answers, "charged": facts.charged}, "answers and the ledger, last 30 days"
    if not facts.answers:
        return CheckEvidence("red", "Nothing was answered.", place, basis)
    missing = facts.answers - facts.charged
    found = f"{facts.charged:,} of {facts.answers:,} answers have their cost in the ledger."
    return green_if(missing <= 0, found, place, basis)


def feedback(facts: TrafficFacts, _: JudgeContext) -> CheckEvidence:
    basis, place = {"rated": facts.rated, "answers": facts.answers}, "feedback of the last 30 days"
    found = f"{facts.rated:,} of {facts.answers:,} answers were rated." if facts.rated else "No answer was rated."
    return green_if(facts.rated > 0, found, place, basis, facts.newest_rating)
