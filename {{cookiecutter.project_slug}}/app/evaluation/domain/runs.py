from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.core.errors import Conflict, Invalid, NotFound
from app.evaluation.domain.gate import Verdict

RunStatus = Literal["queued", "running", "done", "failed"]


class EvaluationNotFound(NotFound):
    code, title = "evaluation_not_found", "No such evaluation"
    action = "GET /v1/evaluations lists the evaluations there are."


class EvaluationUnfinished(Conflict):
    code, title = "evaluation_unfinished", "The evaluation has no report yet"
    action = "GET /v1/evaluations/{run_id} shows how far it is, and why it failed if it did."


class CorpusRefused(Invalid):
    code, title = "corpus_refused", "The documents of the evaluation cannot be used"
    action = "Correct the file, or the folder in evals/corpus.json."


class CorpusBusy(Conflict):
    code, title = "corpus_busy", "Documents of the evaluation are still being processed"
    action = "Wait until they are served, or start a worker if none runs ('app worker'), then evaluate again."


class CorpusChanged(Conflict):
    code, title = "corpus_moved", "The documents changed while they were measured"
    action = "Nothing was decided. Wait until nothing is added to or deleted from them, then evaluate again."


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """One evaluation of one release on one suite.

    baseline_id: the release it is compared with; against: the report it is compared with instead.
    corpus: the corpus version of each tenant of the suite, so that a run that was interrupted goes on where it was.
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
