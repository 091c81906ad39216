"""Visibility of text on a PDF page: contrast with the background, size, rendering mode, position."""

from copy import copy
from dataclasses import dataclass, field
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, TextStringObject

Colour = tuple[float, float, float] | None
Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]

_BLACK, _WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_TOO_ALIKE = 0.1
_TINY_POINTS = 1.5
_SHOWS = {b"Tj", b"TJ", b"'", b'"'}
_FILLS = {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"}
_ENDS = _FILLS | {b"n", b"S", b"s"}


@dataclass
class _State:
    fill: Colour = _BLACK
    mode: int = 0
    size: float = 12.0


@dataclass
class TextVisibility:
    """A visitor for pypdf that removes invisible text or, reversed, visible text."""

    page: PageObject
    keep_hidden: bool = False
    found_hidden: bool = False
    sizes: dict[str, float] = field(default_factory=dict)
    _state: _State = field(default_factory=_State)
    _saved: list[_State] = field(default_factory=list)
    _forms: list[tuple[_State, int]] = field(default_factory=list)
    _painted: list[tuple[Box, Colour]] = field(default_factory=list)
    _path: list[tuple[float, float]] = field(default_factory=list)
    _blanked: list[tuple[list[Any], list[Any]]] = field(default_factory=list)

    def reversed(self) -> "TextVisibility":
        """A visitor for the same page that keeps only the text that this one removed."""
        for operands, original in self._blanked:
            operands[:] = original
        return TextVisibility(self.page, keep_hidden=True)

    def before(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        try:
            self._before(operator, operands, _matrix(cm), _matrix(tm))
        except (IndexError, TypeError, ValueError):
            return

    def after(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        if operator == b"Do" and self._forms:
            self._state, depth = self._forms.pop()
            del self._saved[depth:]

    def text(self, text: str, cm: list[float], tm: list[float], font: Any, size: float | None) -> None:
        line = " ".join(text.split())
        if line:
            placed = _times(_matrix(tm), _matrix(cm))
            self.sizes.setdefault(line, round((size or 1.0) * _scale(placed), 1))

    def _before(self, operator: bytes, operands: list[Any], cm: Matrix, tm: Matrix) -> None:
        if operator in _SHOWS:
            self._show(operands, cm, tm)
        elif operator == b"q":
            self._saved.append(copy(self._state))
        elif operator == b"Q":
            self._state = self._saved.pop() if self._saved else _State()
        elif operator == b"Tf":
            self._state.size = float(operands[1])
        elif operator == b"Tr":
            self._state.mode = int(operands[0])
        elif operator in (b"g", b"rg", b"k", b"sc", b"scn", b"cs"):
            self._state.fill = _colour(operator, operands)
        elif operator == b"Do":
            self._forms.append((copy(self._state), len(self._saved)))
            self._painted.append((_box([_at(cm, x, y) for x in (0, 1) for y in (0, 1)]), None))
        else:
            self._trace(operator, operands, cm)

    def _trace(self, operator: bytes, operands: list[Any], cm: Matrix) -> None:
        if operator == b"re":
            x, y, width, height = map(float, operands)
            self._path += [_at(cm, a, b) for a in (x, x + width) for b in (y, y + height)]
        elif operator in (b"m", b"l"):
            self._path.append(_at(cm, float(operands[0]), float(operands[1])))
        elif operator in (b"c", b"v", b"y"):
            self._path.append(_at(cm, float(operands[-2]), float(operands[-1])))
        elif operator in _ENDS:
            if operator in _FILLS and self._path:
                self._painted.append((_box(self._path), self._state.fill))
            self._path = []

    def _show(self, operands: list[Any], cm: Matrix, tm: Matrix) -> None:
        hidden = self._is_hidden(_times(tm, cm))
        self.found_hidden = self.found_hidden or hidden
        if hidden != self.keep_hidden:
            self._blanked.append((operands, list(operands)))
            text = operands[-1]
            operands[-1] = ArrayObject() if isinstance(text, list) else TextStringObject("")

    def _is_hidden(self, placed: Matrix) -> bool:
        x, y = placed[4], placed[5]
        if self._state.size * _scale(placed) < _TINY_POINTS or self._is_outside(x, y):
            return True
        background = self._background(x, y)
        if background is None or self._state.fill is None:
            return False
        if self._state.mode in (3, 7):
            return True
        return max(abs(a - b) for a, b in zip(self._state.fill, background, strict=True)) < _TOO_ALIKE

    def _background(self, x: float, y: float) -> Colour:
        for (left, bottom, right, top), colour in reversed(self._painted):
            if left - 1 <= x <= right + 1 and bottom - 1 <= y + 1 and y <= top + 1:
                return colour
        return _WHITE

    def _is_outside(self, x: float, y: float) -> bool:
        box = self.page.mediabox
        return not (box.left - 20 <= x <= box.right + 20 and box.bottom - 20 <= y <= box.top + 20)


def _colour(operator: bytes, operands: list[Any]) -> Colour:
    """RGB from 0 to 1; None for a colour space that is not supported."""
    if operator == b"cs":
        return _BLACK if str(operands[0]) in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK") else None
    if not all(isinstance(value, int | float) for value in operands):
        return None
    values = [float(value) for value in operands]
    if len(values) == 1:
        return (values[0],) * 3 if operator == b"g" else None
    if len(values) == 3:
        return values[0], values[1], values[2]
    if len(values) == 4:
        cyan, magenta, yellow, black = values
        return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)
    return None


def _matrix(values: list[float]) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values[:6])
    return a, b, c, d, e, f


def _times(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )


def _at(m: Matrix, x: float, y: float) -> tuple[float, float]:
    return x * m[0] + y * m[2] + m[4], x * m[1] + y * m[3] + m[5]


def _scale(m: Matrix) -> float:
    return float(abs(m[0] * m[3] - m[1] * m[2]) ** 0.5)


def _box(points: list[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)
