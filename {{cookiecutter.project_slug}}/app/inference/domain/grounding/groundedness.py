import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from app.core.ownership import RiskTier
from app.inference.domain.grounding.agreement import disagreement
from app.inference.domain.grounding.citations import cited_numbers, without_citations
from app.inference.domain.grounding.extractive import Readable
from app.inference.domain.grounding.text import held, sentences, terms

_LATE = re.compile(r"(?:\[[0-9]{1,3}\]\s*)+")

SUPPORTED = 0.4
"""The part of a sentence's words that must stand in the passages it leans on."""
ENOUGH_SUPPORTED: Mapping[RiskTier, float] = {"low": 0.34, "medium": 0.5, "high": 1.0}
"""The part of an answer's sentences that must be supported, by the harm a wrong answer can do
(policies/ownership.yaml); below, the evidence is quoted instead."""


@dataclass(frozen=True, slots=True)
class Support:
    """Where a passage supports an answer: `passage` counts from 0, offsets from the passage's start."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GroundingResult:
    """supports: one for each passage that the answer leans on, in the order of the answer."""

    supports: tuple[Support, ...]
    sentences: int
    unsupported: int

    @property
    def share(self) -> float:
        """The part of the sentences that is supported."""
        return 1 - self.unsupported / self.sentences if self.sentences else 0.0

    def __add__(self, further: "GroundingResult") -> "GroundingResult":
        """Of two parts of an answer, one after the other."""
        known = {support.passage for support in self.supports}
        new = tuple(support for support in further.supports if support.passage not in known)
        return GroundingResult(
            self.supports + new, self.sentences + further.sentences, self.unsupported + further.unsupported
        )

    def enough(self, tier: RiskTier) -> bool:
        return bool(self.supports) and self.unsupported <= self.sentences * (1 - ENOUGH_SUPPORTED[tier])


NO_SENTENCES = GroundingResult((), 0, 0)


@runtime_checkable
class _Headed(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def headings(self) -> tuple[str, ...]: ...


def check_grounding(text: str, passages: Sequence[Readable]) -> GroundingResult:
    """Checks each sentence against the passages its markers name, or against all of them where it names
    none: enough of its words must stand there, and they must not say otherwise.
    """
    found: dict[int, Support] = {}
    claims = _claims(text)
    unsupported = 0
    for claim in claims:
        named = [n - 1 for n in claim.named if n <= len(passages)]
        leaned = _verbatim(claim, named, passages) or _agreeing(claim, named, passages)
        if not leaned and named:
            leaned = _agreeing(claim, [], passages)
        unsupported += not leaned
        for support in leaned:
            found.setdefault(support.passage, support)
    return GroundingResult(tuple(found.values()), len(claims), unsupported)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence without its markers, its words, and the passages it names."""

    text: str
    stems: frozenset[str]
    named: list[int]


def _claims(text: str) -> list[_Claim]:
    """The sentences that say something. A marker may stand before or after the full stop."""
    claims: list[_Claim] = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        late = _LATE.match(sentence)
        if late and claims:
            claims[-1].named.extend(cited_numbers(late.group()))
            sentence = sentence[late.end() :]
        plain = without_citations(sentence).strip()
        if stems := frozenset(terms(plain)):
            claims.append(_Claim(plain, stems, cited_numbers(sentence)))
    return claims


def _verbatim(claim: _Claim, named: list[int], passages: Sequence[Readable]) -> list[Support]:
    """A sentence that was copied needs no comparing of words."""
    places = ((n, passages[n].text.find(claim.text)) for n in named)
    return [Support(n, at, at + len(claim.text)) for n, at in places if at >= 0]


def _agreeing(claim: _Claim, named: list[int], passages: Sequence[Readable]) -> list[Support]:
    leaned = _lean(claim.stems, named, passages)
    return [] if leaned and disagreement(claim.text, [_in_context(passages[n.passage]) for n in leaned]) else leaned


def _in_context(passage: Readable) -> str:
    """With the title and the headings above it, which the model was shown too."""
    above = (passage.title, *passage.headings) if isinstance(passage, _Headed) else ()
    return "\n\n".join((*above, passage.text))


def _lean(stems: frozenset[str], named: list[int], passages: Sequence[Readable]) -> list[Support]:
    """The named passages when together they hold enough of the sentence, else the one passage that does best."""
    found = {n: held(passages[n].text, stems) for n in (named or range(len(passages)))}
    if not named:
        best = max(found, key=lambda n: len(found[n]), default=None)
        found = {} if best is None else {best: found[best]}
    if not found or len(frozenset[str]().union(*found.values())) < SUPPORTED * len(stems):
        return []
    return [_best(n, passages[n].text, words) for n, words in found.items() if words]


def _best(number: int, text: str, words: frozenset[str]) -> Support:
    """The sentence of the passage that holds most of the words."""
    best = max(sentences(text), key=lambda span: len(held(text[span.start : span.end], words)))
    return Support(number, best.start, best.end)
