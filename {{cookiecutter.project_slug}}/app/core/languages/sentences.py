"""Cuts a text into sentences: lines and their structure by rules of our own, abbreviations by a library that knows them
in most languages."""

import re
from dataclasses import dataclass
from functools import lru_cache

import sentencex

from app.core.languages.identification import UNKNOWN, language_of
from app.core.languages.stop_words import ENGLISH


def _all_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


ABBREVIATIONS = _all_of(
    """
    mr mrs ms dr prof rev hon st sr jr gen col maj capt lt sgt cmdr adm gov sen rep pres supt insp vs etc
    al cf viz ca fig figs eq eqs no nos vol vols ch chap sec art arts pp ed eds trans approx est dept
    univ assn inc ltd co corp bros mt ft ave blvd rd op cit ibid e.g i.e a.m p.m u.s u.k u.n e.u ph.d b.c
    a.d jan feb mar apr jun jul aug sep sept oct nov dec lit gr lat fr ger
    """
)
NEVER_LAST = _all_of(
    """
    mr mrs ms dr prof rev hon st gen col capt lt sgt gov sen vs cf viz e.g i.e fig eq no vol pp
    """
)
CLOSERS = "\"'”’»)\\]」』）】"
FULL_STOP = rf"(?<![.!?…])[.!?…]+[{CLOSERS}]*(?:\[\d+\])*(?=\s)|[。！？｡؟۔।॥။។]+[{CLOSERS}]*"
"""What may end a sentence; the second kind needs no space after it."""
THAI_SPACE = "(?<=[\u0e01-\u0e4e]{2}) (?=[\u0e01-\u0e4e])"
"""Thai has no full stop: a space ends a sentence, unless that is too short to be one or goes on with a conjunction."""
_THAI_CONJUNCTIONS = ("และ", "หรือ", "แต่", "ที่", "ซึ่ง", "โดย", "เพราะ", "เพื่อ", "ของ", "จึง")
LONGEST_THAI_CONJUNCTION = max(map(len, _THAI_CONJUNCTIONS))
_SHORTEST_THAI_SENTENCE = 20
_STOP = re.compile(f"{FULL_STOP}|{THAI_SPACE}")
_BEFORE_WORD = "([\"'“‘"
FIRST_WORD = re.compile(r"[\"'“‘(\[]*([^\W_]+)")
_LINE = re.compile(r"[^\n]+")
STRUCTURE = re.compile(r"\s*(?:#{1,6}\s|[-*+•‣–]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s|\||>\s|```|={3,}|-{3,})")
_SHORT_LINE = 48
_OWN_RULES = ("en", UNKNOWN)


@dataclass(frozen=True, slots=True)
class TextSpan:
    start: int
    end: int


def sentences(text: str) -> list[TextSpan]:
    """Cuts a text into sentences, headings, list items and table rows.

    Spans are character offsets into `text`, in order, without surrounding white space and without overlap.
    """
    language = language_of(text)
    return [span for block in _blocks(text) for span in _split(text, block, language)]


def _blocks(text: str) -> list[TextSpan]:
    blocks: list[TextSpan] = []
    start, end, open_block = 0, 0, False
    for line in _LINE.finditer(text):
        content = line.group()
        if not content.strip():
            if open_block:
                blocks.append(TextSpan(start, end))
            open_block = False
            continue
        if open_block and _continues(text, start, end, line.start(), content):
            end = line.end()
            continue
        if open_block:
            blocks.append(TextSpan(start, end))
        start, end, open_block = line.start(), line.end(), True
    if open_block:
        blocks.append(TextSpan(start, end))
    return blocks


def _continues(text: str, start: int, end: int, line_start: int, content: str) -> bool:
    """Whether a line continues the sentence before it: a wrapped line does; a new item, row or heading does not."""
    if text.count("\n", end, line_start) > 1 or STRUCTURE.match(content):
        return False
    return is_wrapped(text[max(start, text.rfind("\n", start, end) + 1) : end], content)


def is_wrapped(line: str, following: str) -> bool:
    """Whether the sentence at the end of a line goes on in the text after it."""
    if line.lstrip().startswith(("#", "|")):
        return False
    return len(line) >= _SHORT_LINE or following.lstrip()[:1].islower() or line.rstrip().endswith((",", ";", "-"))


def _split(text: str, block: TextSpan, language: str) -> list[TextSpan]:
    spans: list[TextSpan] = []
    start = block.start
    for stop in _STOP.finditer(text, block.start, block.end):
        if _ends_sentence(text, start, stop, block.end, language):
            spans.append(_trim(text, start, stop.end()))
            start = stop.end()
    spans.append(_trim(text, start, block.end))
    return [s for s in spans if s.end > s.start]


def _ends_sentence(text: str, start: int, stop: re.Match[str], end: int, language: str) -> bool:
    following = text[stop.end() : min(end, stop.end() + 40)].lstrip()
    if stop[0] == " ":
        return is_thai_sentence(text, start, stop.start(), following)
    if not following:
        return True
    follower = FIRST_WORD.match(following)
    if following.lstrip("\"'“‘([")[:1].islower():
        return False
    if not stop.group().startswith("."):
        return True
    word = last_word(text, start, stop.start())
    return not is_abbreviation(word, follower.group(1) if follower else "", language)


def is_thai_sentence(text: str, start: int, end: int, following: str) -> bool:
    """Whether a space in Thai, at `end`, ends a sentence. following: at least the next few letters."""
    span = _trim(text, start, end)
    return span.end - span.start >= _SHORTEST_THAI_SENTENCE and not following.startswith(_THAI_CONJUNCTIONS)


def last_word(text: str, start: int, end: int) -> str:
    """The word before `end`; empty where there is none."""
    end -= text.endswith("\n", start, end)
    at = end
    while at > start and not text[at - 1].isspace() and text[at - 1] not in _BEFORE_WORD:
        at -= 1
    return text[at:end]


def needs_follower(word: str, language: str) -> bool:
    """Whether it takes the word after a full stop to tell whether the one before it is an abbreviation."""
    if language in _OWN_RULES:
        return word.lower() in ABBREVIATIONS and word.lower() not in NEVER_LAST
    return word[-1:].isdigit()


def is_abbreviation(word: str, follower: str, language: str) -> bool:
    """Whether the full stop after a word belongs to it and ends no sentence. follower: the word after it, if any."""
    if not word:
        return True
    if language not in _OWN_RULES:
        is_initial = len(word) == 1 and word.isupper()
        return is_initial or _joined(word, follower if word[-1].isdigit() else "A", language)
    word = word.lower()
    if word in NEVER_LAST:
        return True
    if word in ABBREVIATIONS:
        return follower.lower() not in ENGLISH
    return len(word) == 1 and word.isalpha() and word != "i"


@lru_cache(maxsize=10_000)
def _joined(word: str, follower: str, language: str) -> bool:
    return len(sentencex.segment(language, f"{word}. {follower}")) == 1


def _trim(text: str, start: int, end: int) -> TextSpan:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return TextSpan(start, end)
