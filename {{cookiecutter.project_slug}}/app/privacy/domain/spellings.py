"""A regular expression that finds a text however its characters and the spaces between its words are written."""

import json
import re
import unicodedata
from html.entities import codepoint2name
from itertools import chain
from urllib.parse import quote

_SPACES = r"\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE = r"\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff"
_BETWEEN = (
    rf"(?:[{_SPACES}{_INVISIBLE}_*~`]|\\[nrt]|\\u(?:00a0|202f|3000)|%20|%C2%A0|\+|&nbsp;|&#0*160;|&#x0*a0;|<br */?>)+"
)
"""What stands between two words: spaces, and what JSON, URLs, HTML, Markdown and names of files have for them."""
_SEPARATOR = re.compile(_BETWEEN, re.IGNORECASE)
_WITHIN = rf"[{_INVISIBLE}]*"
"""What may stand between two letters of a word, and nobody sees."""
_WITHIN_OR_BROKEN = rf"(?:[{_INVISIBLE}]|[-\u2010]\n)*"
"""The same for a word without hyphens of its own, which may have one where a line ends."""
_UNSEEN = re.compile(rf"[{_INVISIBLE}]")
_SHAPED = re.compile(r"[\ufb00-\ufb06\uff01-\uff5e]")
_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_]|[\u0300-\u036f])"
_FULL_WIDTH = 0xFEE0
"""From an ASCII character to its form as wide as a Chinese one."""
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2212"
_ALIKE = ("'’‘ʼ`´", '"“”„«»', _HYPHENS)
"""Signs that programs put in place of each other."""
_HYPHENATED = re.compile(f"[{_HYPHENS}]")
_ENTITIES = {ord("'"): "apos", **codepoint2name}
_LIGATURES = {"ffi": "ﬃ", "ffl": "ﬄ", "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ"}
_LETTERS = re.compile(f"{'|'.join(_LIGATURES)}|.", re.DOTALL | re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """Without those that are found between words anyway: the pattern would match one run of them in many ways."""
    plain = _SHAPED.sub(lambda shaped: unicodedata.normalize("NFKC", shaped[0]), text)
    words = _UNSEEN.sub("", unicodedata.normalize("NFC", plain)).split()
    return [word for word in words if not _SEPARATOR.fullmatch(word)]


def pattern_of(text: str) -> str:
    """A regular expression for PostgreSQL (advanced) and Python that finds the text as whole words, in any case of its
    letters, with accents composed or not, in ligatures and full width, with invisible characters in it, with any kind
    of hyphens and quotation marks, over line breaks, and as JSON, URLs, HTML, Markdown and names of files write it.

    text: with something other than spaces and what may stand for them.
    """
    words = words_of(text)
    joined = _BETWEEN.join(map(_word, words))
    before = _BEFORE if words[0][0].isalnum() else ""
    after = _AFTER if words[-1][-1].isalnum() else ""
    return f"{before}{joined}{after}"


def _word(word: str) -> str:
    within = _WITHIN if _HYPHENATED.search(word) else _WITHIN_OR_BROKEN
    return within.join(_joined(part[0], within) for part in _LETTERS.finditer(word))


def _joined(part: str, within: str) -> str:
    """One character, or some that may be written as one."""
    apart = within.join(map(_written, part))
    ligature = _LIGATURES.get(part.lower(), "")
    if not ligature:
        return apart
    if len(part) > len("ff"):
        ends = f"ﬀ{within}{_written(part[2])}", f"{_written(part[0])}{within}{_LIGATURES[part[1:].lower()]}"
        return f"(?:{ligature}|{apart}|{'|'.join(ends)})"
    return f"(?:{ligature}|{apart})"


def _written(character: str) -> str:
    """A character in each way that it may be written."""
    if character.isascii() and character.isalnum():
        return f"[{character}{chr(ord(character) + _FULL_WIDTH)}]"
    alike = next((signs for signs in _ALIKE if character in signs), character)
    each = dict.fromkeys(way for sign in (character, *alike) for way in (sign, sign.lower(), sign.upper()))
    ways = dict.fromkeys(chain.from_iterable(map(_ways, each)))
    single = "".join(map(re.escape, alike)) + "".join(way for way in ways if len(way.removeprefix("\\")) == 1)
    longer = "".join(f"|{way}" for way in ways if len(way.removeprefix("\\")) > 1)
    return f"(?:[{single}]{longer})" + (r"(?:\n|\\n)?" if alike == _HYPHENS else "")


def _ways(text: str) -> list[str]:
    """text: a character, or two, as the capital of ß."""
    plain = [*_decompositions(text), json.dumps(text)[1:-1], quote(text, safe="")]
    if len(text) > 1:
        return [*map(re.escape, plain)]
    if text.isascii():
        plain += [f"\\{text}", f"%{ord(text):02X}", chr(ord(text) + _FULL_WIDTH)]
    if name := _ENTITIES.get(ord(text)):
        plain.append(f"&{name};")
    return [*map(re.escape, plain), rf"&#(?:0*{ord(text)}|x0*{ord(text):x});"]


def _decompositions(text: str) -> list[str]:
    """The text as it is, and with its accents apart, one after another."""
    found = [text]
    while parts := unicodedata.decomposition(found[-1][:1]).split():
        if parts[0].startswith("<"):
            break
        found.append("".join(chr(int(part, 16)) for part in parts) + found[-1][1:])
    return [*found, unicodedata.normalize("NFD", text)]
