"""What distinguishes the questions of a pattern from all others: their commonest terms that are rare elsewhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log

from app.core.languages.identification import language_of
from app.core.languages.stop_words import stop_words_of
from app.core.languages.words import fold

MAX_TERMS = 4
_LEAST_SHARE, _LEAST_RATIO = 0.15, 1.5


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
    language = language_of(question)
    words = fold(question, language)
    plain = {word for word in words if word not in stop_words_of(language) and len(word) > 1}
    pairs = {f"{one} {two}" for one, two in pairwise(words) if {one, two} <= plain}
    return plain | pairs


def _without_repeats(terms: Iterable[str]) -> Iterable[str]:
    """Leaves out what shares a word with a term before it."""
    seen: set[str] = set()
    for term in terms:
        if not seen & set(term.split()):
            seen |= set(term.split())
            yield term
