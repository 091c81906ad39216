"""Cuts a document into chunks along its structure. Deterministic: same text and parameters, same chunks."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.core.languages.sentences import sentences
from app.core.languages.words import unspaced

CHUNKER_VERSION = "structure-2"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line of the parsed text. `start` is the character at which its line begins; level 1 is the top."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document: `text == document_text[start:end]`, offsets in characters."""

    ordinal: int
    text: str
    headings: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChunkerParams:
    """Sizes in words. A section of up to `whole` is one chunk, a longer one is cut into even parts of `target`."""

    target: int = 200
    whole: int = 320
    small: int = 40


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    body: int
    end: int
    path: tuple[str, ...]


_WORD = re.compile(r"\S+")
_NEWLINE = re.compile(r"\n")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_ROW = re.compile(r"\s*(\||[-*+•]\s|\d+[.)]\s|[^\s:][^:\n]{0,60}:\s)")
_OLD_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*")
_RULE_LINE = re.compile(r"[ \t]*(=+|-+)[ \t]*(?:\n|$)")
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)
# A word of English prose has about six characters; text without spaces is measured by its length instead.
_CHARACTERS_PER_WORD = 8
_TITLE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Rules:
    """What differs between versions. by_length: the size of a text in words, as its length tells it. sentences: spans
    of a text without gaps."""

    by_length: Callable[[str], int]
    sentences: Callable[[str, int, int], Iterator[Span]]

    def size(self, text: str) -> int:
        return max(_between_spaces(text), self.by_length(text))


def chunk(text: str, headings: Sequence[Heading], params: ChunkerParams, version: str = CHUNKER_VERSION) -> list[Chunk]:
    """Chunks in reading order; every character except white space and heading lines is in exactly one.

    version: one of CHUNKERS.
    """
    chunks: list[Chunk] = []
    rules = CHUNKERS[version]
    for section in _merged(text, _sections(text, headings), params, rules):
        for start, end in _parts(text, section.body, section.end, params, rules):
            chunks.append(Chunk(len(chunks), text[start:end], section.path, start, end))
    return chunks


def words(text: str) -> int:
    """The size of a text in words, also for text that has no spaces."""
    return max(_between_spaces(text), _by_length(text))


def _between_spaces(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def _by_length(text: str) -> int:
    letters, words_of_letters = unspaced(text)
    return (len(text) - letters) // _CHARACTERS_PER_WORD + words_of_letters


def _sections(text: str, headings: Sequence[Heading]) -> list[_Section]:
    ordered = sorted((h for h in headings if 0 <= h.start < len(text)), key=lambda h: h.start)
    sections = [_Section(0, 0, ordered[0].start if ordered else len(text), ())]
    above: list[Heading] = []
    for number, heading in enumerate(ordered):
        end = ordered[number + 1].start if number + 1 < len(ordered) else len(text)
        above = [h for h in above if h.level < heading.level]
        path = tuple(h.title[:_TITLE_LIMIT] for h in [*above, heading])
        above.append(heading)
        body = _after_heading(text, heading.start, end)
        leaf = number + 1 == len(ordered) or ordered[number + 1].level <= heading.level
        if leaf and not text[body:end].strip():
            # A heading without text would be missing in the index: it becomes its own text.
            body, path = heading.start, path[:-1]
        sections.append(_Section(heading.start, body, end, path))
    return [s for s in sections if text[s.body : s.end].strip()]


def _after_heading(text: str, start: int, end: int) -> int:
    newline = text.find("\n", start, end)
    if newline < 0:
        return end
    underline = _RULE_LINE.match(text, newline + 1, end)
    return underline.end() if underline else newline + 1


def _merged(text: str, sections: Iterable[_Section], params: ChunkerParams, rules: _Rules) -> Iterator[_Section]:
    """Merge neighbouring sections of one chapter while one of them is smaller than `params.small`."""
    pending: _Section | None = None
    pending_words = 0
    for section in sections:
        size = rules.size(text[section.start : section.end])
        if pending is None:
            pending, pending_words = section, size
            continue
        shared = _shared(pending.path, section.path)
        small = min(pending_words, size) < params.small
        if small and shared and pending_words + size <= params.target:
            body = pending.start if pending.path != shared else pending.body
            pending = _Section(pending.start, body, section.end, shared)
            pending_words += size
            continue
        yield pending
        pending, pending_words = section, size
    if pending is not None:
        yield pending


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]


