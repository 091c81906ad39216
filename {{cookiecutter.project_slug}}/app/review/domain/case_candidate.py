"""What reviewers corrected, as cases that the next release is measured by."""

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
    code, title = "candidate_not_found", "There is no such candidate"
    action = "'app evals candidates' lists those there are."


class CaseCandidateUnusable(Invalid):
    code, title = "candidate_unusable", "A case cannot be made of this decision"
    action = "Write the case by hand; docs/how-to/write-an-evaluation-case.md shows how."


@dataclass(frozen=True, slots=True)
class CaseCandidate:
    """A decision that changed or stopped an answer, and where it came from. release_id: whose answer it was."""

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
        """An edited answer says what is right, a rejected one what must not be said again.

        Errors: CaseCandidateUnusable.
        """
        text = _MARKERS.sub("", self._answer["text"]).strip()
        sources = [{"uri": uri} for uri in dict.fromkeys(each["uri"] for each in self._answer["citations"])]
        wanted: dict[str, Any] = {"answer": text, "sources": sources}
        if self.item.outcome == "rejected":
            wanted = {"forbidden": [text], "should_refuse": None}
        common = {"id": self.case_id, "question": self.item.question, "slices": [SLICE], "groups": self.item.groups}
        try:
            return Case.model_validate({**common, **wanted})
        except ValidationError as error:
            raise CaseCandidateUnusable(first_wrong(error)) from error

    @property
    def _answer(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.item.payload)
        return found
