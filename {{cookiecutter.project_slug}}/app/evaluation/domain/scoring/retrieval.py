"""Guards against answers that cannot be right because the passage that holds them was not found."""

from collections.abc import Sequence
from math import log2

from app.evaluation.domain.cases import SourceRef
from app.evaluation.domain.observation import RetrievedSource


def recall(sources: Sequence[SourceRef], found: Sequence[RetrievedSource]) -> float | None:
    """Share of the sources of which a passage was found. None without sources."""
    if not sources:
        return None
    return len(_first_places(sources, found)) / len(sources)


def mrr(sources: Sequence[SourceRef], found: Sequence[RetrievedSource]) -> float | None:
    """One over the place of the first right passage; 0 when there is none."""
    if not sources:
        return None
    places = _first_places(sources, found)
    return 1 / min(places) if places else 0.0


def ndcg(sources: Sequence[SourceRef], found: Sequence[RetrievedSource]) -> float | None:
    """How early each source comes, against the best order there is. The second passage of a source adds nothing."""
    if not sources:
        return None
    best = sum(1 / log2(place + 1) for place in range(1, len(sources) + 1))
    return sum(1 / log2(place + 1) for place in _first_places(sources, found)) / best


def _first_places(sources: Sequence[SourceRef], found: Sequence[RetrievedSource]) -> list[int]:
    """The place, from 1, of the first passage of each source that was found; no passage counts for two sources."""
    taken: list[int] = []
    for source in sources:
        held = (n for n, each in enumerate(found, 1) if source.holds(each.uri, each.headings) and n not in taken)
        if place := next(held, 0):
            taken.append(place)
    return taken
