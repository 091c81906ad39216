"""Outcomes of answers, and what they say about the worth of the service."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.core.languages.identification import language_of
from app.core.languages.words import terms
from app.core.telemetry import counter
from app.identity.domain import Principal
from app.inference.service.archive import check_delivered, find_visible
from app.monitoring.domain.business_policy import BusinessPolicy
from app.monitoring.domain.business_report import (
    BusinessReport,
    ValuedAnswer,
    business_report,
    ended_by,
    value_of,
)
from app.monitoring.domain.outcomes import OutcomeReport, OutcomeResult, StoredOutcome, check_outcome, merged
from app.monitoring.domain.reasking import AskedQuestion, asked_again, asker_of
from app.monitoring.repository import outcome_rows
from app.monitoring.repository.outcome_rows import AnsweredRow

MAX_REPORTED = 50_000
"""The most answers that a report reads: the newest of its window."""

REPORTED = counter("app_business_outcomes_total", "Outcomes of answers that were stored, by kind.", ("outcome",))
WORTH = counter("app_business_value_usd_total", "What the stored outcomes are worth, in US dollars.")
LOSS = counter("app_business_loss_usd_total", "What the stored outcomes cost, in US dollars.")


@dataclass(frozen=True)
class Business:
    """What came of answers. A caller reports outcomes of answers that they may read, and of no others."""

    database: Database
    clock: Clock
    policy: BusinessPolicy

    async def record(self, caller: Principal, report: OutcomeReport) -> tuple[StoredOutcome, OutcomeResult]:
        """Stores an outcome; the same again changes nothing, and a late one is accepted.

        Errors: AnswerNotFound, AnswerHeld, JudgedTwice, OutcomeUnknown, OutcomeOutOfTime, OutcomeAmountUnusable.
        """
        now = self.clock.now()
        async with self.database.transaction(caller.tenant_id) as connection:
            answer = await find_visible(connection, caller, report.answer_id)
            check_delivered(answer)
            rule = check_outcome(self.policy, report, answer.created_at, now)
            before = await outcome_rows.find_outcome(connection, report.answer_id, report.outcome)
            outcome, result = merged(before, report, now)
            if result in ("recorded", "replaced"):
                await outcome_rows.store_outcome(connection, caller.tenant_id, outcome, caller.key_id, now)
        if result == "recorded":
            REPORTED.labels(report.outcome).inc()
            (WORTH if rule.value_usd >= 0 else LOSS).inc(float(abs(rule.value_usd) * report.amount))
        return outcome, result

    async def report(self, caller: Principal, days: int | None = None) -> BusinessReport:
        """What the answers of the caller's tenant were worth within the days that end now."""
        until = self.clock.now()
        since = until - timedelta(days=days or self.policy.report_days)
        async with self.database.read(caller.tenant_id) as connection:
            rows = await outcome_rows.list_answered(connection, caller.tenant_id, since, until, MAX_REPORTED)
            outcomes = await outcome_rows.list_outcomes(connection, caller.tenant_id, since, until)
        counts = Counter(each.outcome for each in outcomes)
        complete = len(rows) < MAX_REPORTED
        # It takes a second for some ten thousand answers: in a thread, other requests go on.
        valued = await asyncio.to_thread(self._valued, caller.tenant_id, rows, outcomes)
        return await asyncio.to_thread(business_report, since, until, valued, counts, complete)

    def _valued(
        self, tenant_id: UUID, rows: Sequence[AnsweredRow], outcomes: Sequence[StoredOutcome]
    ) -> Sequence[ValuedAnswer]:
        by_answer: dict[UUID, list[StoredOutcome]] = {}
        for each in outcomes:
            by_answer.setdefault(each.answer_id, []).append(each)
        questions = (
            AskedQuestion(row.id, asker_of(row.unit, tenant_id, row.key_id), row.created_at, _words(row.question))
            for row in rows
        )
        again = asked_again(questions, timedelta(hours=self.policy.reask_hours), self.policy.reask_overlap)
        return [self._value(row, by_answer.get(row.id, []), row.id in again) for row in rows]

    def _value(self, row: AnsweredRow, outcomes: Sequence[StoredOutcome], reasked: bool) -> ValuedAnswer:
        end = ended_by(self.policy, outcomes)
        return ValuedAnswer(
            row.id,
            row.release_id,
            row.model,
            row.latency_ms,
            row.groundedness,
            row.micro_usd,
            self.policy.outcomes[end.outcome].means if end else None,
            value_of(self.policy, outcomes, reasked),
            bool(outcomes),
            reasked,
        )


def _words(question: str) -> frozenset[str]:
    return frozenset(terms(question, language_of(question)))
