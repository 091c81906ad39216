"""What a sentence says of one of two things that its evidence tells apart: the figure of the other, or all of a kind
where the evidence speaks of some of it.
"""

import re
from functools import lru_cache

from app.core.languages.sentences import sentences
from app.core.languages.stop_words import ENGLISH
from app.inference.domain.grounding.agreement.clauses import concept
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, listed
from app.inference.domain.grounding.agreement.quantities import Quantity, equal, figures

_LABEL = re.compile(
    r"\s*(?:[^\W\d_/%°]+\s+)?(?:of|in|for|at|on|with|during|among|under)\s+((?:(?!and\b|but\b|or\b|by\b|from\b|to\b)[a-z'-]+\b\s*){1,5})",
    re.IGNORECASE,
)
"""What a figure is said of, behind it: "11 mmHg in the treated group"."""
_COMPARED = frozenset(listed("unlike than compared instead rather other others outside"))
_NOUN = re.compile(r"\s+([a-z]{3,}s)\b(?! of\b)")
_BEHIND = re.compile(r"(?:\s+[a-z'-]+){1,4}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_EVERY = re.compile(r"\b(?:all|every|any|each)\s+(?:of\s+)?(?:the\s+)?([a-z]{3,})\b", re.IGNORECASE)
_WHOLE = frozenset(listed("all every any each either both"))
_SAME = 0.6
"""The part of a sentence's words that a sentence of the evidence must hold to speak of the same."""
_LIMITED = re.compile(r"\b(?:no|not|never|only|except|unless|but)\b|n't\b", re.IGNORECASE)


def labels(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """A figure that the evidence has for another thing: "3 mmHg in the treated group"."""
    said = figures(sentence).quantities
    words = _concepts(sentence)
    compares = not _COMPARED.isdisjoint(sentence.lower().split())
    if compares or len({each.dimension for each in said}) < len({each.start for each in said}):
        return None
    for mine in said:
        for told in (each for passage in passages for each in _labelled(passage)):
            same = [own for theirs, own in told if equal(mine, theirs)]
            others = [
                (theirs, own) for theirs, own in told if theirs.dimension == mine.dimension and not equal(mine, theirs)
            ]
            if len(same) != 1:
                continue
            for theirs, own in others:
                apart, its = own - same[0], same[0] - own
                if apart and its and apart <= words and not its & words:
                    return Disagreement("number", mine.words, theirs.words)
    return None


@lru_cache(maxsize=CACHED_TEXTS)
def _labelled(text: str) -> tuple[tuple[tuple[Quantity, frozenset[str]], ...], ...]:
    """The figures of each sentence in which more than one has a label, with their labels."""
    found = []
    for span in sentences(text):
        part = text[span.start : span.end]
        each = ((one, _LABEL.match(part, one.start + len(one.words))) for one in figures(part).quantities)
        told = tuple((one, label) for one, match in each if match and (label := _concepts(match[1])))
        if len({label for _, label in told}) > 1:
            found.append(told)
    return tuple(found)


def counts(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """A number that the evidence has of other things, and another one of these: "24 members" for 24 players."""
    told = [each for passage in passages for each in _counted(passage)]
    for mine, noun, _ in _counted(sentence):
        numbers = [each for each, of, _ in told if of == noun]
        same = [(of, behind) for each, of, behind in told if equal(mine, each)]
        if noun and numbers and any(of for of, _ in same) and not any(noun in behind for _, behind in same):
            return Disagreement("number", mine.words, numbers[0].words)
    return None


@lru_cache(maxsize=CACHED_TEXTS)
def _counted(text: str) -> tuple[tuple[Quantity, str, frozenset[str]], ...]:
    """Numbers of a kind of thing, by the word behind them where it names one, with the words near behind them."""
    found = []
    for each in figures(text).quantities:
        if not each.dimension and each.firm and each.value > 1:
            end = each.start + len(each.words)
            noun, behind = _NOUN.match(text, end), _BEHIND.match(text, end)
            near = _concepts(behind[0]) if behind else frozenset[str]()
            found.append((each, concept(noun[1].lower()) if noun else "", near))
    return tuple(found)


def kinds(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """All of a kind, where the evidence speaks of some of it: "all animals", where it says "small animals"."""
    if _LIMITED.search(sentence):
        return None
    words = _concepts(sentence)
    for found in _EVERY.finditer(sentence):
        noun = concept(found[1].lower())
        parts = [(part, len(words & its)) for passage in passages for part, its in _parts(passage) if noun in its]
        same = any(shared >= _SAME * len(words) for _, shared in parts)
        if same and all(_only_some(noun, words, part) for part, shared in parts if shared >= min(2, len(words))):
            return Disagreement("scope", found[0])
    return None


@lru_cache(maxsize=CACHED_TEXTS)
def _parts(passage: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Its sentences, with their words of meaning."""
    parts = (passage[span.start : span.end] for span in sentences(passage))
    return tuple((part, _concepts(part)) for part in parts)


def _only_some(noun: str, words: frozenset[str], part: str) -> bool:
    """Whether a word that the sentence leaves out stands before each noun of this kind."""
    each = [word.lower() for word in _WORD.findall(part)]
    places = [place for place, word in enumerate(each) if noun and concept(word) == noun]
    if not places or not _WHOLE.isdisjoint(each):
        return False
    before = [each[place - 1] if place else "" for place in places]
    return all(word and word not in ENGLISH and concept(word) and concept(word) not in words for word in before)


def _concepts(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(concept, (word.lower() for word in _WORD.findall(text)))))
