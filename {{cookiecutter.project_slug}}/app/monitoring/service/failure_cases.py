"""Questions of a pattern become candidates, and candidates become cases of the golden suite."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.locks import SUITE_FILES, lock
from app.core.redaction import redact
from app.evaluation.domain.cases import Case
from app.evaluation.service import SuiteFiles
from app.identity.domain import Principal
from app.inference.domain.answer_record import AnswerRecord
from app.inference.service import AnswerRecords
from app.monitoring.domain.failures.case_candidate import (
    Expectation,
    FailureCandidate,
    FailureCandidateNotFound,
    NothingToPropose,
    VisibleCandidate,
)
from app.monitoring.repository import pattern_store
from app.monitoring.service.failure_analysis import READ_ANSWERS, FailureAnalysis
from app.safety.domain.personal_data import DEFAULT_RULES, PersonalDataRules


@dataclass(frozen=True)
class FailureCases:
    """personal_data: what happens to it in cases, which are committed."""

    database: Database
    clock: Clock
    records: AnswerRecords
    analysis: FailureAnalysis
    suites: SuiteFiles
    personal_data: PersonalDataRules = DEFAULT_RULES

    async def propose(self, caller: Principal, pattern_id: UUID, count: int, note: str) -> Sequence[VisibleCandidate]:
        """Proposes the most typical questions of a pattern that the caller may read; the same question once.
        Idempotent. Errors: PatternNotFound, NothingToPropose.
        """
        stored = await self.analysis.find(caller, pattern_id)
        readable = await self.records.readable(caller, stored.pattern.answers[:READ_ANSWERS])
        chosen = each_question_once(readable)[:count]
        if not chosen:
            raise NothingToPropose(f"You may read no question of pattern {pattern_id}.")
        now, reason = self.clock.now(), stored.pattern.signature.reason
        async with self.database.transaction(caller.tenant_id) as connection:
            intact = await self.records.lock_stored(connection, caller.tenant_id, [each.id for each in chosen])
            proposed = [
                VisibleCandidate(FailureCandidate(each.id, reason, note, caller.name, now), redact(each.question))
                for each in chosen
                if each.id in intact
            ]
            await pattern_store.propose(connection, caller.tenant_id, [each.candidate for each in proposed])
            act = Act(caller.name, "evals.propose", str(pattern_id), note, tenant_id=caller.tenant_id)
            await audit.record(connection, act, now)
        return proposed

    async def candidates(
        self, caller: Principal, after: UUID | None, limit: int
    ) -> tuple[Sequence[VisibleCandidate], UUID | None]:
        """Those whose answers the caller may read now, by the time of their answers, newest first; and the cursor of
        the next page.
        """
        async with self.database.read(caller.tenant_id) as connection:
            stored = await pattern_store.list_candidates(connection, after, limit)
        readable = await self.records.readable(caller, [each.answer_id for each in stored])
        questions = {each.id: redact(each.question) for each in readable}
        visible = [VisibleCandidate(each, questions[each.answer_id]) for each in stored if each.answer_id in questions]
        return visible, stored[-1].answer_id if len(stored) == limit else None

    async def accept(self, caller: Principal, answer_id: UUID, expected: Expectation) -> Case:
        """Writes a candidate into the golden suite, with what would have been right.

        Errors: FailureCandidateNotFound, ExpectationUnusable, SuiteRefused.
        """
        async with self.database.read(caller.tenant_id) as connection:
            found = await pattern_store.list_candidates(connection, None, 1, only=answer_id)
        readable = await self.records.readable(caller, [answer_id]) if found else []
        if not readable:
            raise FailureCandidateNotFound(f"No candidate comes from answer {answer_id}.")
        mask = str if self.personal_data.evaluation_sets == "keep" else self.personal_data.mask
        masked = replace(expected, answer=mask(expected.answer) if expected.answer else None)
        case = masked.case_of(found[0].case_id, mask(readable[0].question), tuple(sorted(caller.groups)))
        async with self.database.transaction(caller.tenant_id) as connection:
            if not await self.records.lock_stored(connection, caller.tenant_id, [answer_id]):
                raise FailureCandidateNotFound(f"No candidate comes from answer {answer_id}.")
            await lock(connection, SUITE_FILES)
            act = Act(caller.name, "evals.accept", case.id, f"from failed answer {answer_id}", after=case.digest)
            await pattern_store.remove_candidate(connection, answer_id)
            await audit.record(connection, replace(act, tenant_id=caller.tenant_id), self.clock.now())
            await asyncio.to_thread(self.suites.add, case)
        return case


def each_question_once(records: Sequence[AnswerRecord]) -> list[AnswerRecord]:
    """The first record of each question, in the order of `records`."""
    first: dict[str, AnswerRecord] = {}
    for each in records:
        first.setdefault(each.question, each)
    return list(first.values())
