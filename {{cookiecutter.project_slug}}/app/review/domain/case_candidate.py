"""Corrections of reviewers as evaluation cases."""

import re
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from app.core.errors import Invalid, NotFound
from app.evaluation.domain.cases import Case
from app.evaluation.domain.suites import first_wrong
from app.review.domain.items import ReviewItem

SLICE = "reviewed"
_MARKERS = re.compile(r"\s*\[\d{1,3}\]")


class CaseCandidateNotFound(NotFound):
    code, title = "candidate_not_found", "No such candidate"
    action = "'app evals candidates' lists the candidates."


class CaseCandidateUnusable(Invalid):
    code, title = "candidate_unusable", "This decision does not make an evaluation case"
    action = "Write the case by hand; docs/how-to/write-an-evaluation-case.md shows how."


@dataclass(frozen=True, slots=True)
class CaseCandidate:
    """An edited or rejected answer, with the last reviewer and their reason. release_id: the release that gave it."""

    item: ReviewItem
    reviewer: str
    reason: str

    @property
    def case_id(self) -> str:
        return f"review-{self.item.id.hex[-12:]}"

    @property
    def release_id(self) -> str:
        return str(self._answer["release_id"])

    @property
    def case(self) -> Case:
        """From an edit the expected answer, from a rejection a forbidden one.

        Errors: CaseCandidateUnusable.
        """
        text = _MARKERS.sub("", self._answer["text"]).strip()
        sources = [{"uri": uri} for uri in dict.fromkeys(each["uri"] for each in self._answer["citations"])]
        expected: dict[str, Any] = {"answer": text, "sources": sources}
        if self.item.outcome == "rejected":
            expected = {"forbidden": [text], "should_refuse": None}
        common = {"id": self.case_id, "question": self.item.question, "slices": [SLICE], "groups": self.item.groups}
        try:
            return Case.model_validate({**common, **expected})
        except ValidationError as error:
            raise CaseCandidateUnusable(first_wrong(error)) from error

    @property
    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(self.item.payload)
        return answer
