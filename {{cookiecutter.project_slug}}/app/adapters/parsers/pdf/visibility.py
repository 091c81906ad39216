"""Visibility of text on a PDF page: contrast with what it is painted on, opacity, size, place, clip, layers, and what
is painted over it later.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject

from app.adapters.parsers.pdf.areas import Area, Areas
from app.adapters.parsers.pdf.colours import WHITE, Colour
from app.adapters.parsers.pdf.geometry import (
    IDENTITY,
    Box,
    Matrix,
    Point,
    area,
    at,
    box_from,
    box_of,
    common,
    contains,
    curve,
    extents,
    matrix_of,
    rectangle,
    samples,
    scale,
    times,
)
from app.adapters.parsers.pdf.graphics_state import GraphicsState
from app.adapters.parsers.pdf.layers import Layers

_TOO_ALIKE = 0.1
_OPAQUE, _TRANSPARENT = 0.9, 0.1
_TINY_POINTS = 1.5
_SHOWN_SHARE = 0.15
_COVERED = 0.85
_SCAN_SHARE = 0.25
_BLANK_IMAGE_PIXELS = 64
_FILLS = {b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"}
_STROKES = {b"S", b"s", b"B", b"B*", b"b", b"b*"}
_ENDS = _FILLS | _STROKES | {b"n"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A text that a page shows. box: in text space. painted: how many covers were painted before it. inked: whether it
    leaves a mark; the recognised text of a scan does not.
    """

    number: int
    placed: Matrix
    box: Box
    painted: int
    inked: bool

    @property
    def points(self) -> list[Point]:
        return samples(self.placed, self.box)


@dataclass
class _Form:
    """What to return to after a form: graphics state, saved states, resources, open layers."""

    state: GraphicsState
    saved: int
    resources: DictionaryObject
    layers: int


