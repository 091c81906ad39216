"""Words that say the opposite of one another, by their stems."""

from functools import lru_cache

from app.core.languages.words import stem

_PAIRS = [
    [frozenset(map(stem, side.split())) for side in pair.split("|")]
    for pair in (
        "increase rise rose grow grew gain raise|decrease fall fell drop decline shrink sink lose lost reduce lower",
        "heavier heavy|lighter light",
        "higher high|lower low",
        "longer long|shorter short",
        "more|less fewer",
        "larger bigger large big|smaller small",
        "faster fast quick quickly|slower slow slowly",
        "above over|below under",
        "earlier early|later late",
        "begin beginning start|end finish",
        "inside|outside",
        "open|close closed",
        "warm hot|cold cool",
        "compulsory mandatory obligatory must|optional voluntary",
        "always|never",
        "public|private",
        "strong|weak",
        "success succeed|fail failure",
        "older old|younger young new newer",
        "inner|outer",
        "left|right",
        "front|back",
        "first|last",
        "best|worst",
        "most|least",
        "north|south",
        "east|west",
        "import|export",
        "buy|sell",
        "rare rarely|common commonly often frequently",
        "same|different separate",
        "whole entire|part partly",
        "full|empty",
        "wet|dry",
        "safe|dangerous",
        "day|night",
        "automatically automatic|manually manual yourself hand",
        "on|off",
    )
]
_COMPLEMENTS = [(frozenset(map(stem, ("stay", "remain"))), frozenset([stem("leave")]))]
"""Opposites only where one of both is denied."""
OPPOSITES = [*_PAIRS, *([theirs, mine] for mine, theirs in _PAIRS)]
_EITHER_WAY = [*OPPOSITES, *_COMPLEMENTS, *([theirs, mine] for mine, theirs in _COMPLEMENTS)]

SWITCHED = (frozenset(["on"]), frozenset(["off"]))
"""Opposites only where all else is the same: mostly they are no words of their own."""

OPENING = frozenset(map(stem, ("open", "close", "closed", "begin", "beginning", "start", "end", "finish")))
"""Beside a time no opposites: what is open until six closes at six."""


@lru_cache(maxsize=2048)
def stems_of(words: frozenset[str]) -> frozenset[str]:
    return frozenset(map(stem, words))


def opposed(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one holds a word and the other only its opposite."""
    said, known = stems_of(one), stems_of(other)
    return any(
        said & mine and known & theirs and not said & theirs and not known & mine for mine, theirs in _EITHER_WAY
    )
