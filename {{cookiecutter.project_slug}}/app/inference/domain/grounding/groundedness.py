import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Protocol, runtime_checkable

from app.core.languages.identification import language_of
from app.core.languages.sentences import sentences
from app.core.languages.words import terms
from app.core.ownership import RiskTier
from app.inference.domain.grounding.agreement import disagreement
from app.inference.domain.grounding.agreement.plain_words import FIGURES, PLAIN, same_meaning
from app.inference.domain.grounding.agreement.quantities import equal, figures, is_unit
from app.inference.domain.grounding.citations import cited_numbers, without_citations
from app.inference.domain.grounding.extractive import Readable

_LATE = re.compile(r"(?:\[[0-9]{1,3}\]\s*)+")
_CONTRACTED = re.compile(r"\w['’](?:t|s|re|ve|ll|d|m)\Z")
"""Verbs without meaning of their own: whether they deny is compared elsewhere."""

SUPPORTED = 0.4
"""The share of a sentence's words that must be in the passages that support it."""
SUPPORTED_WITH_FIGURES = 0.2
"""The same where its figures stand there too."""
_ROUNDING = 1e-9
_PLAIN_WORD = 1 / 3
"""What a word counts that a paraphrase may add."""
ENOUGH_SUPPORTED: Mapping[RiskTier, float] = {"low": 0.34, "medium": 0.5, "high": 1.0}
"""The share of an answer's sentences that must be supported, by risk tier (policies/ownership.yaml); below it, the
evidence is quoted instead."""


@dataclass(frozen=True, slots=True)
class Support:
    """Where a passage supports an answer: `passage` counts from 0, offsets from the passage's start."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GroundingResult:
    """supports: one for each passage that supports the answer, in the order of the answer."""

    supports: tuple[Support, ...]
    sentences: int
    unsupported: int

    @property
    def share(self) -> float:
        """The share of supported sentences."""
        return 1 - self.unsupported / self.sentences if self.sentences else 0.0

    def __add__(self, further: "GroundingResult") -> "GroundingResult":
        """The result for two consecutive parts of an answer."""
        cited = {support.passage for support in self.supports}
        new = tuple(support for support in further.supports if support.passage not in cited)
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
    """Checks each sentence against the passages that it cites, or against all of them where it cites none: they must
    contain enough of its words, and must not disagree with it.
    """
    by_passage: dict[int, Support] = {}
    claims = _claims(text, language_of(text))
    unsupported = 0
    for claim in claims:
        named = [n - 1 for n in claim.named if n <= len(passages)]
        supports = _verbatim(claim, named, passages) or _agreeing(claim, named, passages)
        if not supports and named:
            supports = _agreeing(claim, [], passages)
        unsupported += not supports
        for support in supports:
            by_passage.setdefault(support.passage, support)
    return GroundingResult(tuple(by_passage.values()), len(claims), unsupported)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence without its markers, its word stems, and the passages that it cites."""

    text: str
    stems: frozenset[str]
    named: list[int]
    language: str


def _claims(text: str, language: str) -> list[_Claim]:
    """The sentences with content words. A marker may be before or after the full stop."""
    claims: list[_Claim] = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        late = _LATE.match(sentence)
        if late and claims:
            claims[-1].named.extend(cited_numbers(late.group()))
            sentence = sentence[late.end() :]
        plain = without_citations(sentence).strip()
        if stems := frozenset(each for each in terms(plain, language) if not _CONTRACTED.search(each)):
            claims.append(_Claim(plain, stems, cited_numbers(sentence), language))
    return claims


def _verbatim(claim: _Claim, named: list[int], passages: Sequence[Readable]) -> list[Support]:
    """The passages that contain the sentence verbatim."""
    places = ((n, passages[n].text.find(claim.text)) for n in named)
    return [Support(n, at, at + len(claim.text)) for n, at in places if at >= 0]


def _agreeing(claim: _Claim, named: list[int], passages: Sequence[Readable]) -> list[Support]:
    supports = _overlapping(claim, named, passages)
    evidence = [_in_context(passages[each.passage]) for each in supports]
    return [] if supports and disagreement(claim.text, evidence) else supports


def _in_context(passage: Readable) -> str:
    """With its title and headings, which the prompt contains too."""
    above = (passage.title, *passage.headings) if isinstance(passage, _Headed) else ()
    return "\n\n".join((*above, passage.text))


def _overlapping(claim: _Claim, named: list[int], passages: Sequence[Readable]) -> list[Support]:
    """The cited passages if together they cover enough of the sentence; without citations the best single passage."""
    stems, language = claim.stems, claim.language
    overlap = {n: _shared(stems, passages[n].text, language) for n in (named or range(len(passages)))}
    if not named:
        best = max(overlap, key=lambda n: len(overlap[n]), default=None)
        overlap = {} if best is None else {best: overlap[best]}
    covered = _share(stems, frozenset[str]().union(*overlap.values())) if overlap else 0.0
    if covered < SUPPORTED and not any(_same_figures(claim, covered, passages[n].text) for n in overlap):
        return []
    return [_best(n, passages[n].text, words, language) for n, words in overlap.items() if words or len(overlap) == 1]


def _same_figures(claim: _Claim, covered: float, text: str) -> bool:
    """Whether it says figures that all stand in the passage, in any form, and enough of its words do; none need to
    where a paraphrase may add them all."""
    plain = all(each in PLAIN or each in FIGURES or each[0].isdigit() for each in claim.stems)
    if covered < SUPPORTED_WITH_FIGURES and not plain:
        return False
    said, known = figures(claim.text), figures(text)
    times, known_times = ({time % 720 for time, _ in each.times} for each in (said, known))
    few = covered < SUPPORTED_WITH_FIGURES
    quantities = [each for each in said.quantities if each.firm and (each.dimension or not few)]
    if not (times or said.months or quantities):
        return False
    stands = all(any(equal(each, other) for other in known.quantities) for each in quantities)
    return stands and times <= known_times and {*said.days, *said.months} <= {*known.days, *known.months}


def shared_words(stems: frozenset[str], text: str) -> float:
    """The share of a sentence's words that stand in the text, in any form or as a synonym. Figures and dates do not
    count beside others: they are compared by their values."""
    return _share(stems, _shared(stems, text))


def _shared(stems: frozenset[str], text: str, language: str = "en") -> frozenset[str]:
    known = frozenset(terms(text, language))
    return frozenset(each for each in stems if same_meaning(each, known))


def _share(stems: frozenset[str], shared: frozenset[str]) -> float:
    figures = {each for each in stems if each[0].isdigit() or each in FIGURES or len(each) == 1 or is_unit(each)}
    words = stems - figures
    if figures & shared and words <= PLAIN:
        return 1.0
    weights = {each: _PLAIN_WORD if each in PLAIN else 1.0 for each in words or stems}
    return fsum(weight for each, weight in weights.items() if each in shared) / fsum(weights.values()) + _ROUNDING


def _best(number: int, text: str, words: frozenset[str], language: str) -> Support:
    """The sentence of the passage that contains most of the words."""
    best = max(sentences(text), key=lambda span: len(_shared(words, text[span.start : span.end], language)))
    return Support(number, best.start, best.end)