@dataclass
class PageVisibility:
    """Follows the operators of a page, and finds the texts that its reader cannot see, by their numbers."""

    page: PageObject
    layers: Layers
    state: GraphicsState = field(default_factory=GraphicsState)
    _saved: list[GraphicsState] = field(default_factory=list)
    _forms: list[_Form] = field(default_factory=list)
    _marked: list[bool] = field(default_factory=list)
    _paths: list[list[Point]] = field(default_factory=list)
    _clips: bool = False
    _hidden: set[int] = field(default_factory=set)
    _shown: list[_Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.box = common(box_from(self.page.mediabox), box_from(self.page.cropbox))
        self._grounds, self._covers, self._pictures = (Areas(self.box) for _ in range(3))
        self.resources: Any = self.page.get("/Resources", DictionaryObject()).get_object()

    def hidden(self) -> frozenset[int]:
        """All texts were shown."""
        for shown in self._shown:
            if (not shown.inked and not self._is_in_scan(shown.points)) or (self._covers and self._is_covered(shown)):
                self._hidden.add(shown.number)
        return frozenset(self._hidden)

    @property
    def picture_share(self) -> float:
        """The share of the page that pictures take up, from 0 to 1."""
        shown = sum(area(common(picture.box, self.box)) for picture in self._pictures)
        return min(1.0, shown / max(area(self.box), 1))

    def _is_in_scan(self, points: list[Point]) -> bool:
        """Whether pictures so large that they may be the page itself are behind or before it."""
        pictures = self._pictures.around(points)
        shares = sum(area(common(picture.box, self.box)) for picture in pictures) / max(area(self.box), 1)
        return shares >= _SCAN_SHARE and _covered(points, pictures)

    def _is_covered(self, shown: _Shown) -> bool:
        points = shown.points
        covers = self._covers.around(points, shown.painted)
        return _covered(points, [cover for cover in covers if shown.inked or not cover.picture])

    def follow(self, operator: bytes, operands: Any) -> None:
        """Any operator but those that place or show text, and those that draw an object."""
        if operator == b"q":
            self._saved.append(copy(self.state))
        elif operator == b"Q":
            self.state = self._saved.pop() if self._saved else GraphicsState()
        elif operator in (b"BMC", b"BDC"):
            self._marked.append(operator == b"BDC" and self._is_off(operands))
        elif operator == b"EMC":
            del self._marked[-1:]
        elif operator == b"INLINE IMAGE":
            settings = operands["settings"]
            self._image(int(settings.get("/W", 99)) * int(settings.get("/H", 99)))
        elif operator == b"sh":
            self._paint(self._area([rectangle(IDENTITY, self.state.clip or self.box)], None))
        elif not self.state.apply(operator, operands, self.resources):
            self._trace(operator, operands)

    def enter(self, content: Any, matrix: Matrix | None = None) -> None:
        """Draw an object, which may be an image or a form. matrix: where an annotation stands."""
        self._forms.append(_Form(copy(self.state), len(self._saved), self.resources, len(self._marked)))
        self._marked.append("/OC" in content and self.layers.hides(content["/OC"]))
        if content.get("/Subtype") == "/Image":
            self._image(int(content.get("/Width", 99)) * int(content.get("/Height", 99)), content)
            return
        if matrix:
            self.state.cm = times(matrix, self.state.cm)
        if "/Matrix" in content:
            self.state.cm = times(matrix_of(content["/Matrix"].get_object()), self.state.cm)
        if "/BBox" in content:
            self._clip(box_of(rectangle(self.state.cm, box_from(content["/BBox"].get_object()))))
        if "/Resources" in content:
            self.resources = content["/Resources"].get_object()

    def restart(self) -> None:
        """What follows has nothing of the content before it."""
        self.state = GraphicsState()
        self._saved.clear()
        self._marked.clear()

    def leave(self) -> None:
        form = self._forms.pop()
        self.state, self.resources = form.state, form.resources
        del self._saved[form.saved :], self._marked[form.layers :]

    def resource(self, kind: str, name: Any) -> Any:
        listed: Any = self.resources[kind].get_object()
        return listed[name].get_object()

    def show(self, number: int, placed: Matrix, width: float) -> None:
        """A text is shown. placed: from text space to the page. width: in text space."""
        state = self.state
        box = (0.0, state.rise, max(width, 0.1), state.rise + 0.6 * state.size)
        if self._is_unseen(placed, box):
            self._hidden.add(number)
        else:
            self._shown.append(_Shown(number, placed, box, len(self._covers), self._leaves_ink(placed, box)))

    def _is_unseen(self, placed: Matrix, box: Box) -> bool:
        """Whether it is too small, out of place, or on a layer that is off."""
        state = self.state
        width, height = extents(placed)
        points = abs(state.size) * min(width * abs(state.stretch), height)
        if any(self._marked) or state.collapses or points < _TINY_POINTS:
            return True
        if not contains(self.box, at(placed, 0, state.rise), 20):
            return True
        if state.clip is None:
            return False
        occupied = box_of(rectangle(placed, box))
        return area(common(occupied, state.clip)) < _SHOWN_SHARE * area(occupied)

    def _leaves_ink(self, placed: Matrix, box: Box) -> bool:
        if max(alpha for _, alpha in self.state.paints) < _TRANSPARENT:
            return False
        if not self._grounds:
            return self._contrasts(WHITE)
        points = samples(placed, box)
        grounds = self._grounds.around(points)
        return sum(self._contrasts(_ground_at(point, grounds)) for point in points) > (1 - _COVERED) * len(points)

    def _contrasts(self, ground: Colour) -> bool:
        return ground is None or not all(_fades(colour, alpha, ground) for colour, alpha in self.state.paints)

    def _is_off(self, operands: list[Any]) -> bool:
        if str(operands[0]) != "/OC" or isinstance(operands[1], DictionaryObject):
            return False
        return self.layers.hides(self.resource("/Properties", operands[1]))

    def _image(self, pixels: int, image: Any = None) -> None:
        """An image of one colour is a box; any other may show the text that is beneath it, as in a scan."""
        picture = replace(self._area([rectangle(self.state.cm, (0, 0, 1, 1))], None), picture=True)
        blank = pixels <= _BLANK_IMAGE_PIXELS and (image is None or len(set(image.get_data())) < 2)
        if not any(self._marked):
            self._pictures.add(picture)
        self._paint(picture, covers=blank)

    def _trace(self, operator: bytes, operands: list[Any]) -> None:
        cm = self.state.cm
        if operator == b"re":
            x, y, width, height = map(float, operands)
            self._paths.append(rectangle(cm, (x, y, x + width, y + height)))
        elif operator == b"m":
            self._paths.append([at(cm, float(operands[0]), float(operands[1]))])
        elif operator in (b"l", b"c", b"v", b"y") and self._paths:
            path = self._paths[-1]
            numbers = [float(each) for each in operands]
            points = [at(cm, x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=False)]
            path += points if operator == b"l" else curve(path[-1], points[0], points[-2], points[-1])
        elif operator in (b"W", b"W*"):
            self._clips = True
        elif operator in _ENDS:
            self._end(operator)

    def _end(self, operator: bytes) -> None:
        paths, self._paths, clips, self._clips = self._paths, [], self._clips, False
        points = [point for path in paths for point in path]
        if operator in _FILLS and points:
            self._paint(replace(self._area(paths, self.state.fill), even_odd=operator.endswith(b"*")))
        if operator in _STROKES:
            for path in _thick_lines(paths, self.state.line_width * scale(self.state.cm)):
                self._paint(self._area([path], self.state.stroke))
        if clips:
            self._clip(box_of(points) if points else (0, 0, 0, 0))

    def _area(self, paths: list[list[Point]], colour: Colour) -> Area:
        return Area.of(paths, self.state.clip, colour)

    def _paint(self, area: Area, *, covers: bool = True) -> None:
        """What later text stands on, and what hides earlier text unless one sees through it."""
        if any(self._marked):
            return
        alpha, colour = self.state.alpha, area.colour
        if covers and alpha >= _OPAQUE and not self.state.blends:
            self._covers.add(area)
        if alpha < 1:
            left, bottom, right, top = area.box
            middle = ((left + right) / 2, (bottom + top) / 2)
            beneath = _ground_at(middle, self._grounds.around([middle]))
            colour = _mixed(colour, beneath, alpha)
        self._grounds.add(replace(area, colour=colour))

    def _clip(self, box: Box) -> None:
        self.state.clip = common(self.state.clip, box) if self.state.clip else box


def _ground_at(point: Point, grounds: list[Area]) -> Colour:
    return next((ground.colour for ground in reversed(grounds) if ground.holds(point)), WHITE)


def _covered(points: list[Point], areas: list[Area]) -> bool:
    """Whether the areas together cover nearly all of a text."""
    return sum(any(area.holds(point) for area in areas) for point in points) >= _COVERED * len(points)


def _fades(colour: Colour, alpha: float, ground: tuple[float, float, float]) -> bool:
    if colour is None:
        return False
    return alpha * max(abs(a - b) for a, b in zip(colour, ground, strict=True)) < _TOO_ALIKE


def _mixed(colour: Colour, beneath: Colour, alpha: float) -> Colour:
    if colour is None or beneath is None:
        return beneath if alpha < _TRANSPARENT else None
    red, green, blue = (alpha * a + (1 - alpha) * b for a, b in zip(colour, beneath, strict=True))
    return red, green, blue


def _thick_lines(paths: list[list[Point]], width: float) -> Iterator[list[Point]]:
    """Lines so thick that they hide text, where they run along an axis."""
    for path in paths:
        left, bottom, right, top = box_of(path)
        if width > 4 and len(path) == 2 and min(right - left, top - bottom) < 1:
            side = (width / 2, 0.0) if top - bottom > right - left else (0.0, width / 2)
            yield rectangle(IDENTITY, (left - side[0], bottom - side[1], right + side[0], top + side[1]))
