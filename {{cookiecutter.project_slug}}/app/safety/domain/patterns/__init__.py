"""Patterns of instructions to a model, by family."""

import re
from dataclasses import dataclass
from functools import cache

from app.safety.domain.patterns.english import ENGLISH
from app.safety.domain.patterns.languages import OTHER_LANGUAGES


@dataclass(frozen=True, slots=True)
class Family:
    """Patterns of one kind of instruction. signs: the pattern cannot match a text that contains none of these words."""

    name: str
    detail: str
    pattern: re.Pattern[str]
    signs: re.Pattern[str] | None = None


def _signs(words: str) -> re.Pattern[str] | None:
    return re.compile(rf" (?:{words}) ") if words else None


@cache
def families() -> tuple[Family, ...]:
    """Patterns of words, compiled at the first call: that takes longer than many a command that screens no text."""
    return (
        *(Family(name, detail, re.compile(pattern)) for name, (pattern, detail) in ENGLISH.items()),
        *(Family(w.family, ENGLISH[w.family][1], re.compile(w.pattern), _signs(w.signs)) for w in OTHER_LANGUAGES),
    )


_ANY = "(?:all|any|the|of|every|my|your|these|those|other|system|safety|and)*"
_SQUEEZED = (
    (
        "override",
        rf"(?:ignore|disregard|forget|override|bypass){_ANY}(?:previous|prior|above|earlier|preceding|your"
        rf"|system|safety){_ANY}"
        r"(?:instruction|rule|prompt|guideline|direction|directive|command|message|filter|restriction)",
    ),
    (
        "persona",
        r"doanythingnow|youarenowdan|(?:developer|jailbreak|dan)mode(?:is)?(?:enabled|activated|on)|youarenowunrestricted",
    ),
    (
        "prompt_leak",
        r"(?:reveal|show|print|repeat|output|display|tell|give|leak)(?:me|us)*(?:the|all)*(?:your)?"
        r"(?:(?:system|hidden|initial|secret|original)(?:prompt|instructions)|(?<=your)(?:prompt|instructions))",
    ),
)


@cache
def squeezed() -> tuple[Family, ...]:
    """Patterns of letters alone, for words that are spaced, dotted or run together."""
    return tuple(Family(name, ENGLISH[name][1], re.compile(pattern)) for name, pattern in _SQUEEZED)
