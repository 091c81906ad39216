"""Scores of retrieval: recall, MRR and nDCG over the sources of a case."""

from collections.abc import Sequence
from math import log2

from app.evaluation.domain.cases import SourceRef
from app.evaluation.domain.observation import RetrievedSource


def recall(sources: Sequence[SourceRef], passages: Sequence[RetrievedSource]) -> float | None:
    """Recall: the share of the sources with a retrieved passage. None without sources."""
    if not sources:
        return None
    return len(_first_ranks(sources, passages)) / len(sources)


def mrr(sources: Sequence[SourceRef], passages: Sequence[RetrievedSource]) -> float | None:
    """Reciprocal rank of the first passage from a source; 0 when there is none. None without sources."""
    if not sources:
        return None
    ranks = _first_ranks(sources, passages)
    return 1 / min(ranks) if ranks else 0.0


def ndcg(sources: Sequence[SourceRef], passages: Sequence[RetrievedSource]) -> float | None:
    """nDCG of the first passage of each source; further passages of a source add nothing. None without sources."""
    if not sources:
        return None
    best = sum(1 / log2(rank + 1) for rank in range(1, len(sources) + 1))
    return sum(1 / log2(rank + 1) for rank in _first_ranks(sources, passages)) / best


def _first_ranks(sources: Sequence[SourceRef], passages: Sequence[RetrievedSource]) -> list[int]:
    """Rank, from 1, of the first passage of each retrieved source; no passage counts for two sources."""
    ranks: list[int] = []
    for source in sources:
        matching = (
            n for n, each in enumerate(passages, 1) if source.matches(each.uri, each.headings) and n not in ranks
        )
        if rank := next(matching, 0):
            ranks.append(rank)
    return ranks
