from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.errors import Conflict, Invalid, NotFound
from app.evaluation.domain.gate import Verdict

RunStatus = Literal["queued", "running", "done", "failed"]
DocumentsByCase = Mapping[str, Mapping[str, Sequence[str]]]
"""For each case id and tenant name, the ids of the documents that its texts quote."""


class EvaluationNotFound(NotFound):
    code, title = "evaluation_not_found", "No such evaluation"
    action = "GET /v1/evaluations lists all evaluations."


class EvaluationUnfinished(Conflict):
    code, title = "evaluation_unfinished", "The evaluation has no report yet"
    action = "GET /v1/evaluations/{run_id} shows its progress, or why it failed."


class CorpusRefused(Invalid):
    code, title = "corpus_refused", "The documents of the evaluation cannot be used"
    action = "Correct the file, or the folder in evals/corpus.json."


class CorpusBusy(Conflict):
    code, title = "corpus_busy", "Documents of the evaluation are still being processed"
    action = "Wait until they are served; start a worker if none runs ('app worker'). Then evaluate again."


class CorpusChanged(Conflict):
    code, title = "corpus_moved", "The documents changed during the evaluation"
    action = "Nothing was decided. Evaluate again while no documents are added or deleted."


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """One evaluation of one release on one suite.

    baseline_id: the release it is compared with; against: the report it is compared with instead.
    corpus: the corpus version of each tenant of the suite, so that an interrupted run resumes on the same documents.
    """

    id: UUID
    release_id: str
    suite: str
    suite_digest: str
    baseline_id: str | None
    against: str | None
    actor: str
    status: RunStatus
    done: int
    total: int
    corpus: Mapping[str, int]
    created_at: datetime
    ended_at: datetime | None = None
    report: str | None = None
    verdict: Verdict | None = None
    problem: str | None = None

    @property
    def ended(self) -> bool:
        return self.ended_at is not None
