"""Which clauses of the evidence a clause of a sentence is to be compared with."""

from functools import lru_cache
from math import fsum

from app.inference.domain.grounding.agreement.clauses import Clause, clauses
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS

NEAR, SHARED = 0.8, 0.5
"""Of the best overlap, for a clause to be compared; of a clause's words, for the evidence to speak of the same."""
_ASIDE = 0.5
"""What a word counts that stands elsewhere in the sentence."""


@lru_cache(maxsize=CACHED_TEXTS)
def read(passages: tuple[str, ...]) -> tuple[tuple[Clause, ...], dict[str, float]]:
    found = tuple(clause for passage in passages for clause in clauses(passage))
    seen: dict[str, int] = {}
    for clause in found:
        for each in clause.stems:
            seen[each] = seen.get(each, 0) + 1
    return found, {each: 1 / count for each, count in seen.items()}


def aligned(claim: Clause, passages: tuple[str, ...], about: str = "", enough: float = SHARED) -> list[Clause]:
    """The clauses of the evidence that speak of the same, and of `about`."""
    known, weight = read(passages)
    scored = [(_overlap(claim, each, weight), each) for each in known if not about or about in each.stems]
    best = max((score for score, _ in scored), default=0.0)
    near = [each for score, each in scored if score >= NEAR * best] if best else []
    shared = {claim.stems & each.stems for each in near}
    near = [each for each in near if not any(claim.stems & each.stems < other for other in shared)]
    if about and claim.negated:
        near += [each for _, each in scored if each.negated and each.stems <= claim.stems and each not in near]
    most = max((len(claim.stems & each.around) for each in near), default=0)
    whole = any(each.stems <= claim.stems for each in near)
    return near if whole or most >= enough * len(claim.stems) else []


def _overlap(claim: Clause, other: Clause, weight: dict[str, float]) -> float:
    own = claim.stems & other.stems
    aside = (claim.stems & other.around) - own
    return fsum(weight.get(each, 1.0) for each in own) + _ASIDE * fsum(weight.get(each, 1.0) for each in aside)


def text_of(sentence: str, claim: Clause) -> str:
    return sentence[claim.span.start : claim.span.end].strip()
