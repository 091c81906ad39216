"""Names and words of a sentence that its evidence does not hold."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from app.core.languages.sentences import sentences
from app.core.languages.stop_words import ENGLISH
from app.core.languages.words import fold, stem, terms
from app.inference.domain.grounding.agreement.clauses import concept
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.negations import NOT
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, PLAIN, same_meaning
from app.inference.domain.grounding.agreement.quantities import figures, is_unit

_CODE = re.compile(r"`[^`\n]+`|\b(?=[\w/.-]*\d)(?=[\w/.-]*[A-Za-z])[A-Za-z][\w/.-]*\w\b")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_LETTERED = re.compile(r"\b([A-Za-z][a-z]+) [B-HJ-Z](?![\w'’&-]|\.\w)")
_NUMBERED = re.compile(r"\b([A-Za-z]{3,}) (\d+)\b(?![.,:]?\d)")
_OPENS = re.compile(r"(?:^|[:.!?\"“‘(*#•|>\n-])\s*\Z")
_RUN = re.compile(r"(?:\b[A-Z][\w-]+(?:\s+(?:of|and|for|the)\b)?\s*){2,6}")

_PURPOSE = re.compile(r"\A(?:In order )?[Tt]o \w+(?: \w+){0,2},")
"""What for: that is mostly added so that a sentence can stand by itself."""
_OPENERS = (
    "an?|the|of|in|with|by|at|on|into|onto|from|for|to|one|its|his|her|their|your|our|this|that|each|every|no|any"
)
"""What stands before a noun; other new words may be another way to say the same."""
_FIRST_PERSON = re.compile(r"\b(?:we|us|our)\b", re.IGNORECASE)
_SPEAKERS = frozenset(map(stem, ("staff", "company", "team", "firm", "organisation", "office", "provider")))
"""Who "we" may be."""
COPIED = {1: 0.75, 2: 0.6}
"""By the number of new words: the part of the others that is copied, from which on the new ones are an addition."""


def names(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    whole = "\n".join(passages)
    low = whole.lower()
    for found in _LETTERED.finditer(sentence):
        named = found[1][0].isupper() or re.search(rf"\b{found[1]} [A-Z]\b", whole)
        if named and found[0].lower() not in low:
            return Disagreement("name", found[0])
    if numbered := _numbered_otherwise(sentence, whole):
        return numbered
    for token in (token for found in _CODE.finditer(sentence) for token in found[0].strip("`").split()):
        if token.lower().strip(".,;") not in low and "<" not in token:
            return Disagreement("name", token)
    if _denied_by_only(sentence, passages):
        return None
    short = _abbreviated(sentence, whole)
    plain = _CODE.sub(" ", sentence)
    for found in _WORD.finditer(plain):
        if _is_name(found, plain) and found[0].lower() not in short and not _known_name(found[0], low, whole):
            return Disagreement("name", found[0])
    return None


def _denied_by_only(sentence: str, passages: tuple[str, ...]) -> bool:
    """What is denied may be all but the only one that the evidence names."""
    return not NOT.isdisjoint(sentence.lower().split()) and any("only" in passage.lower() for passage in passages)


def _numbered_otherwise(sentence: str, whole: str) -> Disagreement | None:
    """Hall 5, where the evidence knows hall 3 alone."""
    for found in _NUMBERED.finditer(sentence):
        noun, number = found[1].lower(), found[2]
        known = re.findall(rf"\b{noun} (\d+)\b", whole, re.IGNORECASE)
        if (
            known
            and number not in known
            and noun not in ENGLISH
            and stem(noun) not in PLAIN
            and not _calendar(found[1])
        ):
            return Disagreement("name", found[0], f"{noun} {known[0]}")
    return None


def _is_name(found: re.Match[str], sentence: str) -> bool:
    word = found[0]
    low = word.lower()
    if not word[0].isupper() or len(word) < 2 or low in ENGLISH or is_unit(word) or is_unit(low) or _calendar(word):
        return False
    if word.isupper():
        return True
    if _OPENS.search(sentence, max(0, found.start() - 4), found.start()):
        follows = _WORD.match(sentence, found.end() + 1)
        return follows is not None and follows[0][0].isupper() and stem(low) not in PLAIN
    return stem(low) not in PLAIN


def _calendar(word: str) -> bool:
    found = figures(f"in {word} .")
    return bool(found.months or found.named or found.quantities)


def _known_name(word: str, low: str, whole: str) -> bool:
    plain = re.sub(r"['’]s?$", "", word).lower()
    parts = [plain, *([plain.split("-")[0]] if "-" in plain else [])]
    starts = "|".join(re.escape(part.rstrip("s") if len(part) > 4 else part) for part in parts)
    return stem(plain) in _known(whole) or bool(re.search(rf"(?<!\w)(?:{starts})(?:['’]?s|es)?(?!\w)", low))


def _abbreviated(sentence: str, whole: str) -> frozenset[str]:
    """Words of the sentence that stand for an abbreviation of the evidence, and abbreviations of its words."""
    runs = (run for run in _RUN.findall(sentence) if _initials(run) & _acronyms(whole))
    return frozenset(word.lower() for word in (*" ".join(runs).split(), *(_acronyms(sentence) & _all_initials(whole))))


def _initials(run: str) -> frozenset[str]:
    return frozenset({"".join(word[0] for word in run.split() if word[0].isupper())})


@lru_cache(maxsize=CACHED_TEXTS)
def _all_initials(text: str) -> frozenset[str]:
    return frozenset[str]().union(*map(_initials, _RUN.findall(text)))


@lru_cache(maxsize=CACHED_TEXTS)
def _acronyms(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\b[A-Z]{2,6}\b", text))


def invented(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """New words, where the rest of the sentence is copied. Among others they may be other words for the same."""
    known = frozenset[str]().union(*map(_known, passages))
    if _denied_by_only(sentence, passages):
        return None
    short = _abbreviated(sentence, "\n".join(passages))
    speaker = any(_FIRST_PERSON.search(passage) for passage in passages)
    new = [
        word
        for word in _telling(sentence)
        if word not in short and concept(word) not in known and not _familiar(stem(word), known, speaker)
    ]
    needed = min((_needed(word, sentence, known, COPIED.get(len(new), 0.0)) for word in new), default=None)
    if needed is None or _copied(sentence, new, known, passages) < needed:
        return None
    return Disagreement("invented", " ".join(new))


def _needed(word: str, sentence: str, known: frozenset[str], noun: float) -> float:
    """The part of the other words that must be copied for this one to be an addition: `noun` behind what opens a noun,
    at once or behind one more word that is not known; all of them elsewhere, if nothing is denied.
    """
    text, word = sentence.lower(), re.escape(word)
    if re.search(rf"\b(?:{_OPENERS}) {word}", text):
        return noun
    further = re.search(rf"\b(?:{_OPENERS}) ([\w-]+) {word}", text)
    if further and stem(further[1]) not in known:
        return noun
    return 1.0 if NOT.isdisjoint(text.split()) else math.inf


def _telling(sentence: str) -> list[str]:
    words = fold(_PURPOSE.sub("", sentence))
    return [
        word
        for word, after in zip(words, [*words[1:], ""], strict=True)
        if concept(word) and word[0].isalpha() and len(word) > 2 and after != "than" and not is_unit(word.rstrip("s"))
    ]


def _copied(sentence: str, new: Sequence[str], known: frozenset[str], passages: tuple[str, ...]) -> float:
    """The largest part of the other words that stand in one sentence of the evidence, in this order."""
    claimed = terms(sentence)
    others = len(claimed) - len(new) - sum(word in PLAIN and word not in known for word in claimed)
    evidence = (terms(text[span.start : span.end]) for text in passages for span in sentences(text))
    return max((_in_order(claimed, each) for each in evidence), default=0) / max(2, others)


def _in_order(one: Sequence[str], other: Sequence[str]) -> int:
    lengths = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, each in enumerate(other, 1):
            before, lengths[place] = (
                lengths[place],
                before + 1 if word == each else max(lengths[place - 1], lengths[place]),
            )
    return lengths[-1]


@lru_cache(maxsize=CACHED_TEXTS)
def _known(text: str) -> frozenset[str]:
    words = fold(text)
    return frozenset((*map(stem, words), *map(concept, words)))


def _familiar(word: str, known: frozenset[str], speaker: bool) -> bool:
    return word in PLAIN or (speaker and word in _SPEAKERS) or same_meaning(word, known)
