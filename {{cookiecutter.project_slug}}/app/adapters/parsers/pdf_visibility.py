"""Visibility of text on a PDF page: contrast with what it is painted on, opacity, size, place, clip, layers, and what
is painted over it later.
"""

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, DictionaryObject, TextStringObject

from app.adapters.parsers.pdf_colours import WHITE, Colour
from app.adapters.parsers.pdf_geometry import (
    IDENTITY,
    Box,
    Matrix,
    Point,
    area,
    at,
    box_of,
    common,
    extents,
    filled_boxes,
    is_covered,
    rectangle,
    scale,
    times,
)
from app.adapters.parsers.pdf_graphics_state import GraphicsState
from app.adapters.parsers.pdf_layers import Layers

_TOO_ALIKE = 0.1
_OPAQUE, _TRANSPARENT = 0.9, 0.1
_TINY_POINTS = 1.5
_SHOWN_SHARE = 0.15
_BLANK_IMAGE_PIXELS = 64
_CELL = 72.0
_SHOWS = {b"Tj", b"TJ", b"'", b'"'}
_FILLS = {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"}
_STROKES = {b"S", b"s", b"B", b"B*", b"b", b"b*"}
_ENDS = _FILLS | _STROKES | {b"n"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A text that a page shows. covers: how many opaque boxes were painted before it."""

    number: int
    box: Box
    covers: int


@dataclass
class _Form:
    """What to return to after a form: graphics state, saved states, resources, base matrix, open layers."""

    state: GraphicsState
    saved: int
    resources: DictionaryObject
    base: Matrix
    layers: int


@dataclass
class PageVisibility:
    """A visitor for pypdf that finds the texts that a reader of the page cannot see, by their number on the page."""

    page: PageObject
    layers: Layers
    _state: GraphicsState = field(default_factory=GraphicsState)
    _saved: list[GraphicsState] = field(default_factory=list)
    _forms: list[_Form] = field(default_factory=list)
    _marked: list[bool] = field(default_factory=list)
    _base: Matrix = IDENTITY
    _painted: list[tuple[Box, Colour]] = field(default_factory=list)
    _covers: list[Box] = field(default_factory=list)
    _paths: list[list[Point]] = field(default_factory=list)
    _clips: bool = False
    _number: int = 0
    _hidden: set[int] = field(default_factory=set)
    _shown: list[_Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        resources = self.page.get("/Resources")
        self._resources = resources.get_object() if resources is not None else DictionaryObject()

    def hidden(self) -> frozenset[int]:
        cells: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, box in enumerate(self._covers):
            for cell in self._cells(box):
                cells[cell].append(number)
        for shown in self._shown if cells else ():
            near = {n for cell in self._cells(shown.box) for n in cells.get(cell, ()) if n >= shown.covers}
            if near and is_covered(shown.box, [self._covers[n] for n in near]):
                self._hidden.add(shown.number)
        return frozenset(self._hidden)

    def before(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        number = self._number
        self._number += operator in _SHOWS
        try:
            placed = times(_matrix(cm), self._base)
            if operator in _SHOWS:
                self._show(number, operands, times(_matrix(tm), placed))
            elif operator == b"Do":
                self._enter(operands, placed)
            else:
                self._follow(operator, operands, placed)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
            return

    def after(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        if operator == b"Do" and self._forms:
            form = self._forms.pop()
            self._state, self._resources, self._base = form.state, form.resources, form.base
            del self._saved[form.saved :], self._marked[form.layers :]

    def _follow(self, operator: bytes, operands: list[Any], cm: Matrix) -> None:
        if operator == b"q":
            self._saved.append(copy(self._state))
        elif operator == b"Q":
            self._state = self._saved.pop() if self._saved else GraphicsState()
        elif operator in (b"BMC", b"BDC"):
            self._marked.append(operator == b"BDC" and self._is_off(operands))
        elif operator == b"EMC":
            del self._marked[-1:]
        elif operator == b"INLINE IMAGE":
            inline: Any = operands
            self._image(cm, int(inline["settings"].get("/W", 99)) * int(inline["settings"].get("/H", 99)))
        elif operator == b"sh":
            self._cover([self._state.clip] if self._state.clip else [])
        elif not self._state.apply(operator, operands, self._resources):
            self._trace(operator, operands, cm)

    def _is_off(self, operands: list[Any]) -> bool:
        if str(operands[0]) != "/OC" or isinstance(operands[1], DictionaryObject):
            return False
        return self.layers.hides(self._resource("/Properties", operands[1]))

    def _enter(self, operands: list[Any], cm: Matrix) -> None:
        form = _Form(copy(self._state), len(self._saved), self._resources, self._base, len(self._marked))
        self._forms.append(form)
        content = self._resource("/XObject", operands[0])
        self._marked.append("/OC" in content and self.layers.hides(content["/OC"]))
        if content.get("/Subtype") == "/Image":
            self._image(cm, int(content.get("/Width", 99)) * int(content.get("/Height", 99)))
            return
        matrix = content.get("/Matrix")
        self._base = times(_matrix(matrix.get_object()), cm) if matrix is not None else cm
        if "/BBox" in content:
            self._clip(box_of(rectangle(self._base, _box(content["/BBox"]))))
        if "/Resources" in content:
            self._resources = content["/Resources"].get_object()

    def _resource(self, kind: str, name: Any) -> Any:
        listed: Any = self._resources[kind].get_object()
        return listed[name].get_object()

    def _image(self, cm: Matrix, pixels: int) -> None:
        """An image of few pixels is a box; any other may show the text that is beneath it, as in a scan."""
        box = box_of(rectangle(cm, (0, 0, 1, 1)))
        self._cover([box] if pixels <= _BLANK_IMAGE_PIXELS else [])
        self._ground(box, None)

    def _trace(self, operator: bytes, operands: list[Any], cm: Matrix) -> None:
        if operator == b"re":
            x, y, width, height = map(float, operands)
            self._paths.append(rectangle(cm, (x, y, x + width, y + height)))
        elif operator == b"m":
            self._paths.append([at(cm, float(operands[0]), float(operands[1]))])
        elif operator in (b"l", b"c", b"v", b"y") and self._paths:
            self._paths[-1].append(at(cm, float(operands[-2]), float(operands[-1])))
        elif operator in (b"W", b"W*"):
            self._clips = True
        elif operator in _ENDS:
            self._end(operator, cm)

    def _end(self, operator: bytes, cm: Matrix) -> None:
        paths, self._paths, clips, self._clips = self._paths, [], self._clips, False
        points = [point for path in paths for point in path]
        if operator in _FILLS and points:
            self._ground(box_of(points), self._state.fill)
            self._cover(filled_boxes(paths))
        if operator in _STROKES:
            self._cover(list(_thick_lines(paths, self._state.line_width * scale(cm))))
        if clips:
            self._clip(box_of(points) if points else (0, 0, 0, 0))

    def _cover(self, boxes: list[Box]) -> None:
        """Paint boxes over what is there; only opaque ones hide it."""
        if self._state.alpha >= _OPAQUE and not self._state.blends and not any(self._marked):
            clip = self._state.clip
            self._covers += [common(box, clip) if clip else box for box in boxes]

    def _ground(self, box: Box, colour: Colour) -> None:
        """Paint what later text stands on. colour: None when it is not known."""
        if any(self._marked):
            return
        clip, alpha = self._state.clip, self._state.alpha
        beneath = self._background((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        if colour is not None and alpha < 1:
            colour = None if beneath is None else _mixed(colour, beneath, alpha)
        elif colour is None and alpha < _TRANSPARENT:
            colour = beneath
        self._painted.append((common(box, clip) if clip else box, colour))

    def _clip(self, box: Box) -> None:
        self._state.clip = common(self._state.clip, box) if self._state.clip else box

    def _cells(self, box: Box) -> Iterator[tuple[int, int]]:
        page = common(box, _box(self.page.mediabox))
        for x in range(int(page[0] // _CELL), int(page[2] // _CELL) + 1):
            for y in range(int(page[1] // _CELL), int(page[3] // _CELL) + 1):
                yield x, y

    def _show(self, number: int, operands: list[Any], placed: Matrix) -> None:
        state = self._state
        length = _length(operands[-1])
        width, bottom = length * 0.4 * state.size * state.stretch, state.rise
        box = box_of(rectangle(placed, (0, bottom, max(width, 0.1), bottom + 0.6 * state.size)))
        if self._is_hidden(placed, box):
            self._hidden.add(number)
        else:
            self._shown.append(_Shown(number, box, len(self._covers)))

    def _is_hidden(self, placed: Matrix, box: Box) -> bool:
        state = self._state
        width, height = extents(placed)
        if any(self._marked) or state.collapses or state.size * min(width * state.stretch, height) < _TINY_POINTS:
            return True
        x, y = at(placed, 0, state.rise)
        if self._is_outside(x, y) or (state.clip and area(common(box, state.clip)) < _SHOWN_SHARE * area(box)):
            return True
        if max(alpha for _, alpha in state.paints) < _TRANSPARENT and state.mode not in (3, 7):
            return True
        background = self._background(x, y)
        if background is None:
            return False
        return all(_fades(colour, alpha, background) for colour, alpha in state.paints)

    def _background(self, x: float, y: float) -> Colour:
        for (left, bottom, right, top), colour in reversed(self._painted):
            if left - 1 <= x <= right + 1 and bottom - 1 <= y + 1 and y <= top + 1:
                return colour
        return WHITE

    def _is_outside(self, x: float, y: float) -> bool:
        left, bottom, right, top = _box(self.page.mediabox)
        return not (left - 20 <= x <= right + 20 and bottom - 20 <= y <= top + 20)


@dataclass
class TextFilter:
    """A visitor for pypdf that removes the hidden texts or, with `keep`, all others."""

    hidden: frozenset[int]
    keep: bool = False
    _number: int = 0
    _blanked: list[tuple[list[Any], list[Any]]] = field(default_factory=list)

    def before(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        if operator not in _SHOWS:
            return
        if operands and (self._number in self.hidden) != self.keep:
            self._blanked.append((operands, list(operands)))
            operands[-1] = ArrayObject() if isinstance(operands[-1], list) else TextStringObject("")
        self._number += 1

    def restore(self) -> None:
        for operands, original in self._blanked:
            operands[:] = original


@dataclass
class LineSizes:
    """A visitor for pypdf that records the font size of each line."""

    sizes: dict[str, float] = field(default_factory=dict)

    def text(self, text: str, cm: list[float], tm: list[float], font: Any, size: float | None) -> None:
        if line := " ".join(text.split()):
            placed = times(_matrix(tm), _matrix(cm))
            self.sizes.setdefault(line, round((size or 1.0) * scale(placed), 1))


def _fades(colour: Colour, alpha: float, background: tuple[float, float, float]) -> bool:
    if colour is None:
        return False
    return alpha * max(abs(a - b) for a, b in zip(colour, background, strict=True)) < _TOO_ALIKE


def _mixed(colour: tuple[float, float, float], beneath: tuple[float, float, float], alpha: float) -> Colour:
    red, green, blue = (alpha * a + (1 - alpha) * b for a, b in zip(colour, beneath, strict=True))
    return red, green, blue


def _thick_lines(paths: list[list[Point]], width: float) -> Iterator[Box]:
    """The boxes of lines so thick that they hide text, where they run along an axis."""
    for path in paths:
        left, bottom, right, top = box_of(path)
        if width > 4 and len(path) == 2 and min(right - left, top - bottom) < 1:
            side = (width / 2, 0.0) if top - bottom > right - left else (0.0, width / 2)
            yield left - side[0], bottom - side[1], right + side[0], top + side[1]


def _length(text: Any) -> int:
    parts = [part for part in text if isinstance(part, str | bytes)] if isinstance(text, list) else [text]
    return sum(len(part) - (part.count("\0") if isinstance(part, str) else 0) for part in parts)


def _matrix(values: Any) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values[:6])
    return a, b, c, d, e, f


def _box(values: Any) -> Box:
    left, bottom, right, top = (float(value) for value in values[:4])
    return left, bottom, right, top
