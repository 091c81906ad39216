"""Finds patterns of failures, and shows them to each caller as far as that caller may read the answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.core.redaction import redact
from app.core.telemetry import gauge
from app.identity.domain import Principal
from app.inference.domain.answer_record import AnswerRecord
from app.inference.service import AnswerRecords
from app.monitoring.domain.failures.failure_policy import FailurePolicy
from app.monitoring.domain.failures.labels import distinguishing_terms
from app.monitoring.domain.failures.patterns import Failure, FailurePattern, FailureWindow, find_patterns
from app.monitoring.domain.failures.stored_pattern import (
    PatternExample,
    PatternNotFound,
    PatternPage,
    StoredPattern,
    VisiblePattern,
)
from app.monitoring.repository import pattern_store
from app.monitoring.service.question_embedding import QuestionVectors

READ_ANSWERS = 50
"""Of a pattern, the most typical ones, whose questions label it."""
EXAMPLES = 3
SAMPLE = 500
"""Answers of the window, failed or not, which say how alike two questions of the traffic are."""
FAILING = gauge("app_failure_patterns", "Patterns of failures found last, by what they go to.", ["responsible"])


@dataclass(frozen=True)
class FailureAnalysis:
    database: Database
    clock: Clock
    records: AnswerRecords
    vectors: QuestionVectors
    policy: FailurePolicy

    async def run(self, tenant_id: UUID) -> list[FailurePattern]:
        """Finds the patterns of the window until now and stores them, the worst first."""
        now = self.clock.now()
        length = timedelta(days=self.policy.window_days)
        window = await self._window(tenant_id, now - length, now)
        before = await self._window(tenant_id, now - 2 * length, now - length)
        background = await self._background(tenant_id, now - length, now)
        patterns = await asyncio.to_thread(find_patterns, window, before, background, self.policy)
        async with self.database.transaction(tenant_id) as connection:
            oldest = now - timedelta(days=self.policy.keep_days)
            await pattern_store.store_patterns(connection, tenant_id, patterns, now, oldest)
        for responsible in ("documents", "wording", "model", "provider", "capacity"):
            FAILING.labels(responsible).set(sum(each.responsible == responsible for each in patterns))
        return patterns

    async def page(self, caller: Principal, after: UUID | None, limit: int) -> PatternPage:
        """Of the newest run, the worst first. Errors: PatternNotFound, where `after` is none."""
        async with self.database.read(caller.tenant_id) as connection:
            last = await pattern_store.find_pattern(connection, after) if after else None
            if after and last is None:
                raise PatternNotFound(f"There is no pattern {after}.")
            at = last.found_at if last else await pattern_store.newest_run(connection, caller.tenant_id)
            stored = await pattern_store.list_patterns(connection, at, last, limit) if at else []
        return PatternPage(at, await self._visible(caller, stored))

    async def find(self, caller: Principal, pattern_id: UUID) -> StoredPattern:
        """Errors: PatternNotFound."""
        async with self.database.read(caller.tenant_id) as connection:
            stored = await pattern_store.find_pattern(connection, pattern_id)
        if stored is None:
            raise PatternNotFound(f"There is no pattern {pattern_id}.")
        return stored

    async def _window(self, tenant_id: UUID, since: datetime, until: datetime) -> FailureWindow:
        most, weights = self.policy.max_failures, self.policy.harm
        failed = await self.records.failures(tenant_id, since, until, most)
        problems = await self.records.failed_requests(tenant_id, since, until, most)
        failures = [Failure.of(each, weights) for each in failed]
        failures += [Failure.of_problem(each, weights) for each in problems]
        answers = await self.records.count(tenant_id, since, until) + len(problems)
        return FailureWindow(failures, answers, await self.vectors.of(tenant_id, failed))

    async def _background(self, tenant_id: UUID, since: datetime, until: datetime) -> float:
        import numpy as np

        from app.monitoring.domain.question_vectors import background_similarity

        sample = await self.records.all(tenant_id, since, until, SAMPLE)
        vectors = await self.vectors.of(tenant_id, sample)
        return background_similarity(np.stack(list(vectors.values()))) if vectors else 0.0

    async def _visible(self, caller: Principal, stored: Sequence[StoredPattern]) -> list[VisiblePattern]:
        wanted = [answer for each in stored for answer in each.pattern.answers[:READ_ANSWERS]]
        readable = {each.id: each for each in await self.records.readable(caller, wanted)}
        texts = [_readable_of(each, readable) for each in stored]
        visible = []
        for number, each in enumerate(stored):
            own = [redact(record.question) for record in texts[number]]
            others = [redact(record.question) for other in (*texts[:number], *texts[number + 1 :]) for record in other]
            examples = tuple(
                PatternExample(record.id, record.at, redact(record.question), record.release_id)
                for record in texts[number][:EXAMPLES]
            )
            visible.append(VisiblePattern(each, distinguishing_terms(own, others), examples))
        return visible


def _readable_of(stored: StoredPattern, readable: dict[UUID, AnswerRecord]) -> list[AnswerRecord]:
    return [readable[answer] for answer in stored.pattern.answers[:READ_ANSWERS] if answer in readable]
