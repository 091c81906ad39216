"""Who did what to whom, and when: what a sentence says of one thing, and its evidence of another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from app.core.languages.sentences import sentences
from app.core.languages.stop_words import ENGLISH
from app.core.languages.words import stem
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, PLAIN, listed
from app.inference.domain.grounding.agreement.quantities import MONTH, month_of

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MONTH = re.compile(MONTH, re.IGNORECASE)
_PASSIVE = frozenset(listed("is are was were be been being"))
_EITHER_WAY = frozenset(
    map(stem, listed("meet met marry married border resemble equal join face correspond differ compare touch share"))
)
"""Verbs that say the same of both."""
_VERBS = frozenset(
    listed(
        """
    bought sold beat won lost led built took gave made wrote sent lent paid taught drew drove hid held kept told threw
    owns leads supplies supervises employs follows precedes buys sells replaces succeeds signs approves manages teaches
    """
    )
)
"""Those that do not end in "ed"; a noun is no verb, whichever way it ends."""
_DATED = re.compile(
    rf"\b([a-z]{{3,}}) (?:again |first |only )?(?:in|on|since) (?:early |late |mid-)?"
    rf"(?:\d{{1,2}}\.? )?(?:({MONTH})\b(?: (?:of )?\d{{1,2}}\b,?)?)? ?((?:1[5-9]|20)\d\d\b)?",
    re.IGNORECASE,
)
_SHARED = 2
"""How many further words both must have for a verb to tell of the same."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A verb between two named things, in the order of an active sentence. next_to: whether the first stands beside
    the verb."""

    verb: str
    subject: str
    object: str
    next_to: bool
    words: frozenset[str]


def roles(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """Two things in each other's place ("Tove replaced Sigrid"), or another one as who did it."""
    known = [told for passage in passages for told in _told(passage)]
    for mine in _told(sentence):
        same = [each for each in known if each.verb == mine.verb]
        if any(each.subject == mine.subject and mine.object in ("", each.object) for each in same):
            continue
        for each in same:
            turned = mine.object and (each.subject, each.object) == (mine.object, mine.subject)
            if turned or _another(mine, each):
                return Disagreement("name", f"{mine.subject} {mine.verb}", f"{each.subject} {each.verb}")
    return None


def _another(mine: _Told, other: _Told) -> bool:
    """Whether the evidence says all else of somebody whom the sentence does not name, and does not name its own."""
    if (
        not (mine.next_to and other.next_to)
        or mine.verb in PLAIN
        or mine.subject.lower() in other.words
        or other.subject in mine.subject
    ):
        return False
    rest = mine.words - {stem(mine.subject.lower()), mine.verb}
    return other.subject.lower() not in mine.words and len(rest) >= _SHARED and rest <= other.words


@lru_cache(maxsize=CACHED_TEXTS)
def _told(text: str) -> tuple[_Told, ...]:
    return tuple(told for span in sentences(text) for told in _of_sentence(text[span.start : span.end]))


def _of_sentence(text: str) -> Iterator[_Told]:
    words = _WORD.findall(text)
    named = [place for place, word in enumerate(words) if _is_thing(words, place, word)]
    stems = frozenset(stem(word.lower()) for word in words if word.lower() not in ENGLISH)
    for place, word in enumerate(words):
        if not (word in _VERBS or (word.endswith("ed") and word.islower())) or stem(word) in _EITHER_WAY:
            continue
        before, after = [each for each in named if each < place], [each for each in named if each > place]
        if not before:
            continue
        passive = words[place - 1] in _PASSIVE and "by" in words[place + 1 : place + 3]
        if words[place - 1] in _PASSIVE and not passive:
            continue
        first, second = words[before[-1]], words[after[0]] if after else ""
        subject, other = (second, first) if passive else (first, second)
        if subject:
            yield _Told(stem(word), subject, other, not passive and before[-1] == place - 1, stems)


def _is_thing(words: list[str], place: int, word: str) -> bool:
    """A name, or the number of a thing, as in "method 14-B"."""
    if word[0].isdigit():
        before = words[place - 1].lower() if place else ""
        return before.isalpha() and before not in ENGLISH and not _MONTH.fullmatch(before)
    return word[0].isupper() and word.lower() not in ENGLISH and stem(word.lower()) not in PLAIN


def moments(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """A date that the evidence has of something else: "reopened in March", where it closed in March."""
    known = [each for passage in passages for each in _dated(passage)]
    for verb, month, year in _dated(sentence):
        same = [(its, whose) for other, its, whose in known if other == verb]
        apart = [
            (its, whose)
            for its, whose in same
            if (month and its and month != its) or (year and whose and year != whose)
        ]
        if same and len(apart) == len(same):
            return Disagreement("date", f"{verb} {month or ''} {year or ''}".strip())
    return None


@lru_cache(maxsize=CACHED_TEXTS)
def _dated(text: str) -> tuple[tuple[str, int, str], ...]:
    """Each verb with the month and the year behind it; 0 and nothing where there is none."""
    found = ((stem(m[1].lower()), month_of(m[2]) if m[2] else 0, m[3] or "") for m in _DATED.finditer(text))
    return tuple((verb, month, year) for verb, month, year in found if (month or year) and verb not in PLAIN)
