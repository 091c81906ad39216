"""Is this release as good as the one that serves now? Started, carried out, and kept as evidence."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.telemetry import counter
from app.evaluation import repository
from app.evaluation.domain.report import Report
from app.evaluation.domain.runs import CorpusChanged, EvaluationNotFound, EvaluationRun, EvaluationUnfinished
from app.evaluation.domain.suites import EVERYTHING, Suite, check_leaks
from app.evaluation.service.case_runner import CaseResult, CaseRunner
from app.evaluation.service.corpus_sync import CorpusSync, EvaluationProgress, no_progress
from app.evaluation.service.llm_judge import LLMJudge
from app.evaluation.service.report_access import ReportAccess, source_documents
from app.evaluation.service.report_builder import EvaluationResults, QualityPolicyFile, report_on
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.domain import Principal
from app.releases.domain import EvaluationEvidence, NoLiveRelease, Release
from app.releases.service import Environments, Releases

JOB = "evaluation.run"
QUEUE = "evaluation"

_ended = counter("app_evaluations_total", "Evaluations that ended, by verdict.", ["verdict"])


@dataclass(frozen=True)
class Evaluations:
    """Runs of suites on releases, and their reports."""

    database: Database
    clock: Clock
    suites: SuiteFiles
    library: CorpusSync
    runner: CaseRunner
    releases: Releases
    environments: Environments
    rules: QualityPolicyFile
    judging: LLMJudge
    reports: ReportAccess

    async def start(
        self, actor: str, wanted: str, suite: str = EVERYTHING, against: bytes | None = None, queued: bool = True
    ) -> EvaluationRun:
        """Begins an evaluation of a release, or returns the one that is under way already.

        against: a canonical report to compare with, instead of the release that is live in production. queued: have a
        worker carry it out. Errors: ReleaseNotFound, SuiteNotFound, SuiteRefused, CaseLeaked, ReportUnusable.
        """
        release = await self.releases.find(wanted)
        chosen = self.suites.load(suite)
        check_leaks(chosen, {name: prompt.text for name, prompt in release.prompts.items()})
        run = await self._planned(actor, release, chosen, against)
        async with self.database.transaction(None) as connection:
            await repository.lock(connection)
            if found := await repository.unfinished(connection, run):
                return found
            if run.against and against:
                await repository.add_report(connection, run.against, against, self.clock.now())
            await repository.add_run(connection, run)
            if queued:
                await enqueue(connection, JOB, queue=QUEUE, lock=str(run.id), run_id=str(run.id))
        return run

    async def _planned(self, actor: str, release: Release, suite: Suite, against: bytes | None) -> EvaluationRun:
        live = None if against else await self._live()
        sides = 2 if live and live.id != release.id else 1
        return EvaluationRun(
            id=new_id(),
            release_id=release.id,
            suite=suite.name,
            suite_digest=suite.digest,
            baseline_id=live.id if live else None,
            against=Report.read(against).digest if against else None,
            actor=actor,
            status="queued",
            done=0,
            total=len(suite.cases) * sides,
            corpus={},
            created_at=self.clock.now(),
        )

    async def _live(self) -> Release | None:
        """What serves in production; looked up without making anything live."""
        await self.environments.refresh()
        try:
            return self.environments.current()
        except NoLiveRelease:
            return None

    async def execute(self, run_id: UUID, progress: EvaluationProgress = no_progress) -> EvaluationRun:
        """Runs what is not known yet, compares, and keeps the report; harmless to run twice, and after a crash it goes
        on where it was. Errors: EvaluationNotFound, CorpusRefused, CorpusBusy, CorpusChanged, and those of Trials.run.
        """
        run = await self.find(run_id)
        if run.ended:
            return run
        suite = await self._same_suite(run)
        run = await self._with_corpus(run, suite, progress)
        sides = await self._both(run, suite, progress)
        await self._check_unmoved(run, suite)
        report = await asyncio.to_thread(report_on, sides, self.rules, run, self.clock.now())
        digest, verdict = report.digest, report.judgement.verdict
        async with self.database.transaction(None) as connection:
            await repository.lock(connection)
            if (known := await repository.find_run(connection, run.id)) and known.ended:
                return known
            now = self.clock.now()
            sources = source_documents(sides.candidate, sides.baseline)
            await repository.add_report(connection, digest, report.canonical, now, sources)
            ended = {"status": "done", "done": run.total, "ended_at": now, "report": digest, "verdict": verdict}
            await repository.change_run(connection, run.id, **ended)
            if suite.name == EVERYTHING:  # a part of the suites is worth a look, but no evidence
                evidence = EvaluationEvidence(digest, verdict)
                await self.releases.mark_evaluated(connection, run.release_id, run.actor, evidence)
        _ended.labels(verdict).inc()
        return await self.find(run.id)

    async def _same_suite(self, run: EvaluationRun) -> Suite:
        """Errors: EvaluationUnfinished when the files have changed since the run began."""
        suite = self.suites.load(run.suite)
        if suite.digest != run.suite_digest:
            why = "evals/ has changed since the evaluation began"
            await self.fail(run.id, f"{why}.")
            raise EvaluationUnfinished(f"{why[0].upper()}{why[1:]}; begin another.")
        return suite

    async def _with_corpus(self, run: EvaluationRun, suite: Suite, progress: EvaluationProgress) -> EvaluationRun:
        """The documents as they are when the run first gets to them; a run that goes on keeps to those."""
        if run.corpus:
            return run
        await self.library.sync(self.suites.corpus(), progress)
        await self.library.settled(suite.tenants, progress)
        corpus = await self.library.versions(suite.tenants)
        async with self.database.transaction(None) as connection:
            await repository.change_run(connection, run.id, status="running", corpus=corpus)
        return replace(run, status="running", corpus=corpus)

    async def _check_unmoved(self, run: EvaluationRun, suite: Suite) -> None:
        """Errors: CorpusChanged when documents came or went while they were measured; the run has failed then."""
        measured = dict.fromkeys(case.tenant for case in suite.cases if not case.corpus_version)
        now = await self.library.versions(measured)
        moved = [
            f"tenant {name} was at corpus version {run.corpus[name]} and is at {version}"
            for name, version in now.items()
            if version != run.corpus[name]
        ]
        if moved:
            why = f"The documents changed while they were measured: {', '.join(moved)}."
            await self.fail(run.id, why)
            raise CorpusChanged(why)

    async def _both(self, run: EvaluationRun, suite: Suite, progress: EvaluationProgress) -> EvaluationResults:
        candidate = await self._side(run, run.release_id, suite, 0, progress, "Candidate")
        baseline, against = None, None
        if run.against:
            against = Report.read(await self.reports.whole(run.against), run.against)
        elif run.baseline_id == run.release_id:
            baseline = candidate
        elif run.baseline_id:
            began = len(suite.cases)
            baseline = await self._side(run, run.baseline_id, suite, began, progress, "Live release")
        asked = (candidate,) if baseline is None else (candidate, baseline)
        opinions = await self.judging.opinions(run.id, *asked)
        return EvaluationResults(suite, candidate, baseline, against, opinions or ())

    async def _side(
        self, run: EvaluationRun, release_id: str, suite: Suite, began: int, progress: EvaluationProgress, name: str
    ) -> Mapping[str, CaseResult]:
        def tell(done: int) -> None:
            progress(name, done, len(suite.cases))

        return await self.runner.run(run.id, release_id, suite, run.corpus, began, tell)

    async def fail(self, run_id: UUID, problem: str) -> None:
        """Ends a run that cannot be carried out, with the reason."""
        async with self.database.transaction(None) as connection:
            ended = {"status": "failed", "ended_at": self.clock.now(), "problem": problem}
            await repository.change_run(connection, run_id, **ended)
        _ended.labels("FAILED").inc()

    async def find(self, run_id: UUID) -> EvaluationRun:
        """Errors: EvaluationNotFound."""
        async with self.database.read(None) as connection:
            found = await repository.find_run(connection, run_id)
        if found is None:
            raise EvaluationNotFound(f"There is no evaluation {run_id}.")
        return found

    async def list(
        self, limit: int = 50, after: UUID | None = None, release_id: str | None = None
    ) -> Sequence[EvaluationRun]:
        """The newest first; after: the last one of the page before."""
        async with self.database.read(None) as connection:
            return await repository.runs(connection, limit, after, release_id)

    async def report(self, run_id: UUID) -> bytes:
        """The canonical report, byte for byte as it was kept. Errors: EvaluationNotFound, EvaluationUnfinished."""
        return await self.report_of(await self._ended(run_id))

    async def report_seen_by(self, caller: Principal, run_id: UUID) -> Report:
        """Without what the caller may not read, see `ReportAccess.seen_by`. Errors: as `report`."""
        return await self.reports.seen_by(caller, await self._ended(run_id))

    async def _ended(self, run_id: UUID) -> str:
        run = await self.find(run_id)
        if run.report is None:
            raise EvaluationUnfinished(run.problem or f"{run.done} of {run.total} cases are done.")
        return run.report

    async def report_of(self, digest: str) -> bytes:
        """A report by its digest. Errors: EvaluationNotFound."""
        return await self.reports.whole(digest)
