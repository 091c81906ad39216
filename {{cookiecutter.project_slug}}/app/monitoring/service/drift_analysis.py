"""Compares live traffic with a pinned period of it, and shows what changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import Invalid
from app.core.redaction import redact
from app.core.telemetry import gauge
from app.identity.domain import Principal
from app.inference.domain.answer_record import AnswerRecord
from app.inference.service import AnswerRecords
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.report import DriftReport
from app.monitoring.domain.drift.signals import (
    PERIOD_DAYS,
    SIGNALS,
    DriftReference,
    DriftReferences,
    EvaluatedRelease,
    SignalCheck,
    SignalName,
    StoredCheck,
    alpha_of_look,
    is_healthy,
)
from app.monitoring.domain.failures.stored_pattern import PatternExample
from app.monitoring.repository import drift_store
from app.monitoring.service.affected_tenants import AffectedTenants
from app.monitoring.service.question_embedding import QuestionVectors

if TYPE_CHECKING:
    from app.monitoring.domain.question_vectors import QuestionArray

log = structlog.get_logger(__name__)

MAX_PERIODS = 520
"""Periods that are looked at for a healthy one, from the oldest answer on."""
DRIFTED = gauge("app_drifted_tenants", "Tenants whose traffic drifted when this worker last looked.", ["signal"])


class NotEnoughTraffic(Invalid):
    code, title = "not_enough_traffic", "Too few answers to compare traffic with"
    action = "Wait for more answers, or lower min_reference in policies/monitoring.yaml."


@dataclass(frozen=True)
class DriftAnalysis:
    """tenants: among whom the chance of a false alarm is divided. live: the live release, None where it did not pass an
    evaluation.
    """

    database: Database
    clock: Clock
    records: AnswerRecords
    vectors: QuestionVectors
    policy: DriftPolicy
    tenants: Callable[[], Awaitable[list[UUID]]]
    live: Callable[[], Awaitable[EvaluatedRelease | None]]
    affected: AffectedTenants = field(default_factory=lambda: AffectedTenants(DRIFTED, SIGNALS))

    async def run(self, tenant_id: UUID) -> list[StoredCheck]:
        """One look at each signal that is due, stored. Nothing before there is a reference, and enough new answers."""
        now = self.clock.now()
        references = await self._references(tenant_id, now)
        if references is None:
            return []
        async with self.database.read(tenant_id) as connection:
            stored = _since_pinned(references, await drift_store.list_newest(connection))
        newest = {each.check.signal: each for each in stored}
        self._measure(tenant_id, newest)
        last = max([references.questions.until, *(each.at for each in newest.values())])
        if await self.records.count(tenant_id, last, now) < self.policy.step:
            return []
        questions = newest.get("questions")
        daily = questions is None or questions.at <= now - timedelta(days=1)
        checks = []
        for reference, signals in references.signals_by_reference():
            looked = await self._look(tenant_id, reference, now, daily and "questions" in signals)
            checks += [each for each in looked if each.check.signal in signals]
        async with self.database.transaction(tenant_id) as connection:
            oldest = now - timedelta(days=PERIOD_DAYS)
            await drift_store.store_checks(connection, tenant_id, checks, oldest)
        self._measure(tenant_id, newest | {each.check.signal: each for each in checks})
        for each in checks:
            if each.drifted:
                log.warning("monitoring.traffic_drifted", tenant_id=str(tenant_id), signal=each.check.signal)
        return checks

    async def pin(self, caller: Principal, reason: str) -> DriftReference:
        """Pins the period until now: what it holds is the new usual. Errors: NotEnoughTraffic."""
        now = self.clock.now()
        reference = DriftReference(now, now - timedelta(days=self.policy.reference_days), now)
        answers = await self.records.count(caller.tenant_id, reference.since, reference.until)
        if answers < self.policy.min_reference:
            raise NotEnoughTraffic(f"There are {answers} answers, and {self.policy.min_reference} are needed.")
        async with self.database.transaction(caller.tenant_id) as connection:
            await drift_store.pin(connection, caller.tenant_id, reference)
            act = Act(caller.name, "drift.pin", now.date().isoformat(), reason, tenant_id=caller.tenant_id)
            await audit.record(connection, act, now)
        return reference

    async def report(self, caller: Principal) -> DriftReport:
        """The newest look at each signal since the reference was pinned."""
        async with self.database.read(caller.tenant_id) as connection:
            references = await drift_store.find_references(connection)
            checks = _since_pinned(references, await drift_store.list_newest(connection))
        ids = list({answer for each in checks for answer in each.examples})
        readable = await self.records.readable(caller, ids)
        examples = {
            each.id: PatternExample(each.id, each.at, redact(each.question), each.release_id) for each in readable
        }
        return DriftReport(
            references, tuple(sorted(checks, key=lambda each: SIGNALS.index(each.check.signal))), examples
        )

    async def _references(self, tenant_id: UUID, now: datetime) -> DriftReferences | None:
        """The pinned ones. The first healthy period that is over is pinned where there is none, and that of an
        evaluated release for its answers.
        """
        async with self.database.read(tenant_id) as connection:
            pinned = await drift_store.find_references(connection)
        if pinned is None:
            first = await self._pin_first(tenant_id, await self.records.first_at(tenant_id), now)
            return DriftReferences(first, first) if first else None
        live = await self.live()
        if live and pinned.answers.is_before(live):
            of_release = await self._pin_first(tenant_id, live.since, now, live.id)
            pinned = replace(pinned, answers=of_release) if of_release else pinned
        return pinned

    async def _pin_first(
        self, tenant_id: UUID, since: datetime | None, now: datetime, release_id: str | None = None
    ) -> DriftReference | None:
        """Pins the first healthy period from a moment on, if it is over."""
        length = timedelta(days=self.policy.reference_days)
        for _ in range(MAX_PERIODS):
            if since is None or since + length > now:
                return None
            if await self._healthy(tenant_id, since, since + length):
                pinned = DriftReference(now, since, since + length, release_id)
                async with self.database.transaction(tenant_id) as connection:
                    await drift_store.pin(connection, tenant_id, pinned)
                log.info("monitoring.reference_pinned", tenant_id=str(tenant_id), since=since.isoformat())
                return pinned
            since += length
        return None

    async def _healthy(self, tenant_id: UUID, since: datetime, until: datetime) -> bool:
        records = await self.records.all(tenant_id, since, until, self.policy.max_reference)
        refused, degraded = sum(bool(each.refusal) for each in records), sum(each.degraded for each in records)
        return is_healthy(refused, degraded, len(records), self.policy)

    async def _look(self, tenant_id: UUID, reference: DriftReference, now: datetime, daily: bool) -> list[StoredCheck]:
        usual = await self.records.all(tenant_id, reference.since, reference.until, self.policy.max_reference)
        recent = await self.records.all(tenant_id, reference.until, now, self.policy.window)
        vectors = await self.vectors.of(tenant_id, [*recent, *usual])
        tenants = len(await self.tenants())
        return await asyncio.to_thread(self._compared, usual, recent, vectors, now, daily, tenants)

    def _compared(
        self,
        usual: Sequence[AnswerRecord],
        recent: Sequence[AnswerRecord],
        vectors: "dict[UUID, QuestionArray]",
        now: datetime,
        daily: bool,
        tenants: int,
    ) -> list[StoredCheck]:
        from app.monitoring.domain.drift.baseline import Baseline, TrafficSample

        reference, window = (TrafficSample.of(each, vectors) for each in (usual, recent))
        if len(reference.records) < self.policy.min_reference or len(window.records) < self.policy.step:
            return []
        baseline = Baseline.fit(reference)
        bins = baseline.binning.of(window)
        checks: list[SignalCheck] = baseline.check(bins, alpha_of_look(self.policy, tenants=tenants))
        if daily:
            checks.append(baseline.check_questions(window.vectors, alpha_of_look(self.policy, 1, tenants)))
        stored = []
        for each in checks:
            drifted = each.drifted(self.policy)
            shown = baseline.examples(each.signal, bins) if drifted else []
            stored.append(StoredCheck(now, each, drifted, tuple(window.records[number].id for number in shown)))
        return stored

    def _measure(self, tenant_id: UUID, newest: Mapping[SignalName, StoredCheck]) -> None:
        """newest: those of the reference; of a signal that has none, nothing is known to have drifted."""
        self.affected.record(tenant_id, {signal for signal, check in newest.items() if check.drifted})


def _since_pinned(references: DriftReferences | None, checks: Sequence[StoredCheck]) -> list[StoredCheck]:
    """Those that compared with these references, and with none before them."""
    return [each for each in checks if references and each.at >= references.of(each.check.signal).pinned_at]
