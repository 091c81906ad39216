import re
from collections import Counter

_MARKERS = re.compile(r"\[\d{1,3}\]")
_DECORATION = re.compile(r"[`*“”\"]")
_BLANKS = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’.,_-][^\W_]+)*")
_FILLERS = frozenset(
    ("a", "an", "the", "of", "to", "in", "on", "at", "for", "and", "or", "is", "are", "was", "were", "be", "it", "that")
)


def plain(text: str) -> str:
    """The text as it is compared: without markers of citations and decoration, in one case, on one line."""
    return _BLANKS.sub(" ", _DECORATION.sub("", _MARKERS.sub(" ", text))).strip().casefold()


def contains(text: str, wanted: str) -> bool:
    """Whether the text says the wanted words, not as a part of longer ones."""
    sought = re.escape(plain(wanted))
    return re.search(rf"(?<!\w){sought}(?!\w)", plain(text)) is not None


def words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(plain(text)) if word not in _FILLERS)
