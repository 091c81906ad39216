"""What the codes of a PDF font mean, and how wide their glyphs are."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from pypdf._codecs.adobe_glyphs import adobe_glyphs
from pypdf.generic._font import Font

UNMAPPED = "\ufffd"
"""A glyph whose letter the file does not tell."""

_LIGATURES = {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st"}
_LIGATURES |= {"\ufb06": "st", "\u0132": "IJ", "\u0133": "ij"}
_SYMBOLS = {0xF0B7: "•", 0xF0A7: "▪", 0xF0A8: "▪", 0xF06E: "■", 0xF06C: "●", 0xF0D8: "➢", 0xF0FC: "✓", 0xF0FE: "☑"}
_SYMBOLS |= {0xF0E0: "→", 0xF0E8: "→", 0xF0DE: "→", 0xF06F: "☐", 0xF0A3: "☐", 0xF076: "❖", 0xF02D: "-", 0x7F: "•"}
Glyph = tuple[str, float]
"""Its letters, and its width in text space."""


class PdfFont:
    """space: the width of a blank, in text space. is_simple: whether its codes are single bytes. is_vertical: whether
    its lines run downwards.
    """

    def __init__(self, resource: Any) -> None:
        self._font = Font.from_font_resource(resource)
        self._glyphs: dict[int | str, Glyph] = {}
        self._unit = _unit(resource)
        self._coded = _is_coded_by_glyph(resource, self._font.encoding)
        self.is_simple = isinstance(self._font.encoding, dict)
        self.is_vertical = _is_vertical(resource)
        self.space = min(max(self._font.space_width * self._unit, 0.15), 0.6)

    def glyphs(self, data: bytes) -> Iterator[Glyph]:
        """One for each code of a string."""
        encoding = self._font.encoding
        codes = data if isinstance(encoding, dict) else data.decode(encoding, "replace")
        for code in codes:
            glyph = self._glyphs.get(code)
            if glyph is None:
                glyph = self._glyphs[code] = self._glyph(code)
            yield glyph

    def _glyph(self, code: int | str) -> Glyph:
        key = code if isinstance(code, str) else chr(code)
        named = key if isinstance(code, str) else str(self._font.encoding.get(code, key))  # type: ignore[union-attr]
        letters = self._font.character_map.get(named)
        widths = self._font.character_widths
        width = 1.0 if self.is_vertical else float(widths.get(key, widths.get("default", 500))) * self._unit
        if letters is None:
            letters = UNMAPPED if self._coded or not self._font.interpretable else named
        return readable(str(letters)), width


def readable(letters: str) -> str:
    """Ligatures taken apart, bullets of symbol fonts as bullets; UNMAPPED for what is no character.

    letters: may also be the name of a glyph, such as /f_l or /a.alt.
    """
    if len(letters) > 1 and letters.startswith("/"):
        parts = letters[1:].split(".")[0].split("_")
        letters = "".join(adobe_glyphs.get(f"/{part}", UNMAPPED) for part in parts)
    return "".join(_readable(each) for each in letters)


def _readable(letter: str) -> str:
    if letter in _LIGATURES:
        return _LIGATURES[letter]
    if ord(letter) in _SYMBOLS:
        return _SYMBOLS[ord(letter)]
    if "\x80" <= letter <= "\x9f":
        return letter.encode("latin-1").decode("cp1252", "replace")
    if letter.isspace():
        return " "
    return UNMAPPED if unicodedata.category(letter) in ("Cc", "Co", "Cn", "Cs") else letter


def _unit(resource: Any) -> float:
    matrix = resource.get("/FontMatrix") if resource.get("/Subtype") == "/Type3" else None
    return abs(float(matrix.get_object()[0])) if matrix is not None else 0.001


def _is_vertical(resource: Any) -> bool:
    """By the name of the map of its codes, or by what a map within the file says."""
    encoding = resource.get("/Encoding", "")
    encoding = encoding.get_object() if hasattr(encoding, "get_object") else encoding
    if isinstance(encoding, dict):
        return encoding.get("/WMode") == 1
    return resource.get("/Subtype") == "/Type0" and (str(encoding) == "/V" or str(encoding).endswith("-V"))


def _is_coded_by_glyph(resource: Any, encoding: Any) -> bool:
    """Whether codes without a map are numbers of glyphs and not of letters."""
    name = str(resource.get("/Encoding", ""))
    return encoding == "utf-16-be" and "UCS2" not in name and "UTF16" not in name