def _parts(text: str, start: int, end: int, params: ChunkerParams, rules: _Rules) -> Iterator[Span]:
    total = rules.size(text[start:end])
    if total <= params.whole:
        yield from _trimmed(text, start, end)
        return
    begin, filled, left = start, 0, total
    for unit_start, unit_end in _units(text, start, end, params.target, rules):
        size = rules.size(text[unit_start:unit_end])
        share = left / max(1, round(left / params.target))
        # Cut where the running total passes an even share of what is left, on the side that lands nearer to it.
        if filled and (filled + size > params.whole or filled + size / 2 > share):
            yield from _trimmed(text, begin, unit_start)
            begin, filled, left = unit_start, 0, left - filled
        filled += size
    yield from _trimmed(text, begin, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def _units(text: str, start: int, end: int, cap: int, rules: _Rules) -> Iterator[Span]:
    """Spans of at most about `cap` words without gaps: paragraphs, or else rows, sentences or words."""
    for paragraph in _paragraphs(text, start, end):
        if rules.size(text[paragraph[0] : paragraph[1]]) <= cap:
            yield paragraph
            continue
        split = _lines if _has_rows(text, *paragraph) else rules.sentences
        for piece in split(text, *paragraph):
            if rules.size(text[piece[0] : piece[1]]) <= cap:
                yield piece
            else:
                yield from _word_runs(text, *piece, cap, rules)


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    fences = [m.start() for m in _FENCE.finditer(text, start, end)]

    def inside_fence(position: int) -> bool:
        return bisect_right(fences, position) % 2 == 1

    cuts = [m.end() for m in _BLANK.finditer(text, start, end) if not inside_fence(m.start())]
    yield from _between(start, cuts, end)


def _has_rows(text: str, start: int, end: int) -> bool:
    lines = [line for line in text[start:end].splitlines() if line.strip()]
    fenced = _FENCE.match(text, start, end) is not None
    return fenced or (len(lines) > 1 and 2 * sum(1 for line in lines if _ROW.match(line)) >= len(lines))


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    yield from _between(start, [m.end() for m in _NEWLINE.finditer(text, start, end)], end)


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    yield from _between(start, [start + span.start for span in sentences(text[start:end])][1:], end)


def _old_sentences(text: str, start: int, end: int) -> Iterator[Span]:
    yield from _between(start, [m.end() for m in _OLD_SENTENCE_END.finditer(text, start, end)], end)


def _word_runs(text: str, start: int, end: int, cap: int, rules: _Rules) -> Iterator[Span]:
    longest = cap * min(_CHARACTERS_PER_WORD, max(1, (end - start) // max(1, rules.by_length(text[start:end]))))
    begin, count = start, 0
    for word in _WORD.finditer(text, start, end):
        if count == cap or word.end() - begin > longest:
            if word.start() > begin:
                yield begin, word.start()
            begin, count = word.start(), 0
        while word.end() - begin > longest:
            yield begin, begin + longest
            begin += longest
        count += 1
    if begin < end:
        yield begin, end


def _between(start: int, cuts: Sequence[int], end: int) -> Iterator[Span]:
    for a, b in pairwise([start, *cuts, end]):
        if b > a:
            yield a, b


CHUNKERS: Mapping[str, _Rules] = {
    "structure-1": _Rules(lambda text: len(text) // _CHARACTERS_PER_WORD, _old_sentences),
    CHUNKER_VERSION: _Rules(_by_length, _sentences),
}
"""The versions whose indexes this code can keep up to date."""
