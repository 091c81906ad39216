"""Whether a sentence says what its evidence says: with the same figures, names, negations and limits."""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.figures import dates, numbers
from app.inference.domain.grounding.agreement.names import invented, names
from app.inference.domain.grounding.agreement.negations import limits, negations
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, listed
from app.inference.domain.grounding.agreement.roles import moments, roles
from app.inference.domain.grounding.agreement.scope import order, scope
from app.inference.domain.grounding.agreement.told_apart import counts, kinds, labels

__all__ = ["Disagreement", "disagreement"]

_MARKER = re.compile(r"\A\s*(?:[-*+•#>]+\s+)?(?:\(?\d{1,3}[.)]\s+)?")
_ENGLISH = frozenset(
    listed("the and with from by are this that these which must not when if their have be you your they it its")
)
RULES = (numbers, labels, counts, dates, moments, names, roles, negations, limits, order, scope, kinds, invented)


def disagreement(sentence: str, texts: Sequence[str]) -> Disagreement | None:
    """The first thing in which the sentence differs from the passages that it leans on; None where it agrees.

    Numbers are compared in every language, the rest in English alone.
    """
    passages = tuple(texts)
    if any(sentence in passage for passage in passages):
        return None
    sentence = _MARKER.sub("", sentence)
    rules = RULES if all(map(_english, passages)) else (numbers,)
    return next(filter(None, (rule(sentence, passages) for rule in rules)), None)


@lru_cache(maxsize=CACHED_TEXTS)
def _english(text: str) -> bool:
    return len(_ENGLISH.intersection(re.findall(r"[a-z]+", text.lower()))) > 1
