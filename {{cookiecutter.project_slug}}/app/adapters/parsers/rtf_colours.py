"""Colours of rich text: of letters, and of what is behind them."""

import re
from dataclasses import dataclass, field, replace

from app.adapters.parsers.drawing_colours import WHITE, Colour, Paint

_TABLE = re.compile(rb"\{\\colortbl([^{}]{0,20000})\}")
_CHANNELS = re.compile(rb"\\red(\d{1,3})\s*\\green(\d{1,3})\s*\\blue(\d{1,3})(?!\d)")
_CELLS = re.compile(rb"\\(?:clcbpat|trcbpat|clshdng|trshdng)[1-9]")
_PAGES = re.compile(rb"\\viewbksp[1-9]|\\\*\\background\b")
_PATTERN = -1


@dataclass(frozen=True, slots=True)
class RtfPaint:
    """Numbers of colours: of the letters, of their background, and of that of their paragraph, where 0 is none."""

    letters: int = -1
    mark: int = 0
    paragraph: int = 0

    def after(self, word: bytes, number: int) -> "RtfPaint":
        """As one of the `WORDS` changes it. A pattern of two colours is none that is known."""
        if word in _PATTERNS:
            number = _PATTERN if number else getattr(self, WORDS[word])
        return replace(self, **{WORDS[word]: number})


PLAIN = RtfPaint()
WORDS = {b"cf": "letters", b"cbpat": "paragraph", **dict.fromkeys((b"highlight", b"cb", b"chcbpat"), "mark")}
_PATTERNS = {b"shading": "paragraph", b"chshdng": "mark"}
WORDS |= _PATTERNS


@dataclass
class RtfColours:
    """head: where its beginning ends, in which the table of colours stands."""

    data: bytes
    head: int
    _colours: list[Colour | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        table = _TABLE.search(self.data[: self.head])
        for entry in table[1].split(b";") if table else ():
            found = _CHANNELS.search(entry)
            channels = [min(255, int(each)) / 255 for each in found.groups()] if found else []
            self._colours.append((channels[0], channels[1], channels[2]) if found else None)
        self._cells = _CELLS.search(self.data) is not None
        self._pages = _PAGES.search(self.data) is not None

    def fades(self, paint: RtfPaint, *, in_row: bool) -> bool:
        """Whether nobody sees letters on what is behind them. in_row: of a table, whose cells may have backgrounds."""
        colour = self._of(paint.letters)
        return colour is not None and Paint(colour).fades(self._behind(paint, in_row=in_row))

    def _behind(self, paint: RtfPaint, *, in_row: bool) -> Colour | None:
        for number in (paint.mark, paint.paragraph):
            if number:
                return self._of(number)
        return None if self._pages or (in_row and self._cells) else WHITE

    def _of(self, number: int) -> Colour | None:
        return self._colours[number] if 0 <= number < len(self._colours) else None
