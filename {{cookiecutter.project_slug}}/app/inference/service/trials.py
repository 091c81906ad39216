import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

from app.core.database import Database
from app.core.telemetry import span
from app.costs.domain import Feature, LedgerRow
from app.identity.domain import Principal
from app.inference.domain.answer import Answer, Question
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.service.context import AnswerContext
from app.inference.service.loaded_release import AssignedRelease, LoadedReleases
from app.inference.service.pipeline import Pipeline
from app.releases.service import Releases
from app.retrieval.domain import Evidence

TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Trial:
    """An answer that is not delivered, with its evidence."""

    answer: Answer
    evidence: Evidence


@dataclass(frozen=True)
class Trials:
    """Answers on any release ever stored, live or not, by the same pipeline as delivered answers."""

    database: Database
    releases: Releases
    loaded_releases: LoadedReleases
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
        Errors: ReleaseNotFound, ReleaseUnservable, IndexNotFound, QuestionRefused, and others of Answers.answer.
        """
        release = await self.releases.find(release_id)
        loaded = await self.loaded_releases.get(release)
        assigned = AssignedRelease(loaded, ReleaseAssignment(release.id, TRIAL))
        with span("trial", release=release.short):
            ctx = self.pipeline.start(caller, question, assigned, await self.database.earliest_now())
            try:
                ctx = await self.pipeline.contextualize(ctx)
                evidence = await self.pipeline.retrieve(ctx, corpus_version)
                outcome = await self.pipeline.generation.generate(ctx, evidence)
                answer, rows = self.pipeline.finish(ctx, evidence, outcome, feature)
            except BaseException:
                await asyncio.shield(self._end(ctx, self.pipeline.abandoned_rows(ctx, feature), subject_id))
                raise
        await asyncio.shield(self._end(ctx, rows, subject_id))
        return Trial(answer, evidence)

    async def _end(self, ctx: AnswerContext, rows: list[LedgerRow], subject_id: UUID | None) -> None:
        charged = [replace(row, subject_id=subject_id or ctx.id) for row in rows]
        await self.pipeline.costs.abandon(ctx.caller.tenant_id, None, charged, ctx.meter.settlement(rows))
