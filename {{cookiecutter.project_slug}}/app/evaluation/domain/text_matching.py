"""Comparing texts by their words."""

import re
from collections import Counter

_MARKERS = re.compile(r"\[\d{1,3}\]")
_FORMATTING = re.compile(r"[`*“”\"]")
_WHITESPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’.,_-][^\W_]+)*")
_STOP_WORDS = frozenset(
    ("a", "an", "the", "of", "to", "in", "on", "at", "for", "and", "or", "is", "are", "was", "were", "be", "it", "that")
)


def normalised(text: str) -> str:
    """The text normalised for comparison: no citation markers, no formatting, case-folded, on one line."""
    return _WHITESPACE.sub(" ", _FORMATTING.sub("", _MARKERS.sub(" ", text))).strip().casefold()


def contains(text: str, phrase: str) -> bool:
    """Whether the text contains the phrase as whole words."""
    pattern = re.escape(normalised(phrase))
    return re.search(rf"(?<!\w){pattern}(?!\w)", normalised(text)) is not None


def content_words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(normalised(text)) if word not in _STOP_WORDS)
