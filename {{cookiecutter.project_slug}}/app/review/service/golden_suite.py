"""Corrections of reviewers as cases of the golden suite, so that the next release is measured by them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, moment
from app.core.locks import SUITE_FILES, lock
from app.evaluation.domain.cases import Case
from app.evaluation.service import SuiteFiles
from app.identity.domain import Principal
from app.review import repository
from app.review.domain.case_candidate import CaseCandidate, CaseCandidateNotFound
from app.safety.domain.personal_data import DEFAULT_RULES, PersonalDataRules

MAX_CANDIDATES = 500


@dataclass(frozen=True)
class GoldenSuite:
    """clock: None is the database's time, which all processes share. personal_data: what happens to it in cases."""

    database: Database
    suites: SuiteFiles
    clock: Clock | None = None
    personal_data: PersonalDataRules = DEFAULT_RULES

    async def candidates(self, caller: Principal) -> Sequence[CaseCandidate]:
        """Edited and rejected answers that are in no suite yet, newest first."""
        known = {case.id for name in self.suites.names() for case in self.suites.load(name).cases}
        async with self.database.read(caller.tenant_id) as connection:
            corrected = await repository.list_corrected(connection, sorted(caller.groups), MAX_CANDIDATES)
        return [candidate for candidate in corrected if candidate.case_id not in known]

    async def accept(self, caller: Principal, item_id: UUID) -> Case:
        """Writes a candidate into the golden suite.

        Errors: CaseCandidateNotFound, CaseCandidateUnusable, SuiteRefused.
        """
        candidates = await self.candidates(caller)
        candidate = next((each for each in candidates if each.item.id == item_id), None)
        if candidate is None:
            raise CaseCandidateNotFound(f"No candidate comes from review item {item_id}.")
        case = self._protected(candidate.case)
        async with self.database.transaction(caller.tenant_id) as connection:
            item = await repository.find(connection, item_id, sorted(caller.groups), lock=True)
            if item is None or item.digest != candidate.item.digest:  # erased since it was read
                raise CaseCandidateNotFound(f"No candidate comes from review item {item_id}.")
            await lock(connection, SUITE_FILES)
            at = await moment(connection, self.clock)
            act = Act(caller.name, "evals.accept", case.id, f"from review item {item_id}", after=case.digest)
            await audit.record(connection, replace(act, tenant_id=caller.tenant_id), at)
            await asyncio.to_thread(self.suites.add, case)
        return case

    def _protected(self, case: Case) -> Case:
        """The case as it may be written into a file that is committed."""
        if self.personal_data.evaluation_sets == "keep":
            return case
        mask = self.personal_data.mask
        return case.model_copy(
            update={
                "question": mask(case.question),
                "answer": mask(case.answer) if case.answer else case.answer,
                "forbidden": tuple(mask(each) for each in case.forbidden),
            }
        )
