"""The texts that a PDF page shows, with their places."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import atan2, cos, degrees, hypot, radians, sin
from typing import Any

from pypdf import PageObject
from pypdf.errors import PyPdfError
from pypdf.generic import ContentStream, DictionaryObject, NameObject

from app.adapters.parsers.pdf.fonts import PdfFont
from app.adapters.parsers.pdf.geometry import IDENTITY, Matrix, times
from app.adapters.parsers.pdf.graphics_state import GraphicsState
from app.adapters.parsers.pdf.layers import Layers
from app.adapters.parsers.pdf.right_to_left import has_right_to_left, logical
from app.adapters.parsers.pdf.visibility import PageVisibility

_SHOWS = {b"Tj", b"TJ", b"'", b'"'}
_MAX_DEPTH = 12
_MAX_FORMS = 2_000
_WORD_GAP = 0.5
_CELL_GAP = 1.2
_SAME_PLACE = 0.4
_DOWNWARDS: Matrix = (0.0, -1.0, 1.0, 0.0, 0.0, 0.0)
DAMAGE = (PyPdfError, AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError)
_STANDARD_FONT = DictionaryObject(
    {
        NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"),
        NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
    }
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Letters on one base line without a wide gap. angle: of the base line, in whole degrees. x, y: of its start, and
    end: of x at its end, after the page was turned so that the line runs to the right. blank: the gap from which
    there is a blank. number: of the text on the page.
    """

    text: str
    angle: int
    x: float
    end: float
    y: float
    size: float
    blank: float
    number: int


@dataclass
class Fonts:
    """The fonts of a document, read once."""

    _fonts: dict[int, PdfFont] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    def font(self, resource: Any) -> PdfFont:
        if id(resource) not in self._fonts:
            self._kept.append(resource)
            self._fonts[id(resource)] = PdfFont(resource)
        return self._fonts[id(resource)]


class TextReader:
    """Follows the operators of a page. pieces: all texts so far, with those that are hidden. written: the numbers of
    those that are not of the page's own content.
    """

    def __init__(self, page: PageObject, layers: Layers, fonts: Fonts) -> None:
        self.page = page
        self.visibility = PageVisibility(page, layers)
        self.pieces: list[Piece] = []
        self._fonts = fonts
        self._font = fonts.font(_STANDARD_FONT)
        self._line = self._text = IDENTITY
        self._number = 0
        self._open: list[Any] = []
        self._forms = 0
        self.written: set[int] = set()

    def read(self) -> None:
        if "/Contents" in self.page:
            self._run(ContentStream(self.page["/Contents"].get_object(), self.page.pdf, "bytes"))

    def write(self, text: str, x: float, y: float, end: float, size: float) -> None:
        """A text that is seen on the page, though no operator shows it."""
        self.pieces.append(Piece(text, 0, x, end, y, size, 0.14 * size, self._number))
        self.written.add(self._number)
        self._number += 1

    def draw(self, form: Any, matrix: Matrix | None = None) -> None:
        """An object that the page draws, which may be an image. matrix: where an annotation stands."""
        self._forms += 1
        if form in self._open or len(self._open) > _MAX_DEPTH or self._forms > _MAX_FORMS:
            return
        self._open.append(form)
        font, line, text = self._font, self._line, self._text
        self.visibility.enter(form, matrix)
        try:
            if form.get("/Subtype") != "/Image":
                self._run(ContentStream(form, self.page.pdf, "bytes"))
        finally:
            self.visibility.leave()
            self._font, self._line, self._text = font, line, text
            self._open.pop()

    def _run(self, content: ContentStream) -> None:
        fonts: list[PdfFont] = []
        for operands, operator in content.operations:
            if operator == b"q":
                fonts.append(self._font)
            elif operator == b"Q" and fonts:
                self._font = fonts.pop()
            try:
                self._operate(operator, operands)
            except DAMAGE:
                continue

    def _operate(self, operator: bytes, operands: Any) -> None:
        state = self.visibility.state
        if operator in _SHOWS:
            self._show(operator, operands)
        elif operator == b"Do":
            self.draw(self.visibility.resource("/XObject", operands[0]))
        elif operator == b"BT":
            self._line = self._text = IDENTITY
        elif operator in (b"Td", b"TD"):
            if operator == b"TD":
                state.leading = -float(operands[1])
            self._move(float(operands[0]), float(operands[1]))
        elif operator == b"T*":
            self._move(0, -state.leading)
        elif operator == b"Tm":
            a, b, c, d, e, f = (float(each) for each in operands)
            self._line = self._text = (a, b, c, d, e, f)
        else:
            self.visibility.follow(operator, operands)
            self._choose_font(operator, operands)

    def _choose_font(self, operator: bytes, operands: Any) -> None:
        if operator == b"Tf":
            fonts = self.visibility.resources.get("/Font", DictionaryObject()).get_object()
            self._font = self._fonts.font(fonts[operands[0]].get_object() if operands[0] in fonts else _STANDARD_FONT)
        elif operator == b"gs":
            state = self.visibility.resource("/ExtGState", operands[0])
            if "/Font" in state:
                self._font = self._fonts.font(state["/Font"].get_object()[0].get_object())

    def _move(self, x: float, y: float) -> None:
        self._line = self._text = times((1, 0, 0, 1, x, y), self._line)

    def _show(self, operator: bytes, operands: Any) -> None:
        state = self.visibility.state
        if operator == b'"':
            state.word_spacing, state.spacing = float(operands[0]), float(operands[1])
        if operator in (b"'", b'"'):
            self._move(0, -state.leading)
        shown = operands[-1] if operator == b"TJ" else [operands[-1]]
        run = _Run(self._font, state)
        for item in shown:
            if isinstance(item, int | float):
                run.pen -= float(item) / 1000 * state.size * run.along
            else:
                run.add(item if isinstance(item, bytes) else item.encode("latin-1", "replace"))
        run.close()
        placed = times(self._text, state.cm)
        if self._font.is_vertical:
            placed = times(_DOWNWARDS, placed)
            self._text = times((1, 0, 0, 1, 0, -run.pen), self._text)
        else:
            self._text = times((1, 0, 0, 1, run.pen * state.stretch, 0), self._text)
        if run.parts:
            self._keep(run, placed)

    def _keep(self, run: "_Run", placed: Matrix) -> None:
        """Each part of a text can be hidden apart from the others."""
        state = self.visibility.state
        stretch = 1.0 if self._font.is_vertical else state.stretch
        flipped = state.size * stretch < 0
        angle = round(degrees(atan2(placed[1], placed[0]))) + (180 if flipped else 0)
        unit, height = hypot(placed[0], placed[1]), hypot(placed[2], placed[3])
        for text, start, end in run.parts:
            start, end = start * stretch, end * stretch
            moved = times((1, 0, 0, 1, start, state.rise), placed)
            self.visibility.show(self._number, times((1, 0, 0, 1, start, 0), placed), end - start)
            x, y = turned(moved[4], moved[5], angle)
            size = abs(state.size) * height
            self.pieces.append(
                Piece(text, angle % 360, x, x + abs(end - start) * unit, y, size, run.blank * height, self._number)
            )
            self._number += 1


