from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.costs.domain.budgets import Hold


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as a search result. score: 0 to 1 within this search if it used vectors, else the BM25 score.

    dense: the cosine with the query; None without vectors. version: of the document. flags: rules of `safety` that the
    document matched at its upload; a passage of a flagged document needs more care.
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


def distinct_passages(passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """The first of the passages with the same text under the same headings, in order."""
    first: dict[tuple[tuple[str, ...], str], Passage] = {}
    for each in passages:
        first.setdefault((each.headings, each.text), each)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class SearchUsage:
    """The usage of embedding the query: `model` is the embedder's name, `tokens` is 0 for a cached query.

    hold: the reservation for it, which is settled when the tokens are charged.
    """

    model: str
    tokens: int
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages for a query, best first, and everything needed to repeat the search.

    top_dense, top_bm25: the best raw scores, which show whether the corpus covers the subject at all.
    possible_bm25: the score that the query itself would have as a passage, including words that are in no document.
    degraded: why the search did not use vectors although the index has them. timings: milliseconds by step.
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
        """The documents of the passages."""
        return frozenset(passage.document_id for passage in self.passages)
