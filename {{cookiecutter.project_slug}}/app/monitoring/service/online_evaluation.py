"""Scores a sample of the answers of production, within a budget of its own, and sends low ones to human review."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from app.core.background import run_periodically
from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.ownership import RiskTier
from app.core.telemetry import counter, histogram
from app.costs.service import Costs
from app.evaluation.domain.policy import OnlineEvaluation
from app.evaluation.service import LLMJudge
from app.evaluation.service.case_runner import CaseResult
from app.identity.domain import Principal
from app.identity.service import Identity
from app.inference.service.later_review import LaterReview
from app.llm.domain.errors import ModelFailure
from app.monitoring.domain.online_scores import (
    SCORE_NAMES,
    DailyScore,
    LiveAnswer,
    ScoredAnswer,
    as_case,
    daily_scores,
    decide,
    scores_of,
)
from app.monitoring.repository import online_rows
from app.safety.service import Screening

log = structlog.get_logger(__name__)

FEATURE: Final = "online_judging"
BATCH = 100
SWEEP_SECONDS = 30.0

DECIDED = counter(
    "app_online_evaluations_total", "Answers of production that were scored or not, and why.", ("decision", "reason")
)
SCORES = histogram(
    "app_online_score", "Scores of answers of production.", ("metric",), buckets=(0.0, 0.2, 0.4, 0.6, 0.8, 0.99, 1.0)
)


@dataclass(frozen=True)
class OnlineEvaluations:
    """tenants: those whose answers are scored. judge: charged as a feature of its own."""

    database: Database
    clock: Clock
    identity: Identity
    costs: Costs
    screening: Screening
    judge: LLMJudge
    later_review: LaterReview
    rules: OnlineEvaluation
    risk_tier: RiskTier
    tenants: Callable[[], Awaitable[list[UUID]]]

    async def daily(self, caller: Principal, days: int) -> Sequence[DailyScore]:
        """The scores of the caller's tenant by day, the oldest first."""
        since = self.clock.now() - timedelta(days=days)
        async with self.database.read(caller.tenant_id) as connection:
            scored = await online_rows.list_scored(connection, caller.tenant_id, since)
        return await asyncio.to_thread(daily_scores, scored)

    async def watch(self) -> None:
        """Scores until cancelled; a failure is logged, and the next sweep goes on. Safe in several processes."""
        await run_periodically(self.sweep, SWEEP_SECONDS, log, "monitoring.sweep_failed")

    async def sweep(self) -> int:
        """Decides on a batch of answers of each tenant. Returns how many were decided on. What fails for one tenant is
        logged, and is no obstacle for the others.
        """
        return sum([await self._sweep_tenant(tenant_id) for tenant_id in await self.tenants()])

    async def _sweep_tenant(self, tenant_id: UUID) -> int:
        try:
            return await self._score_tenant(tenant_id)
        except Problem as problem:
            log.warning("monitoring.answers_not_scored", error=type(problem).__name__, tenant_id=str(tenant_id))
            return 0

    async def _score_tenant(self, tenant_id: UUID) -> int:
        now = self.clock.now()
        since = now - timedelta(hours=self.rules.look_back_hours)
        until = now - timedelta(minutes=self.rules.settle_minutes)
        async with self.database.read(tenant_id) as connection:
            answers = await online_rows.list_undecided(connection, tenant_id, since, until, BATCH)
            day = now.replace(hour=0, minute=0, second=0, microsecond=0)
            before = await online_rows.count_scored(connection, tenant_id, day) if answers else 0
        decided = self._decide(answers, now, before)
        wanted = [answer for answer in answers if decided[answer.id].decision == "scored"]
        scored = await self._score(tenant_id, wanted) if wanted else {}
        finished = [each.with_scores(scored.get(each.answer_id, {})) for each in decided.values()]
        if finished:
            await self._store(tenant_id, finished, now)
        return len(finished)

    def _decide(self, answers: Sequence[LiveAnswer], now: datetime, before: int) -> dict[UUID, ScoredAnswer]:
        decided: dict[UUID, ScoredAnswer] = {}
        for answer in answers:
            decided[answer.id] = decide(answer, self.rules, now, before)
            before += decided[answer.id].decision == "scored"
        return decided

    async def _score(self, tenant_id: UUID, answers: Sequence[LiveAnswer]) -> dict[UUID, Mapping[str, float | None]]:
        name = await self.identity.tenant_name(tenant_id)
        # Grounding and screening take milliseconds for each answer: in a thread, the worker's jobs go on.
        pairs = {answer.id: await asyncio.to_thread(as_case, answer, name) for answer in answers}
        cases = {str(key): CaseResult(*pair) for key, pair in pairs.items() if pair}
        judged = await self._judge(tenant_id, cases)
        scores: dict[UUID, Mapping[str, float | None]] = {}
        for answer in answers:
            dangerous = bool(await asyncio.to_thread(self.screening.document, answer.text))
            scores[answer.id] = scores_of(pairs[answer.id], dangerous, judged.get(str(answer.id)))
        return scores

    async def _judge(self, tenant_id: UUID, cases: Mapping[str, CaseResult]) -> Mapping[str, float]:
        """Of the judge, one answer after the other until the money of the day is used up. A judge that fails leaves the
        rest without its score: the others need no model.
        """
        judged: dict[str, float] = {}
        if self.judge.model is None or self.judge.rule.model is None:
            return judged
        for key, case in cases.items():
            if await self._spent_today(tenant_id) >= self.rules.daily_usd * 1_000_000:
                break
            try:
                [scores] = await self.judge.scores(new_id(), {key: case}) or []
            except (Problem, ModelFailure) as failure:
                log.warning("monitoring.answers_not_judged", error=type(failure).__name__, tenant_id=str(tenant_id))
                break
            judged |= scores.by_case
        return judged

    async def _spent_today(self, tenant_id: UUID) -> int:
        """In micro-dollars, by the ledger."""
        today = self.clock.now().date()
        totals = await self.costs.totals(tenant_id, today, today)
        return sum(each.micro_usd for each in totals.by_feature if each.key == FEATURE)

    async def _store(self, tenant_id: UUID, finished: Sequence[ScoredAnswer], now: datetime) -> None:
        async with self.database.transaction(tenant_id) as connection:
            added = await online_rows.add_scored(connection, tenant_id, finished)
            for each in finished:
                if each.answer_id in added and each.lowest() < self.rules.low:
                    await self.later_review.send(connection, tenant_id, each.answer_id, self.risk_tier, now)
        for each in finished:
            if each.answer_id in added:
                DECIDED.labels(each.decision, each.reason).inc()
                for name in SCORE_NAMES:
                    if (value := getattr(each, name)) is not None:
                        SCORES.labels(name).observe(value)
