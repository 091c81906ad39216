from collections.abc import Sequence
from dataclasses import dataclass

from app.inference.domain.extractive import Readable, ReadSentence, read
from app.inference.domain.markers import markers_in, without_markers
from app.inference.domain.text import STOP_WORDS, fold, sentences, stem

SUPPORTED = 0.4
"""The part of a sentence's words that must stand in the passages it leans on."""
ENOUGH_SUPPORTED = 0.5
"""The part of an answer's sentences that must be supported; below, the evidence is quoted instead."""


@dataclass(frozen=True, slots=True)
class Support:
    """Where a passage supports an answer: `passage` counts from 0, offsets from the passage's start."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grounding:
    """supports: one for each passage that the answer leans on, in the order of the answer."""

    supports: tuple[Support, ...]
    sentences: int
    unsupported: int

    @property
    def enough(self) -> bool:
        return bool(self.supports) and self.unsupported <= self.sentences * (1 - ENOUGH_SUPPORTED)


def ground(text: str, passages: Sequence[Readable]) -> Grounding:
    """Checks each sentence against the passages its markers name, or against all of them where it names
    none.
    """
    found: dict[int, Support] = {}
    claims = [c for s in sentences(text) if (c := _claim(text[s.start : s.end]))[0]]
    unsupported = 0
    for stems, named in claims:
        leaned = _lean(stems, [n - 1 for n in named if n <= len(passages)], passages)
        if not leaned and named:
            leaned = _lean(stems, [], passages)
        unsupported += not leaned
        for support in leaned:
            found.setdefault(support.passage, support)
    return Grounding(tuple(found.values()), len(claims), unsupported)


def _claim(sentence: str) -> tuple[frozenset[str], list[int]]:
    words = fold(without_markers(sentence))
    return frozenset(stem(w) for w in words if w not in STOP_WORDS), markers_in(sentence)


def _lean(stems: frozenset[str], named: list[int], passages: Sequence[Readable]) -> list[Support]:
    """The named passages when together they hold enough of the sentence, else the one passage that does
    best.
    """
    if named:
        held = [_held(stems, read(passages[n].text)) for n in named]
        if len(frozenset[str]().union(*held)) < SUPPORTED * len(stems):
            return []
        return [_best(stems, n, passages[n]) for n, words in zip(named, held, strict=True) if words]
    best = max(range(len(passages)), key=lambda n: len(_held(stems, read(passages[n].text))), default=None)
    if best is None or len(_held(stems, read(passages[best].text))) < SUPPORTED * len(stems):
        return []
    return [_best(stems, best, passages[best])]


def _held(stems: frozenset[str], passage: tuple[ReadSentence, ...]) -> frozenset[str]:
    return stems & frozenset[str]().union(*(s.stem_set for s in passage))


def _best(stems: frozenset[str], number: int, passage: Readable) -> Support:
    span = max(read(passage.text), key=lambda s: len(stems & s.stem_set)).span
    return Support(number, span.start, span.end)
