from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.costs.domain.budgets import Hold


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as found. score: 0 to 1 within this search when vectors took part, else the BM25 score.

    dense: the cosine with the question; None without vectors. version: of the document. flags: what was found in the
    document when it came in, as rules of `safety`; a passage of a flagged document is not to be trusted blindly.
    """

    chunk_id: UUID
    document_id: UUID
    title: str
    source: str
    uri: str
    headings: tuple[str, ...]
    text: str
    start: int
    end: int
    score: float
    bm25: float
    dense: float | None
    version: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchUsage:
    """What embedding the question took: `model` is the embedder's name, `tokens` is 0 for a remembered question.

    hold: money that was held for it; whoever charges the tokens settles it.
    """

    model: str
    tokens: int
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages for a question, best first, and everything needed to find them again.

    top_dense, top_bm25: the best raw scores; they tell how far the corpus knows the subject at all.
    possible_bm25: what the question itself would score as a passage, words that nobody wrote included.
    degraded: why vectors were left out though the index has them. timings: milliseconds by step.
    """

    passages: tuple[Passage, ...]
    index_id: UUID
    index_number: int
    corpus_version: int
    top_dense: float | None
    top_bm25: float
    possible_bm25: float = 0.0
    usage: SearchUsage | None = None
    degraded: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def documents(self) -> frozenset[UUID]:
        """Those that the passages are of."""
        return frozenset(passage.document_id for passage in self.passages)
