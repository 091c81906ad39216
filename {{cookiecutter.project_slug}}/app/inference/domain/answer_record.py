"""A stored answer as monitoring reads it: the question, and the figures of how it was answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """refusal: the reason code, empty for an answer. reasons: why it is degraded. findings: the rules that screening
    and the output filter found something by. helpful: the newest feedback. outcome, rule: of its review.
    top_score, score_gap: of the best passage, and its distance to the second. sources: of the cited documents.
    """

    id: UUID
    at: datetime
    question: str
    refusal: str
    degraded: bool
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    helpful: bool | None
    outcome: str
    rule: str
    release_id: str
    model: str
    groundedness: float | None
    top_score: float | None
    score_gap: float | None
    cost_micro_usd: int
    latency_ms: float
    sources: tuple[str, ...]
    answer_characters: int

    @property
    def failed(self) -> bool:
        """Whether the asker was left without a good answer, as far as anybody knows."""
        return bool(self.refusal) or self.degraded or self.helpful is False or self.outcome == "rejected"


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A question that ended in a problem, without an answer. Its text is not stored."""

    at: datetime
    code: str
    release_id: str
