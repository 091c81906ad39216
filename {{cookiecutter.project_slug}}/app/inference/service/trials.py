import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

from app.core.database import Database
from app.core.telemetry import span
from app.costs.domain import Feature, LedgerRow
from app.identity.domain import Principal
from app.inference.domain.answers import Answer, Question
from app.inference.domain.exposure import Exposure
from app.inference.service.journey import Journey
from app.inference.service.pipeline import Pipeline
from app.inference.service.serving import Assignment, Servings
from app.releases.service import Releases
from app.retrieval.domain import Evidence

TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Trial:
    """An answer that nobody got, with the evidence it was made from."""

    answer: Answer
    evidence: Evidence


@dataclass(frozen=True)
class Trials:
    """Answers on any release ever stored, live or not, by the very way that callers' answers go."""

    database: Database
    releases: Releases
    servings: Servings
    pipeline: Pipeline

    async def run(
        self,
        release_id: str,
        caller: Principal,
        question: Question,
        *,
        corpus_version: int | None = None,
        subject_id: UUID | None = None,
        feature: Feature = "evaluation",
    ) -> Trial:
        """Answers as that release would, on the documents as they were at a corpus version (None: now).

        Charged to the caller's tenant as `feature`, for `subject_id`; never stored as an answer.
        Errors: ReleaseMissing, ReleaseUnservable, IndexMissing, QuestionRefused, and others of Answers.answer.
        """
        release = await self.releases.find(release_id)
        to = Assignment(await self.servings.ready(release), Exposure(release.id, TRIAL))
        with span("trial", release=release.short):
            way = self.pipeline.set_out(caller, question, to)
            try:
                evidence = await self.pipeline.find(way, corpus_version)
                draft = await self.pipeline.draft(way, evidence)
                answer, rows = self.pipeline.finish(way, evidence, draft, feature)
            except BaseException:
                await asyncio.shield(self._end(way, self.pipeline.owed(way, feature), subject_id))
                raise
        await asyncio.shield(self._end(way, rows, subject_id))
        return Trial(answer, evidence)

    async def _end(self, way: Journey, rows: list[LedgerRow], subject_id: UUID | None) -> None:
        charged = [replace(row, subject_id=subject_id or way.id) for row in rows]
        await self.pipeline.costs.abandon(way.caller.tenant_id, None, charged, way.settlement(rows))
