"""One release, asked case by case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from app.inference.service import Trials
from app.inference.service.trials import Trial
from app.retrieval.service import Retrieval
from app.safety.domain.policy import QuestionRefused

CaseResult = tuple[Case, Observation]
WARM_SECONDS = 30.0


@dataclass(frozen=True)
class CaseRunner:
    """Results are kept one by one as they come: whoever dies on the way, the next one goes on from there."""

    database: Database
    clock: Clock
    identity: Identity
    retrieval: Retrieval
    trials: Trials

    async def known(self, release_id: str, suite: Suite, corpus: Mapping[str, int]) -> dict[str, Observation]:
        """What is kept of this release on these cases and these documents, by the digest of the case."""
        found: dict[str, Observation] = {}
        for tenant in suite.tenants:
            asked = [(case.digest, _version(case, corpus)) for case in suite.cases if case.tenant == tenant]
            async with self.database.read(await self.identity.tenant(tenant)) as connection:
                found |= await repository.observed(connection, release_id, asked)
        return found

    async def run(
        self,
        run_id: UUID,
        release_id: str,
        suite: Suite,
        corpus: Mapping[str, int],
        began: int,
        tell: Callable[[int], None],
    ) -> dict[str, CaseResult]:
        """Every case with what the release did, by the id of the case; only what is not known yet is asked.

        began: how many cases of this run were done before. tell: called with the number of cases done.
        Errors: those of Trials.run that are no verdict on a question.
        """
        known = await self.known(release_id, suite, corpus)
        for number, case in enumerate(suite.cases, 1):
            if case.digest not in known:
                known[case.digest] = await self._ask(run_id, release_id, case, _version(case, corpus), began + number)
            tell(number)
        return {case.id: (case, known[case.digest]) for case in suite.cases}

    async def _ask(self, run_id: UUID, release_id: str, case: Case, version: int, done: int) -> Observation:
        tenant = await self.identity.tenant(case.tenant)
        asker = Principal(tenant, UUID(int=0), "evaluation", frozenset({"user"}), frozenset(case.groups))
        await self._warm(asker, case)
        try:
            trial = await self.trials.run(
                release_id, asker, Question(case.question), corpus_version=version, subject_id=run_id
            )
            seen = observe(trial)
        except (QuestionRefused, QuestionTooLong) as problem:
            seen = Observation("screened", str(problem), why=problem.code, documents=())
        async with self.database.transaction(tenant) as connection:
            await repository.keep(connection, tenant, release_id, case.digest, version, seen, self.clock.now())
            await repository.progress(connection, run_id, done)
        return seen

    async def _warm(self, asker: Principal, case: Case) -> None:
        """Both sides find the question's vector remembered: the first one asked would look slower than it is."""
        deadline = Deadline.after(WARM_SECONDS, self.clock)
        await self.retrieval.search(asker, case.question, deadline=deadline, limit=1, charge=True)


def observe(trial: Trial) -> Observation:
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
        documents=tuple(sorted(map(str, source_documents(answer, trial.evidence, None)))),
    )


def _version(case: Case, corpus: Mapping[str, int]) -> int:
    return case.corpus_version or corpus[case.tenant]
