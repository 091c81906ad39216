"""Figures that evidence gives in another way: by counting what it lists, as a part of another figure, by the rest."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations, pairwise, permutations

from app.core.languages.sentences import sentences
from app.inference.domain.grounding.agreement.alignment import read
from app.inference.domain.grounding.agreement.clauses import clauses
from app.inference.domain.grounding.agreement.opposites import opposed
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS
from app.inference.domain.grounding.agreement.quantities import MONTHS, SECONDS, Quantity, figures, same_value

_CENTURY = re.compile(r"\s*century\b", re.IGNORECASE)
_ITEMS = re.compile(r"\s+[\w'-]+(?: [\w'-]+)?[,:]\s+((?:[^,;.:]+,\s+)*[^,;.:]+ and [^,;.:]+)")
_JOIN = re.compile(r",\s+(?:and\s+)?|\s+and\s+")
_TOTAL = re.compile(r"\b(?:total\w*|altogether|together|sum|combined)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
_OTHERS = re.compile(r"\s+(?:others?|further|more)\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"\b(?:about|around|roughly|approximately|some|nearly|almost|just (?:over|under)|close to) \Z", re.I
)
_OVER = re.compile(r"\b(?:more than|over|above|well over) \Z", re.IGNORECASE)
_UNDER = re.compile(r"\b(?:less than|fewer than|under|below) \Z", re.IGNORECASE)
_REST = re.compile(
    r"\b(?:rest|remain\w*|remainder|others?|still|left|lost|loses?|keeps?|saves?|saved)\b", re.IGNORECASE
)
_YEARS = re.compile(r"\b((?:1[5-9]|20)\d\d)(?:\s?[-–]\s?|\s+(?:to|and|until|till)\s+)((?:1[5-9]|20)\d\d)\b")
_LEAST_SUM = 10
"""Of numbers of things; a smaller one is the sum of too many others."""
_NEAR, _WITHIN = 0.06, 0.35
"""How far "about", and "more than" or "less than", may be from the figure of the evidence."""
_DAY = 86_400
_MONTH = 30.44 * _DAY


def derived(claimed: Quantity, sentence: str, passages: Sequence[str], in_passages: Sequence[Quantity]) -> bool:
    """Whether the evidence gives the figure in another way."""
    return (
        _itemised(claimed, sentence)
        or _counted(claimed, sentence, passages)
        or _part_of(claimed, passages)
        or _the_rest(claimed, sentence, passages)
        or _others(claimed, sentence, in_passages)
        or any(_reckoned(claimed, sentence, each) for each in map(_told_together, passages))
        or any(_share_of(claimed, each) for each in map(_told_together, passages))
        or any(_same_years(claimed, each) for each in map(_years, passages))
        or any(_same_duration(claimed, sentence, each) for each in map(_durations, passages))
        or _century(claimed, sentence, in_passages)
        or any(_roughly(claimed, sentence, each) for each in _exact(passages))
    )


def rate_of_a_list(claimed: Quantity, counts: Iterable[Quantity], passages: Sequence[str]) -> bool:
    """Whether "a year" says how often, as in "twice a year" of what is in April and October."""
    unit = claimed.words.rsplit(" ", maxsplit=1)[-1].lower()
    wholes = {each.value for each in counts if each.start < claimed.start and each.dimension in ("", "times")}
    return any(wholes & listed.get(unit, frozenset()) for listed in map(_lists, passages))


def _itemised(claimed: Quantity, sentence: str) -> bool:
    """Two places, here and there: the sentence itself counts what it names."""
    found = _ITEMS.match(sentence, claimed.start + len(claimed.words))
    return found is not None and len(_JOIN.split(found[1])) == claimed.value


def _counted(claimed: Quantity, sentence: str, passages: Sequence[str]) -> bool:
    """Three evenings, where a sentence about the same lists three days."""
    if claimed.dimension not in ("", "times") or claimed.value < 2:
        return False
    said = frozenset[str]().union(*(each.stems for each in clauses(sentence)))
    listing = (text[span.start : span.end] for text in passages for span in sentences(text))
    return any(
        any(claimed.value in counts for counts in _lists(each).values())
        and any(said & clause.around for clause in clauses(each))
        for each in listing
    )


@lru_cache(maxsize=CACHED_TEXTS)
def _lists(text: str) -> dict[str, frozenset[float]]:
    """How many months, days of the week and times a sentence lists, by what they are parts of."""
    found: dict[str, set[float]] = {"year": set(), "week": set(), "day": set()}
    for span in sentences(text):
        read = figures(text[span.start : span.end])
        for unit, listed in (("year", read.months), ("week", read.named), ("day", read.times)):
            if len(set(listed)) > 1:
                found[unit].add(float(len(set(listed))))
    return {unit: frozenset(counts) for unit, counts in found.items()}


def _part_of(claimed: Quantity, passages: Sequence[str]) -> bool:
    """Half of the fee, where both are given in one sentence."""
    if claimed.dimension or not 0 < claimed.value < 1:
        return False
    spans = ((text, span) for text in passages for span in sentences(text))
    read = (figures(text[span.start : span.end]).quantities for text, span in spans)
    return any(
        one.dimension == other.dimension and other.size and same_value(one.size / other.size, claimed.value)
        for quantities in read
        for one, other in permutations(quantities, 2)
    )


def _the_rest(claimed: Quantity, sentence: str, passages: Sequence[str]) -> bool:
    """Two thirds, where a third is named and the rest, but not of what the third is said of."""
    share = _share(claimed)
    if share is None or not (any(map(_REST.search, (sentence, *passages))) or _opposed(sentence, passages)):
        return False
    own = [each.stems for each in clauses(sentence) if any(claimed.start == its.quantity.start for its in each.limits)]
    return any(
        (other := _share(limit.quantity)) is not None
        and same_value(share, 1 - other)
        and not any(stems and stems <= clause.stems for stems in own)
        for clause in read(tuple(passages))[0]
        for limit in clause.limits
    )


def _others(claimed: Quantity, sentence: str, in_passages: Sequence[Quantity]) -> bool:
    """Seven others, where with the one that is named there are eight."""
    if claimed.dimension or not _OTHERS.match(sentence, claimed.start + len(claimed.words)):
        return False
    return any(not each.dimension and each.value == claimed.value + 1 for each in in_passages)


def _opposed(sentence: str, passages: Sequence[str]) -> bool:
    """Nine of ten succeed: one of ten fails."""
    said = frozenset(_WORD.findall(sentence.lower()))
    return any(opposed(said, frozenset(_WORD.findall(passage.lower()))) for passage in passages)


def _reckoned(claimed: Quantity, sentence: str, together: Sequence[Sequence[Quantity]]) -> bool:
    """What remains, or the sum, of two amounts that are told together."""
    if not claimed.dimension and claimed.value < _LEAST_SUM:
        return False
    for told in together:
        same = [each.size for each in told if each.dimension == claimed.dimension and each.firm]
        if _REST.search(sentence) and any(same_value(a - b, claimed.size) for a, b in permutations(same, 2)):
            return True
        if _TOTAL.search(sentence) and any(same_value(a + b, claimed.size) for a, b in combinations(same, 2)):
            return True
    return False


def _share_of(claimed: Quantity, together: Sequence[Sequence[Quantity]]) -> bool:
    """206 patients, where half of 412 is named; of a measure only by percent."""
    return claimed.firm and any(
        (share := _share(part)) is not None
        and 0 < share < 1
        and same_value(share * whole.size, claimed.size)
        and (not claimed.dimension or part.dimension == "percent")
        for told in together
        for part, whole in permutations(told, 2)
        if whole.dimension == claimed.dimension and whole.value > 1
    )


@lru_cache(maxsize=CACHED_TEXTS)
def _told_together(text: str) -> tuple[tuple[Quantity, ...], ...]:
    """The quantities of each sentence with those of the next one."""
    read = [figures(text[span.start : span.end]).quantities for span in sentences(text)]
    return tuple(one + other for one, other in pairwise([*read, ()]))


@lru_cache(maxsize=CACHED_TEXTS)
def _years(text: str) -> frozenset[int]:
    """How many years it is from one year to another."""
    return frozenset(int(end) - int(start) for start, end in _YEARS.findall(text) if end > start)


def _same_years(claimed: Quantity, known: frozenset[int]) -> bool:
    return claimed.dimension == MONTHS and claimed.firm and any(same_value(12 * each, claimed.size) for each in known)


@lru_cache(maxsize=CACHED_TEXTS)
def _durations(text: str) -> tuple[tuple[frozenset[int], frozenset[str]], ...]:
    """In seconds, with what the sentence speaks of: between its times, and of a range of days in one month with and
    without its last."""
    return tuple(_lasting(text[span.start : span.end]) for span in sentences(text))


def _lasting(sentence: str) -> tuple[frozenset[int], frozenset[str]]:
    read = figures(sentence)
    found = {(end - start) * 60 for (start, _), (end, _) in pairwise(read.times) if end > start}
    for (start, month), (end, same) in pairwise(read.days):
        if month == same and end > start:
            found |= {(end - start) * _DAY, (end - start + 1) * _DAY}
    return frozenset(found), _around(sentence)


def _around(sentence: str) -> frozenset[str]:
    return frozenset[str]().union(*(each.around for each in clauses(sentence)))


def _same_duration(claimed: Quantity, sentence: str, known: Sequence[tuple[frozenset[int], frozenset[str]]]) -> bool:
    """Of a sentence that speaks of something the claim speaks of too, or of nothing by name."""
    if claimed.dimension != SECONDS or not claimed.firm:
        return False
    said = _around(sentence)
    return any(
        (not about or about & said) and any(same_value(each, claimed.size) for each in found) for found, about in known
    )


def _share(quantity: Quantity) -> float | None:
    value = quantity.value / 100 if quantity.dimension == "percent" else quantity.value
    return value if 0 < value < 1 and quantity.dimension in ("", "percent") else None


def _century(claimed: Quantity, sentence: str, in_passages: Sequence[Quantity]) -> bool:
    if not _CENTURY.match(sentence, claimed.start + len(claimed.words)):
        return False
    return any(not each.dimension and (each.value - 1) // 100 + 1 == claimed.value for each in in_passages)


def _exact(passages: Sequence[str]) -> list[Quantity]:
    """Those that are no limits: only of them "more than" a smaller one is true."""
    known = read(tuple(passages))[0]
    return [limit.quantity for clause in known for limit in clause.limits if not limit.side]


def _roughly(claimed: Quantity, sentence: str, known: Quantity) -> bool:
    size, other = _comparable(claimed), _comparable(known)
    if size is None or other is None or size[0] != other[0] or not size[1] or (known.bare and not known.dimension):
        return False
    ratio = other[1] / size[1]
    before = sentence[: claimed.start]
    if _OVER.search(before):
        return 1 < ratio <= 1 + _WITHIN
    if _UNDER.search(before):
        return 1 - _WITHIN <= ratio < 1
    rounded = _digits(claimed.value) < _digits(known.value)
    return rounded and bool(_ABOUT.search(before)) and abs(ratio - 1) <= _NEAR


def _digits(value: float) -> int:
    return len(f"{value:.10g}".replace(".", "").strip("0"))


def _comparable(quantity: Quantity) -> tuple[str, float] | None:
    """By what, and how much: months in seconds. None where it names no unit and is no count."""
    if quantity.dimension in (SECONDS, MONTHS):
        return SECONDS, quantity.size * (_MONTH if quantity.dimension == MONTHS else 1)
    return quantity.dimension, quantity.size
