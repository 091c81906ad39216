"""Numbers, quantities and dates of a sentence that its evidence does not hold."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from app.inference.domain.grounding.agreement.alignment import aligned, read
from app.inference.domain.grounding.agreement.clauses import Clause, clauses
from app.inference.domain.grounding.agreement.derived import derived, rate_of_a_list
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.negations import NOT
from app.inference.domain.grounding.agreement.quantities import (
    MONTH,
    MONTHS,
    SECONDS,
    Figures,
    Quantity,
    equal,
    figures,
    month_of,
    same_value,
)

_EDGE = re.compile(rf"\b(end|beginning|start) of ({MONTH})\b", re.IGNORECASE)
_SLASHED = re.compile(r"\b\d\d?/\d\d?/\d{4}\b")
"""Day and month, in either order."""
_MONTHS_ON = re.compile(rf"\bfrom (?:\d+ )?({MONTH}) (?:to|until|till|through) (?:\d+ )?({MONTH})\b", re.IGNORECASE)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_ON = re.compile(rf"\b({'|'.join(_WEEK)})s? (?:to|until|till|through) ({'|'.join(_WEEK)})s?\b")
_LAST = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEASONS = ("", *("winter",) * 2, *("spring",) * 3, *("summer",) * 3, *("autumn",) * 3, "winter")


def numbers(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    in_passages = [quantity for passage in passages for quantity in figures(passage).quantities]
    claimed = figures(sentence).quantities
    for same in _readings(claimed):
        if any(_stands(each, in_passages) or derived(each, sentence, passages, in_passages) for each in same):
            continue
        if same[0].firm or not rate_of_a_list(same[0], claimed, passages):
            return _number(same[0], in_passages)
    return next(filter(None, (_in_place(claim, sentence, passages) for claim in clauses(sentence))), None)


def _readings(quantities: Iterable[Quantity]) -> list[list[Quantity]]:
    """Those of one place together."""
    by_place: dict[int, list[Quantity]] = {}
    for quantity in quantities:
        by_place.setdefault(quantity.start, []).append(quantity)
    return list(by_place.values())


def _in_place(claim: Clause, sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    """A figure that stands elsewhere, where the sentence that says all the rest has another."""
    near = aligned(claim, passages) if claim.limits and len(claim.stems) > 1 else []
    if not near or any(each.around != near[0].around or not claim.stems <= each.around for each in near):
        return None
    same = [each for each in read(passages)[0] if each.around == near[0].around]
    in_passages = [limit.quantity for each in _telling(claim, same) for limit in each.limits]
    for readings in _readings(limit.quantity for limit in claim.limits):
        kinds = {each.dimension for each in readings} - {""}
        rivals = [each for each in in_passages if each.dimension in kinds or (kinds and each.bare)]
        if not rivals or any(equal(mine, each) for mine in readings for each in in_passages):
            continue
        if any(derived(mine, sentence, passages, in_passages) for mine in readings):
            continue
        if any(_said_of_it(mine, claim, same) for mine in readings):
            continue
        if readings[0].firm or not rate_of_a_list(readings[0], figures(sentence).quantities, passages):
            return Disagreement("number", readings[0].words, rivals[0].words)
    return None


def _said_of_it(mine: Quantity, claim: Clause, same: Sequence[Clause]) -> bool:
    """Whether the clause that has the figure names what the sentence names beside: "with a card, it is 12 euros"."""
    own = [each for each in same if any(equal(mine, limit.quantity) for limit in each.limits)]
    return any((each.stems - claim.stems) & (claim.around - claim.stems) for each in own)


def _telling(claim: Clause, same: Sequence[Clause]) -> Sequence[Clause]:
    """The clauses with figures that speak of no less than the claim does, or of one thing of it more closely; all where
    there are none."""
    with_figures = [each for each in same if each.limits and each.stems]
    whole = [each for each in with_figures if claim.stems <= each.stems]
    closer = [each for each in with_figures if each.stems < claim.stems and len(each.stems) == 1]
    return whole or (closer if len(closer) == 1 else []) or same


def _stands(claimed: Quantity, in_passages: Sequence[Quantity]) -> bool:
    if not claimed.firm:
        # "a week" may be any week; only another unit of the same kind tells.
        rates = [each for each in in_passages if each.dimension and (not each.firm or each.value == 1)]
        return (
            any(equal(claimed, each) for each in in_passages) or claimed.dimension not in (SECONDS, MONTHS) or not rates
        )
    if claimed.dimension == "times" and all(each.dimension != "times" for each in in_passages):
        return True
    if not claimed.dimension and (claimed.value in (0, 1) or claimed.counts):
        return True
    return any(equal(claimed, each) for each in in_passages)


def _number(claimed: Quantity, in_passages: Sequence[Quantity]) -> Disagreement:
    other = next((each for each in in_passages if same_value(each.value, claimed.value)), None)
    if other:
        return Disagreement("unit", claimed.words, other.words)
    other = next((each for each in in_passages if each.dimension == claimed.dimension), None)
    return Disagreement("number", claimed.words, other.words if other else "")


def dates(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    claimed, in_passages = figures(sentence), [figures(passage) for passage in passages]
    for name in ("days", "named") if _SLASHED.search(sentence) else ("days", "months", "named"):
        known = set(chain.from_iterable(getattr(each, name) for each in in_passages))
        said = getattr(claimed, name)
        denied = not NOT.isdisjoint(sentence.lower().split())
        known |= _implied(said, passages, denied) if name == "named" else _bounds(name, passages)
        known |= {(month, day) for day, month in known} if name == "days" and _either_way(sentence, passages) else set()
        if wrong := [each for each in said if each not in known]:
            return Disagreement("date", str(wrong[0]), ", ".join(map(str, known)))
    return _times(claimed, in_passages) or _parts_of_day(claimed, in_passages)


def _either_way(sentence: str, passages: tuple[str, ...]) -> bool:
    """Whether the month of a date may stand before its day: no date with slashes tells which comes first."""
    return bool(_SLASHED.search(sentence)) and not any(map(_SLASHED.search, passages))


def _implied(said: Sequence[str], passages: tuple[str, ...], denied: bool) -> set[str]:
    """The days of a weekend where the evidence names it, those of a working week, and the season of a month; where the
    sentence denies, the seasons in which nothing is."""
    text = "\n".join(passages).lower()
    days = {day for day in ("saturday", "sunday") if re.search(r"\bweekends?\b", text)}
    if {"monday", "friday"} <= set(said) and re.search(r"\b(?:weekdays?|working days?)\b", text):
        days |= {"monday", "friday"}
    months = chain.from_iterable(figures(passage).months for passage in passages)
    inside, outside = _in_ranges(text)
    return days | {*(_SEASONS[month] for month in months)} | inside | (outside if denied else set())


def _in_ranges(text: str) -> tuple[set[str], set[str]]:
    """The seasons of a range of months, and those without any of it with the days of the week that are not in a range
    of days: "from October to March" is in winter and not in summer."""
    ranges = [(month_of(found[1]), month_of(found[2])) for found in _MONTHS_ON.finditer(text)]
    inside = {_SEASONS[(start + n - 1) % 12 + 1] for start, end in ranges for n in range((end - start) % 12 + 1)}
    spans = [(_WEEK.index(found[1]), _WEEK.index(found[2])) for found in _DAYS_ON.finditer(text)]
    days = {_WEEK[(start + n) % 7] for start, end in spans for n in range((end - start) % 7 + 1)}
    return inside, ({*_SEASONS[1:]} - inside if ranges else set()) | ({*_WEEK} - days if spans else set())


def _bounds(name: str, passages: tuple[str, ...]) -> set[tuple[int, int]]:
    """The first and the last day of a month where the evidence names its beginning or end."""
    if name != "days":
        return set()
    found = [(m[1].lower(), month_of(m[2])) for passage in passages for m in _EDGE.finditer(passage)]
    return {(1 if edge in ("beginning", "start") else _LAST[month - 1], month) for edge, month in found}


def _parts_of_day(claimed: Figures, in_passages: Sequence[Figures]) -> Disagreement | None:
    """By name alone: beside hours they are the same in other words."""
    known = set(chain.from_iterable(each.parts for each in in_passages))
    if not known or claimed.times or any(each.times for each in in_passages):
        return None
    return next((Disagreement("date", part, ", ".join(known)) for part in claimed.parts if part not in known), None)


def _times(claimed: Figures, in_passages: Sequence[Figures]) -> Disagreement | None:
    known = {time for each in in_passages for time, _ in each.times}
    for time, exact in claimed.times:
        if time not in known and (exact or (time + 720) % 1440 not in known):
            return Disagreement("date", f"{time // 60}:{time % 60:02}")
    return None
