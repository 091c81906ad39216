"""Cuts a document into chunks along its structure. Deterministic: same text and parameters, same chunks."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

CHUNKER_VERSION = "structure-1"

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
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*")
_RULE_LINE = re.compile(r"[ \t]*(=+|-+)[ \t]*(?:\n|$)")
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)
# A word of English prose has about six characters; text without spaces is measured by its length instead.
_CHARACTERS_PER_WORD = 8
_TITLE_LIMIT = 200


def chunk(text: str, headings: Sequence[Heading], params: ChunkerParams) -> list[Chunk]:
    """Chunks in reading order; every character except white space and heading lines is in exactly one."""
    chunks: list[Chunk] = []
    for section in _merged(text, _sections(text, headings), params):
        for start, end in _parts(text, section.body, section.end, params):
            chunks.append(Chunk(len(chunks), text[start:end], section.path, start, end))
    return chunks


def words(text: str) -> int:
    """The size of a text in words, also for text that has no spaces."""
    return max(sum(1 for _ in _WORD.finditer(text)), len(text) // _CHARACTERS_PER_WORD)


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


def _merged(text: str, sections: Iterable[_Section], params: ChunkerParams) -> Iterator[_Section]:
    """Merge neighbouring sections of one chapter while one of them is smaller than `params.small`."""
    pending: _Section | None = None
    pending_words = 0
    for section in sections:
        size = words(text[section.start : section.end])
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


def _parts(text: str, start: int, end: int, params: ChunkerParams) -> Iterator[Span]:
    total = words(text[start:end])
    if total <= params.whole:
        yield from _trimmed(text, start, end)
        return
    begin, filled, left = start, 0, total
    for unit_start, unit_end in _units(text, start, end, params.target):
        size = words(text[unit_start:unit_end])
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


def _units(text: str, start: int, end: int, cap: int) -> Iterator[Span]:
    """Spans of at most about `cap` words without gaps: paragraphs, or else rows, sentences or words."""
    for paragraph in _paragraphs(text, start, end):
        if words(text[paragraph[0] : paragraph[1]]) <= cap:
            yield paragraph
            continue
        for piece in _lines(text, *paragraph) if _has_rows(text, *paragraph) else _sentences(text, *paragraph):
            if words(text[piece[0] : piece[1]]) <= cap:
                yield piece
            else:
                yield from _word_runs(text, *piece, cap)


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
    yield from _between(start, [m.end() for m in _SENTENCE_END.finditer(text, start, end)], end)


def _word_runs(text: str, start: int, end: int, cap: int) -> Iterator[Span]:
    longest = cap * _CHARACTERS_PER_WORD
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
