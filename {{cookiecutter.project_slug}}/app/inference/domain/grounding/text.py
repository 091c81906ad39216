import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import Stemmer


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
_STOP = re.compile(r"[.!?…]+[\"'”’)\]]*(?:\[\d+\])*(?=\s)|[。！？]")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")
FIRST_WORD = re.compile(r"[\"'“‘(\[]*([^\W_]+)")
_LINE = re.compile(r"[^\n]+")
STRUCTURE = re.compile(r"\s*(?:#{1,6}\s|[-*+•‣–]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s|\||>\s|```|={3,}|-{3,})")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+")
_SHORT_LINE = 48

_stem_word = Stemmer.Stemmer("english").stemWord

STOP_WORDS = _all_of(
    """
    a an the of in on at to for from by with as and or but if then than so is are was were be been being
    am do does did done doing has have had having it its it's this that these those there here he she
    they them him her his their theirs we us our you your i me my who whom whose which what when where
    why how can could may might must shall should will would not no nor also about into over under
    between during after before up down out off again such any some each other both more most very just
    only own same too s t
    """
)


@dataclass(frozen=True, slots=True)
class TextSpan:
    start: int
    end: int


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    return cast(str, _stem_word(word))


@lru_cache(maxsize=100_000)
def key_of(word: str) -> str:
    """The stem of a word as written; empty for a stop word."""
    plain = _bare(word.lower())
    return "" if plain in STOP_WORDS else stem(plain)


def stems_in(text: str, stems: frozenset[str]) -> frozenset[str]:
    """Those of the stems that occur in the text."""
    return stems.intersection(map(key_of, _WORD.findall(text)))


def terms(text: str) -> list[str]:
    """The stems of all words except stop words, in order, with repeats."""
    return [stem(w) for w in fold(text) if w not in STOP_WORDS]


def fold(text: str) -> list[str]:
    return [_bare(w) for w in _WORD.findall(text.lower())]


def _bare(word: str) -> str:
    cut = word.replace("’", "'")
    return cut[:-2] if cut.endswith("'s") else cut.replace(",", "") if cut[0].isdigit() else cut


def sentences(text: str) -> list[TextSpan]:
    """Cuts a text into sentences, headings, list items and table rows.

    Spans are character offsets into `text`, in order, without surrounding white space and without overlap.
    """
    return [span for block in _blocks(text) for span in _split(text, block)]


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
    last = text[text.rfind("\n", start, end) + 1 : end] if "\n" in text[start:end] else text[start:end]
    return is_wrapped(last, content)


def is_wrapped(line: str, following: str) -> bool:
    """Whether the sentence at the end of a line goes on in the text after it."""
    if line.lstrip().startswith(("#", "|")):
        return False
    return len(line) >= _SHORT_LINE or following.lstrip()[:1].islower() or line.rstrip().endswith((",", ";", "-"))


def _split(text: str, block: TextSpan) -> list[TextSpan]:
    spans: list[TextSpan] = []
    start = block.start
    for stop in _STOP.finditer(text, block.start, block.end):
        if _ends_sentence(text, start, stop, block.end):
            spans.append(_trim(text, start, stop.end()))
            start = stop.end()
    spans.append(_trim(text, start, block.end))
    return [s for s in spans if s.end > s.start]


def _ends_sentence(text: str, start: int, stop: re.Match[str], end: int) -> bool:
    following = text[stop.end() : min(end, stop.end() + 40)].lstrip()
    if not following:
        return True
    follower = FIRST_WORD.match(following)
    if following.lstrip("\"'“‘([")[:1].islower():
        return False
    if not stop.group().startswith("."):
        return True
    word = last_word(text, start, stop.start())
    return not is_abbreviation(word, follower.group(1) if follower else "")


def last_word(text: str, start: int, end: int) -> str:
    """The word before `end`, in lower case; empty where there is none."""
    found = _LAST_WORD.search(text, start, end)
    return found.group().lower() if found else ""


def is_abbreviation(word: str, follower: str) -> bool:
    """Whether the full stop after a word belongs to it and ends no sentence. follower: the word after it, if any."""
    if not word:
        return True
    if word in NEVER_LAST:
        return True
    if word in ABBREVIATIONS:
        return follower.lower() not in STOP_WORDS
    return len(word) == 1 and word.isalpha() and word != "i"


def _trim(text: str, start: int, end: int) -> TextSpan:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return TextSpan(start, end)
