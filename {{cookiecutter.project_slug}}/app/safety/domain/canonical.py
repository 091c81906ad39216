"""The canonical copy of a text for screening, with one spelling for all lookalikes. It is never stored or shown."""

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate

# Letters of other alphabets that look like Latin ones, as pairs. Characters that compatibility decomposition or their
# Unicode name resolves (full width, bold, circled, small capitals, regional indicators) need no pair.
_PAIRS = (
    "аa вb сc ԁd еe ғf ԍg нh һh ћh іi јj кk қk ӏl мm пn оo рp ԛq гr ѕs тt цu ѵv ѡw ԝw хx уy үy зz ьb ъb єe иu "
    "αa βb ϲc δd εe ηn θo ιi κk λl μu νv ξx οo πn ρp ςs σo τt υu φo χx ψy ωw ϳj ϱp ϵe ϝf "
    "օo ոn սu հh աw զq ցg յj քp լl գq ռn ւi եe մd "
    "Ꭺa Ᏼb Ꮯc Ꭰd Ꭼe Ᏻg Ꮋh Ꭵi Ꭻj Ꮶk Ꮮl Ꮇm Ꮲp Ꮢr Ꮪs Ꭲt Ꮩv Ꮃw Ꭹy Ꮓz"
    " ꓐb ꓚc ꓓd ꓰe ꓖg ꓧh ꓲi ꓙj ꓗk ꓡl ꓟm ꓠn ꓳo ꓑp ꓣr ꓢs ꓔt ꓴu ꓦv ꓪw ꓫx ꓬy ꓜz ɑa ɡg ɩi ıi ʋu "
)
_ALIKE = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
_FOREIGN = re.compile(f"[{''.join(map(chr, _ALIKE))}]")
_NAMED = re.compile(r"(?:LETTER|LETTER SMALL CAPITAL|LETTER CAPITAL|SYMBOL LETTER) ([A-Z])(?: WITH .*)?$")
_MARKS = frozenset({"Mn", "Me", "Cf", "Cs", "Co"})
_QUOTES = dict.fromkeys(map(ord, "’‘‛ʼ`´"), "'") | dict.fromkeys(map(ord, "“”„«»″"), '"')
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")


class _Folding(dict[int, str]):
    """A table for `str.translate` that computes and caches each character on first use."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category in _MARKS:
        return ""
    if "\uac00" <= character <= "\ud7a3":
        return character
    named = _NAMED.search(unicodedata.name(character, "")) if character > "\x7f" else None
    if named and ("LATIN" in unicodedata.name(character) or category == "So"):
        return named[1].lower()
    parts = unicodedata.normalize("NFKD", character)
    return "".join(p for p in parts if unicodedata.category(p) not in _MARKS).casefold()


class _Visible(dict[int, int | None]):
    def __missing__(self, code: int) -> int | None:
        visible = self[code] = None if unicodedata.category(chr(code)) in _MARKS else code
        return visible


_VISIBLE = _Visible()
_FOLDING = _Folding({**_QUOTES, **_DASHES})
_ASCII = {ord(sign): letter for sign, letter in zip("013457@$!|", "oieastasii", strict=True)}
_ASCII_L = _ASCII | {ord("1"): "l", ord("|"): "l", ord("!"): "l"}
LEET = re.compile(r"[a-z][013457@$!|]+[a-z]|(?<![\w.])[013457@$!|]+[a-z]{2}|[a-z]{2}[013457@$|]+(?![\w.])")


def fold(text: str) -> str:
    """Lower case, without accents and invisible characters; each character maps to none, one or several."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def plain(text: str) -> str:
    """The text in ordinary characters without invisible ones; case is kept."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(_VISIBLE))


def latin(folded: str) -> str:
    """A folded text with letters of other alphabets replaced by their Latin lookalikes. The length is the same."""
    return folded.translate(_ALIKE) if not folded.isascii() and _FOREIGN.search(folded) else folded


def unleet(folded: str) -> tuple[str, str]:
    """A folded text with digits and signs as letters, once with 1 as i and once as l. The length is the same."""
    return folded.translate(_ASCII), folded.translate(_ASCII_L)


def origin(text: str, at: int) -> int:
    """The position in `text` of the character `at` of its folded copy."""
    if text.isascii():
        return at
    ends = list(accumulate(len(text_folded) for text_folded in map(fold, text)))
    return min(bisect_right(ends, at), max(0, len(text) - 1))


def folded_words(words: str) -> str:
    """Words separated by spaces as a folded regular expression alternation."""
    return "|".join(map(re.escape, fold(words).split()))
