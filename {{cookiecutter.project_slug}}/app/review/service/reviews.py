from dataclasses import dataclass

from app.actions.service import Actions
from app.core.clock import Clock
from app.core.database import Database
from app.evaluation.service import SuiteFiles
from app.inference.domain.human_review import ReviewPolicy
from app.inference.service import HeldAnswers
from app.review.service.closing import ReviewClosing
from app.review.service.decisions import ReviewDecisions
from app.review.service.golden_suite import GoldenSuite
from app.review.service.lifecycle import ReviewLifecycle
from app.review.service.queue import ReviewQueue
from app.review.service.subjects import ReviewSubjects
from app.safety.domain.personal_data import DEFAULT_RULES, PersonalDataRules


@dataclass(frozen=True)
class Reviews:
    """The services of human review, over the same dependencies.

    policy: of this process's policies/review.yaml only the lease counts; everything else comes with the answer, from
    its release. clock: None is the database's time, which all processes share.
    """

    database: Database
    held_answers: HeldAnswers
    actions: Actions
    policy: ReviewPolicy
    suites: SuiteFiles
    clock: Clock | None = None
    personal_data: PersonalDataRules = DEFAULT_RULES

    @property
    def queue(self) -> ReviewQueue:
        return ReviewQueue(self.database, self.policy.lease_seconds, self.clock)

    @property
    def decisions(self) -> ReviewDecisions:
        return ReviewDecisions(self.database, self._subjects, ReviewClosing(self.held_answers), self.clock)

    @property
    def lifecycle(self) -> ReviewLifecycle:
        closing = ReviewClosing(self.held_answers)
        return ReviewLifecycle(self.database, self._subjects, closing, self.held_answers, self.clock)

    @property
    def golden_suite(self) -> GoldenSuite:
        return GoldenSuite(self.database, self.suites, self.clock, self.personal_data)

    @property
    def _subjects(self) -> ReviewSubjects:
        return ReviewSubjects(self.held_answers, self.actions)
