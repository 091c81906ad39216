"""What distinguishes the questions of a pattern from all others: their commonest terms that are rare elsewhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log

from app.inference.domain.grounding.text import STOP_WORDS, fold
from app.monitoring.domain.question_language import FUNCTION_WORDS

MAX_TERMS = 4
_LEAST_SHARE, _LEAST_RATIO = 0.15, 1.5
_SAY_NOTHING = STOP_WORDS | FUNCTION_WORDS


def distinguishing_terms(questions: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Words and pairs of words, the most distinguishing first; none without a question.

    Each counts once a question; its weight is its share here times the log of how much larger that is than elsewhere.
    """
    if not questions:
        return ()
    here, elsewhere = _counted(questions), _counted(others)
    least = max(_LEAST_SHARE * len(questions), min(2, len(questions)))
    weights = {
        term: _weight(count / len(questions), (elsewhere[term] + 0.1) / (len(others) + 1), term)
        for term, count in here.items()
        if count >= least
    }
    ordered = sorted((term for term in weights if weights[term] > 0), key=lambda term: (-weights[term], term))
    return tuple(_without_repeats(ordered))[:MAX_TERMS]


def _weight(share: float, elsewhere: float, term: str) -> float:
    """A pair of words says more than one of them alone."""
    ratio = share / elsewhere
    return share * log(ratio) * (1.3 if " " in term else 1.0) if ratio >= _LEAST_RATIO else 0.0


def _counted(questions: Iterable[str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for question in questions:
        counted.update(_terms_of(question))
    return counted


def _terms_of(question: str) -> set[str]:
    words = fold(question)
    plain = {word for word in words if word not in _SAY_NOTHING and len(word) > 1}
    pairs = {f"{one} {two}" for one, two in pairwise(words) if {one, two} <= plain}
    return plain | pairs


def _without_repeats(terms: Iterable[str]) -> Iterable[str]:
    """Leaves out what shares a word with a term before it."""
    seen: set[str] = set()
    for term in terms:
        if not seen & set(term.split()):
            seen |= set(term.split())
            yield term