class _Run:
    """The glyphs of one operator. parts: texts between wide gaps, with start and end in text space before scaling.
    along: the direction of the line on its axis.
    """

    def __init__(self, font: PdfFont, state: GraphicsState) -> None:
        self.parts: list[tuple[str, float, float]] = []
        self.pen = 0.0
        self._font, self._state = font, state
        self.along = -1 if font.is_vertical else 1
        self._size = abs(state.size)
        self._backwards = False
        self._glyphs: list[tuple[str, float]] = []
        self._start = self._end = 0.0
        self._last = ("", 0.0)

    @property
    def blank(self) -> float:
        """The gap from which there is a blank."""
        return _WORD_GAP * self._font.space * self._size

    def add(self, data: bytes) -> None:
        state = self._state
        for letters, width in self._font.glyphs(data):
            if letters != " ":
                self._add_glyph(letters, width * state.size)
            elif not self._glyphs or self._glyphs[-1][0] != " ":
                self._glyphs.append((" ", 0.0))
            self.pen += width * state.size + state.spacing * self.along
            if letters == " " and self._font.is_simple:
                self.pen += state.word_spacing

    def close(self) -> None:
        glyphs = self._glyphs
        if has_right_to_left(glyphs) and not self._backwards:
            glyphs = logical(glyphs)
        text = joined(glyphs, self.blank)
        if text.strip():
            self.parts.append((text, self._start, self._end))
        self._glyphs, self._backwards = [], False

    def _add_glyph(self, letters: str, width: float) -> None:
        start, end = sorted((self.pen, self.pen + width))
        started = any(letters != " " for letters, _ in self._glyphs[:2])
        if started and self._last[0] == letters and abs(start - self._last[1]) < _SAME_PLACE * abs(width):
            return
        gap = max(start - self._end, self._start - end) - max(self._state.spacing, 0)
        if started and gap > _CELL_GAP * self._size:
            self.close()
            started = False
        if not started:
            self._start, self._end, gap = start, end, 0.0
        self._backwards = self._backwards or end < self._last[1]
        self._glyphs.append((letters, gap))
        self._last = (letters, start)
        self._start, self._end = min(start, self._start), max(end, self._end)


def joined(texts: Sequence[tuple[str, float]], blank: float) -> str:
    """Texts of one line, each with the gap before it, with blanks where the gap is wider than between other letters."""
    gaps = sorted(gap for text, gap in texts[1:] if text != " ")
    spaced = len(gaps) > 3 and gaps[len(gaps) // 3] > blank and all(len(text) == 1 for text, _ in texts)
    limit = blank + (gaps[len(gaps) // 2] if spaced else 0)
    parts: list[str] = []
    for text, gap in texts:
        if gap > limit and parts and not (parts[-1].endswith(" ") or text.startswith(" ")):
            parts.append(" ")
        parts.append(text)
    return "".join(parts)


def turned(x: float, y: float, angle: int) -> tuple[float, float]:
    """A point of the page, after it was turned by the angle so that lines at this angle run to the right."""
    if angle % 360 == 0:
        return x, y
    c, s = cos(radians(angle)), sin(radians(angle))
    return x * c + y * s, y * c - x * s
