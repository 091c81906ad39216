"""Outcomes: what came of an answer for the business. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from app.core.errors import Invalid
from app.monitoring.domain.business_policy import BusinessPolicy, OutcomeRule

OutcomeResult = Literal["recorded", "replaced", "unchanged", "superseded"]
"""superseded: a later one of this kind was stored already, and stays."""

CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clock of whoever reports an outcome may be ahead."""


class OutcomeUnknown(Invalid):
    code, title = "outcome_unknown", "The policy declares no such outcome"
    action = "Use one of policies/business.yaml, or declare it there."


class OutcomeOutOfTime(Invalid):
    code, title = "outcome_out_of_time", "An outcome cannot be from then"
    action = "Send the moment of the outcome, with its time zone: after the answer, and not in the future."


class OutcomeAmountUnusable(Invalid):
    code, title = "outcome_amount_unusable", "This outcome has no such amount"
    action = "Leave the amount out; only outcomes that are measured have one."


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """What somebody says came of an answer. at: when it happened; None: now, or as stored already."""

    answer_id: UUID
    outcome: str
    amount: Decimal = Decimal(1)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    answer_id: UUID
    outcome: str
    amount: Decimal
    at: datetime


def check_outcome(policy: BusinessPolicy, report: OutcomeReport, answered_at: datetime, now: datetime) -> OutcomeRule:
    """The rule that the outcome is under. However late it arrives, it is accepted.

    Errors: OutcomeUnknown, OutcomeOutOfTime, OutcomeAmountUnusable.
    """
    rule = policy.outcomes.get(report.outcome)
    if rule is None:
        raise OutcomeUnknown(f"There is no outcome '{report.outcome[:40]}'; there are {', '.join(policy.outcomes)}.")
    if rule.means != "measured" and report.amount != 1:
        raise OutcomeAmountUnusable(f"'{report.outcome}' happens or not.")
    if report.at is not None and not answered_at - CLOCK_SKEW <= report.at <= now + CLOCK_SKEW:
        raise OutcomeOutOfTime(f"The answer is of {answered_at:%Y-%m-%d %H:%M}, the outcome of {report.at:%F %H:%M}.")
    return rule


def merged(stored: StoredOutcome | None, report: OutcomeReport, now: datetime) -> tuple[StoredOutcome, OutcomeResult]:
    """What is stored of this kind after a report. The latest counts, in whatever order they arrive; the same report
    again changes nothing.
    """
    new = StoredOutcome(report.answer_id, report.outcome, report.amount, report.at or now)
    if stored is None:
        return new, "recorded"
    if report.amount == stored.amount and report.at in (None, stored.at):
        return stored, "unchanged"
    if new.at < stored.at:
        return stored, "superseded"
    return new, "replaced"
