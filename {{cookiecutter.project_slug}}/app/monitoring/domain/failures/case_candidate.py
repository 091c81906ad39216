"""Failed answers that are to become cases of the golden suite, once somebody says what would have been right."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from app.core.errors import Invalid, NotFound
from app.evaluation.domain.cases import Case
from app.evaluation.domain.suites import first_error

SLICE = "failures"


class FailureCandidateNotFound(NotFound):
    code, title = "failure_candidate_not_found", "No such candidate"
    action = "'app monitoring failures candidates' lists the candidates."


class ExpectationUnusable(Invalid):
    code, title = "expectation_unusable", "This does not make an evaluation case"
    action = "Give an answer, a source or a refusal; docs/how-to/write-an-evaluation-case.md shows what a case is."


class NothingToPropose(Invalid):
    code, title = "nothing_to_propose", "The pattern has no question that you may read"
    action = "Choose another pattern, or ask somebody who may read its documents."


@dataclass(frozen=True, slots=True)
class FailureCandidate:
    """reason: of its failure. note: why it should be a case."""

    answer_id: UUID
    reason: str
    note: str
    proposed_by: str
    proposed_at: datetime

    @property
    def case_id(self) -> str:
        return f"failure-{self.answer_id.hex[-12:]}"


@dataclass(frozen=True, slots=True)
class VisibleCandidate:
    candidate: FailureCandidate
    question: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What would have been right: an answer, the addresses of documents that hold it, or a refusal."""

    answer: str | None = None
    sources: tuple[str, ...] = ()
    refuse: bool = False

    def case_of(self, case_id: str, question: str, groups: tuple[str, ...]) -> Case:
        """Errors: ExpectationUnusable."""
        expected: dict[str, Any] = {"should_refuse": self.refuse, "answer": self.answer}
        sources = [{"uri": uri} for uri in self.sources]
        common = {"id": case_id, "question": question, "slices": [SLICE], "groups": groups, "sources": sources}
        try:
            return Case.model_validate({**common, **expected})
        except ValidationError as error:
            raise ExpectationUnusable(first_error(error)) from error
