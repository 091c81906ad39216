"""Runs the cases of a suite on one release."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.core.clock import Clock, Deadline
from app.core.database import Database
from app.evaluation import repository
from app.evaluation.domain.cases import Case
from app.evaluation.domain.observation import CitedSource, Observation, RetrievedSource
from app.evaluation.domain.suites import Suite
from app.identity.domain import Principal
from app.identity.service import Identity
from app.inference.domain.answer import Question, QuestionTooLong, source_documents
from app.inference.domain.conversations import Turn
from app.inference.domain.conversations.follow_up import with_subject
from app.inference.service import Trials
from app.inference.service.trials import Trial
from app.retrieval.ports import PassageSearch
from app.safety.domain.policy import QuestionRefused

WARM_SECONDS = 30.0


class CaseResult(NamedTuple):
    case: Case
    observation: Observation


@dataclass(frozen=True)
class CaseRunner:
    """Stores each observation as it comes, so that an interrupted run resumes where it stopped."""

    database: Database
    clock: Clock
    identity: Identity
    retrieval: PassageSearch
    trials: Trials

    async def stored(self, release_id: str, suite: Suite, corpus: Mapping[str, int]) -> dict[str, Observation]:
        """Stored observations of this release on these cases and corpus versions, by the digest of the case."""
        observations: dict[str, Observation] = {}
        for tenant in suite.tenants:
            cases = [(case.digest, _version(case, corpus)) for case in suite.cases if case.tenant == tenant]
            async with self.database.read(await self.identity.tenant(tenant)) as connection:
                observations |= await repository.list_observations(connection, release_id, cases)
        return observations

    async def run(
        self,
        run_id: UUID,
        release_id: str,
        suite: Suite,
        corpus: Mapping[str, int],
        done_before: int,
        report_progress: Callable[[int], None],
    ) -> dict[str, CaseResult]:
        """Results by case id; only cases without a stored observation are run.

        done_before: cases of this run that were done on the other side. report_progress: called with the number of
        cases done. Errors: ErasedMeanwhile, and as Trials.run, except for refused questions, which are observations.
        """
        observations = await self.stored(release_id, suite, corpus)
        for number, case in enumerate(suite.cases, 1):
            if case.digest not in observations:
                version, done = _version(case, corpus), done_before + number
                observations[case.digest] = await self._run_case(run_id, release_id, case, version, done)
            report_progress(number)
        return {case.id: CaseResult(case, observations[case.digest]) for case in suite.cases}

    async def _run_case(self, run_id: UUID, release_id: str, case: Case, version: int, done: int) -> Observation:
        read_at = await self.database.earliest_now()
        tenant = await self.identity.tenant(case.tenant)
        asker = Principal(tenant, UUID(int=0), "evaluation", frozenset({"user"}), frozenset(case.groups))
        await self._warm(asker, case)
        try:
            trial = await self.trials.run(
                release_id, asker, question_of(case), corpus_version=version, subject_id=run_id
            )
            observation = observe(trial)
        except (QuestionRefused, QuestionTooLong) as problem:
            observation = Observation("screened", str(problem), why=problem.code, documents=())
        async with self.database.transaction(tenant, read_at) as connection:
            await repository.add_observation(
                connection, tenant, release_id, case.digest, version, observation, self.clock.now()
            )
            await repository.set_progress(connection, run_id, done)
        return observation

    async def _warm(self, asker: Principal, case: Case) -> None:
        """Caches the question's embedding, so that the side that runs first does not look slower than it is."""
        deadline = Deadline.after(WARM_SECONDS, self.clock)
        text = with_subject(case.question, question_of(case).history)
        await self.retrieval.search(asker, text, deadline=deadline, limit=1, charge=True)


def question_of(case: Case) -> Question:
    """The question of a case, with the turns before it."""
    return Question(case.question, history=tuple(Turn(each.question, each.answer) for each in case.history))


def observe(trial: Trial) -> Observation:
    """What scorers see of an answer."""
    answer = trial.answer
    return Observation(
        outcome=answer.status,
        text=answer.text,
        why=answer.refusal,
        model=answer.model,
        degraded=answer.degraded,
        cited=tuple(CitedSource(each.uri, each.headings, each.quote) for each in answer.citations),
        found=tuple(RetrievedSource(each.uri, each.headings) for each in trial.evidence.passages),
        groundedness=trial.answer.groundedness,
        latency_ms=answer.timings_ms.get("total"),
        cost_micro_usd=answer.cost_micro_usd,
        documents=tuple(sorted(map(str, source_documents(answer, trial.evidence, None) | trial.evidence.documents))),
    )


def _version(case: Case, corpus: Mapping[str, int]) -> int:
    return case.corpus_version or corpus[case.tenant]
