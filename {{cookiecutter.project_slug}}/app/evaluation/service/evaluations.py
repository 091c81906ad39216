"""Evaluations of a release against the live one: started, executed and stored as evidence for an approval."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database, refuse_erased
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.telemetry import counter
from app.evaluation import repository
from app.evaluation.domain.report import Report
from app.evaluation.domain.runs import (
    CorpusChanged,
    DocumentsByCase,
    EvaluationNotFound,
    EvaluationRun,
    EvaluationUnfinished,
)
from app.evaluation.domain.suites import ALL_SUITES, Suite, check_leaks
from app.evaluation.service.case_runner import CaseResult, CaseRunner
from app.evaluation.service.corpus_sync import CorpusSync, EvaluationProgress, no_progress
from app.evaluation.service.llm_judge import LLMJudge
from app.evaluation.service.report_access import ReportAccess, documents_by_case, documents_by_tenant
from app.evaluation.service.report_builder import EvaluationResults, QualityPolicyFile, build_report
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.domain import Principal
from app.releases.domain import EvaluationEvidence, NoLiveRelease, Release
from app.releases.service import Environments, Releases

JOB = "evaluation.run"
QUEUE = "evaluation"

_ended = counter("app_evaluations_total", "Evaluations that ended, by verdict.", ["verdict"])


@dataclass(frozen=True)
class Evaluations:
    """Evaluation runs of suites on releases, and their reports."""

    database: Database
    clock: Clock
    suites: SuiteFiles
    corpus_sync: CorpusSync
    case_runner: CaseRunner
    releases: Releases
    environments: Environments
    policy_file: QualityPolicyFile
    judge: LLMJudge
    reports: ReportAccess

    async def start(
        self, actor: str, release_id: str, suite: str = ALL_SUITES, against: bytes | None = None, queued: bool = True
    ) -> EvaluationRun:
        """Starts an evaluation of a release, or returns the one that is unfinished.

        against: a canonical report to compare with instead of the live release. queued: a worker executes it.
        Errors: ReleaseNotFound, SuiteNotFound, SuiteRefused, CaseLeaked, ReportUnusable.
        """
        release = await self.releases.find(release_id)
        loaded = self.suites.load(suite)
        check_leaks(loaded, {name: prompt.text for name, prompt in release.prompts.items()})
        run = await self._plan(actor, release, loaded, against)
        async with self.database.transaction(None) as connection:
            await repository.lock(connection)
            if unfinished := await repository.find_unfinished(connection, run):
                return unfinished
            if run.against and against:
                await repository.add_report(connection, run.against, against, self.clock.now())
            await repository.add_run(connection, run)
            if queued:
                await enqueue(connection, JOB, queue=QUEUE, lock=str(run.id), run_id=str(run.id))
        return run

    async def _plan(self, actor: str, release: Release, suite: Suite, against: bytes | None) -> EvaluationRun:
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
        """The live release in production; None where there is none."""
        await self.environments.refresh()
        try:
            return self.environments.current()
        except NoLiveRelease:
            return None

    async def execute(self, run_id: UUID, progress: EvaluationProgress = no_progress) -> EvaluationRun:
        """Runs the cases without a stored result, compares both sides and stores the report. Idempotent; after a crash
        it continues from the stored results.

        Errors: EvaluationNotFound, CorpusRefused, CorpusBusy, CorpusChanged, ErasedMeanwhile, and as Trials.run.
        """
        run, read_at = await self.find(run_id), await self.database.earliest_now()
        if run.ended:
            return run
        suite = await self._load_unchanged_suite(run)
        run = await self._prepare_corpus(run, suite, progress)
        results = await self._run_both(run, suite, progress)
        await self._check_corpus_unchanged(run, suite)
        report = await asyncio.to_thread(build_report, results, self.policy_file, run, self.clock.now())
        return await self._store(run, report, documents_by_case(results.candidate, results.baseline), read_at)

    async def _store(
        self, run: EvaluationRun, report: Report, documents: DocumentsByCase, read_at: datetime
    ) -> EvaluationRun:
        """Ends the run with its report, unless another process did so first. Errors: ErasedMeanwhile."""
        digest, verdict = report.digest, report.verdict
        async with self.database.transaction(None, read_at) as connection:
            await repository.lock(connection)
            if (stored := await repository.find_run(connection, run.id)) and stored.ended:
                return stored
            for name, read in documents_by_tenant(documents).items():
                await refuse_erased(connection, await self.case_runner.identity.tenant(name), read)
            now = self.clock.now()
            await repository.add_report(connection, digest, report.canonical, now, documents)
            ended = {"status": "done", "done": run.total, "ended_at": now, "report": digest, "verdict": verdict}
            await repository.change_run(connection, run.id, **ended)
            if run.suite == ALL_SUITES:  # The verdict on a single suite is no evidence for an approval.
                evidence = EvaluationEvidence(digest, verdict)
                await self.releases.mark_evaluated(connection, run.release_id, run.actor, evidence)
        _ended.labels(verdict).inc()
        return await self.find(run.id)

    async def _load_unchanged_suite(self, run: EvaluationRun) -> Suite:
        """Errors: EvaluationUnfinished when evals/ has changed since the run started; the run has failed then."""
        suite = self.suites.load(run.suite)
        if suite.digest != run.suite_digest:
            problem = "The files in evals/ have changed since the evaluation started."
            await self.fail(run.id, problem)
            raise EvaluationUnfinished(f"{problem} Start another one.")
        return suite

    async def _prepare_corpus(self, run: EvaluationRun, suite: Suite, progress: EvaluationProgress) -> EvaluationRun:
        """Synchronises the documents and pins their versions; a resumed run keeps the versions it was started with."""
        if run.corpus:
            return run
        await self.corpus_sync.sync(self.suites.corpus(), progress)
        await self.corpus_sync.settled(suite.tenants, progress)
        corpus = await self.corpus_sync.versions(suite.tenants)
        async with self.database.transaction(None) as connection:
            await repository.change_run(connection, run.id, status="running", corpus=corpus)
        return replace(run, status="running", corpus=corpus)

    async def _check_corpus_unchanged(self, run: EvaluationRun, suite: Suite) -> None:
        """Errors: CorpusChanged when documents were added or deleted during the run; the run has failed then."""
        tenants = dict.fromkeys(case.tenant for case in suite.cases if not case.corpus_version)
        versions = await self.corpus_sync.versions(tenants)
        changed = [
            f"tenant {name} was at corpus version {run.corpus[name]} and is at {version}"
            for name, version in versions.items()
            if version != run.corpus[name]
        ]
        if changed:
            problem = f"The documents changed during the evaluation: {', '.join(changed)}."
            await self.fail(run.id, problem)
            raise CorpusChanged(problem)

    async def _run_both(self, run: EvaluationRun, suite: Suite, progress: EvaluationProgress) -> EvaluationResults:
        candidate = await self._run_side(run, run.release_id, suite, 0, progress, "Candidate")
        baseline, against = None, None
        if run.against:
            against = Report.read(await self.reports.canonical(run.against), run.against)
        elif run.baseline_id == run.release_id:
            baseline = candidate
        elif run.baseline_id:
            baseline = await self._run_side(run, run.baseline_id, suite, len(suite.cases), progress, "Live release")
        sides = (candidate,) if baseline is None else (candidate, baseline)
        judge_scores = await self.judge.scores(run.id, *sides)
        return EvaluationResults(suite, candidate, baseline, against, judge_scores or ())

    async def _run_side(
        self,
        run: EvaluationRun,
        release_id: str,
        suite: Suite,
        done_before: int,
        progress: EvaluationProgress,
        name: str,
    ) -> Mapping[str, CaseResult]:
        def report_progress(done: int) -> None:
            progress(name, done, len(suite.cases))

        return await self.case_runner.run(run.id, release_id, suite, run.corpus, done_before, report_progress)

    async def fail(self, run_id: UUID, problem: str) -> None:
        """Ends a run that cannot be executed, with the reason."""
        async with self.database.transaction(None) as connection:
            ended = {"status": "failed", "ended_at": self.clock.now(), "problem": problem}
            await repository.change_run(connection, run_id, **ended)
        _ended.labels("FAILED").inc()

    async def find(self, run_id: UUID) -> EvaluationRun:
        """Errors: EvaluationNotFound."""
        async with self.database.read(None) as connection:
            run = await repository.find_run(connection, run_id)
        if run is None:
            raise EvaluationNotFound(f"There is no evaluation {run_id}.")
        return run

    async def list(
        self, limit: int = 50, after: UUID | None = None, release_id: str | None = None
    ) -> Sequence[EvaluationRun]:
        """The newest first. after: the last one of the previous page."""
        async with self.database.read(None) as connection:
            return await repository.list_runs(connection, limit, after, release_id)

    async def report(self, run_id: UUID) -> bytes:
        """The canonical report, byte for byte as it was stored. Errors: EvaluationNotFound, EvaluationUnfinished."""
        return await self.report_of(await self._digest_of(run_id))

    async def report_visible_to(self, caller: Principal, run_id: UUID) -> Report:
        """Without what the caller may not read, see ReportAccess.visible_to. Errors: as `report`."""
        return await self.reports.visible_to(caller, await self._digest_of(run_id))

    async def _digest_of(self, run_id: UUID) -> str:
        run = await self.find(run_id)
        if run.report is None:
            raise EvaluationUnfinished(run.problem or f"{run.done} of {run.total} cases are done.")
        return run.report

    async def report_of(self, digest: str) -> bytes:
        """A report by its digest. Errors: EvaluationNotFound."""
        return await self.reports.canonical(digest)
