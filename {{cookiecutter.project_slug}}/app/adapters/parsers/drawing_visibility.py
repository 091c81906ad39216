"""Takes out of a drawing what a person does not see: hidden shapes, those without a size or outside of the slide, and
texts too small, too transparent or too much like what is behind them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.drawing_colours import Colour, Paint, share_of
from app.adapters.parsers.drawing_styles import MAX_LEVEL, NO_PAINT, DrawingStyles, fill_in, placeholder_of, whole_emu
from app.adapters.parsers.list_numbers import whole
from app.adapters.parsers.xml_parts import Element, local

_POINT = 12_700
_TINY = 200
_MAX_PAINTED = 300
_SHAPES = frozenset({"sp", "pic", "graphicFrame", "cxnSp"})
_NO_STYLE = frozenset({"{2D5ABB26-0587-4C30-8999-92F81FD0307C}", "{5940675A-B579-460E-94D1-54222C63F5DA}"})


class _Box(NamedTuple):
    """On the slide. exact: not turned, so that the shape fills it as far as its outline does."""

    left: float
    top: float
    right: float
    bottom: float
    exact: bool

    def holds(self, other: "_Box") -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def meets(self, other: "_Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


class _Place(NamedTuple):
    """From the units of a group to the slide: a factor and a distance for either side."""

    wide: float = 1.0
    x: float = 0.0
    high: float = 1.0
    y: float = 0.0

    def box(self, left: float, top: float, width: float, height: float, *, turned: bool) -> _Box:
        left, right = sorted((self.wide * left + self.x, self.wide * (left + width) + self.x))
        top, bottom = sorted((self.high * top + self.y, self.high * (top + height) + self.y))
        if not turned:
            return _Box(left, top, right, bottom, exact=True)
        reach = ((right - left) ** 2 + (bottom - top) ** 2) ** 0.5 / 2
        x, y = (left + right) / 2, (top + bottom) / 2
        return _Box(x - reach, y - reach, x + reach, y + reach, exact=False)


class _Painted(NamedTuple):
    """box: None when nobody knows where it is. colour: None when it is not one known colour."""

    box: _Box | None
    colour: Colour | None


def take_unseen(root: Element, styles: DrawingStyles, ground: Colour | None) -> str:
    """Take the shapes and texts that a person does not see out of a drawing; returns their text.

    ground: the colour behind the drawing; None when it is not one known colour.
    """
    drawing = _Drawing(styles, ground)
    for layer in _drawn_below(root, styles):
        drawing.follow(layer, take=False)
    drawing.follow(root, take=True)
    return "\n".join(drawing.taken)


def take_unseen_texts(root: Element) -> str:
    """As `take_unseen`, for texts of which nobody knows where they stand."""
    drawing = _Drawing(DrawingStyles(), None)
    for paragraph in root.iter("{*}p"):
        drawing.look_at(paragraph, [], 1.0, None)
    return "\n".join(drawing.taken)


def _drawn_below(root: Element, styles: DrawingStyles) -> Iterator[Element]:
    """The roots of the master and of the layout, as far as their shapes are shown below those of the slide."""
    roots = [root, *(layer.root for layer in styles.layers)]
    shown = [index for index in range(1, len(roots)) if all(_shows_below(each) for each in roots[:index])]
    yield from (roots[index] for index in reversed(shown))


def _shows_below(root: Element) -> bool:
    return root.get("showMasterSp") not in ("0", "false")


@dataclass
class _Drawing:
    styles: DrawingStyles
    ground: Colour | None
    taken: list[str] = field(default_factory=list)
    _painted: list[_Painted] = field(default_factory=list)
    _texts: list[tuple[Element, _Box]] = field(default_factory=list)

    def follow(self, root: Element, *, take: bool) -> None:
        """Go over the shapes, from the one behind to the one in front. take: those of a layout or a master stay."""
        tree = root.find("{*}cSld/{*}spTree")
        stack: list[tuple[Element, _Place | None]] = [(root if tree is None else tree, _Place())]
        while stack:
            element, place = stack.pop()
            tag = local(element)
            if tag == "Fallback":
                continue
            if _is_hidden(element):
                self._take(element, take=take)
            elif tag in _SHAPES:
                self._shape(element, self._box(element, place), take=take)
            else:
                inner = _inside(element, place) if tag == "grpSp" else place
                stack.extend((child, inner) for child in reversed(element))

    def look_at(self, paragraph: Element, levels: list[Element], scale: float, ground: Colour | None) -> None:
        """Take the unseen runs out of a paragraph. levels: of its text styles; scale: of its sizes."""
        inherited = [each if local(each) == "fontRef" else each.find("{*}defRPr") for each in levels]
        for run in [each for each in paragraph if local(each) in ("r", "fld")]:
            chain = [each for each in (run.find("{*}rPr"), *inherited) if each is not None]
            if _is_tiny(chain, scale) or self._fades(chain, ground):
                self._take(run)

    def _shape(self, shape: Element, box: _Box | None, *, take: bool) -> None:
        tag = local(shape)
        fill = self._fill(shape) if tag == "sp" else None
        if take and self._is_nowhere(shape, box) and (tag == "sp" or shape.find(".//{*}tbl") is not None):
            self._take(shape)
            return
        if take and tag == "sp":
            behind = _seen(fill, self._behind(box))
            for body in shape.iterfind("{*}txBody"):
                self._text(body, behind)
        elif take and tag == "graphicFrame":
            self._cells(shape, box)
        if not take and placeholder_of(shape) is not None:
            return
        if tag != "cxnSp" and (fill is None or fill.alpha > 0) and len(self._painted) <= _MAX_PAINTED:
            whole_box = box is not None and box.exact and _is_rectangle(shape)
            self._painted.append(_Painted(box, _seen(fill, self._behind(box)) if whole_box else None))
            if box is not None and whole_box and take and fill is not None and fill.on(None) is not None:
                self._cover(box)
        if take and tag == "sp" and box is not None and len(self._texts) < _MAX_PAINTED:
            self._texts.append((shape, box))

    def _cover(self, box: _Box) -> None:
        """Take the texts out that an opaque shape is drawn over, unless one of them may leave its place."""
        root = self.styles.slide
        if root is not None and root.find("{*}timing") is None:
            for shape, _ in [each for each in self._texts if box.holds(each[1])]:
                for body in shape.iterfind("{*}txBody"):
                    self._take(body)

    def _cells(self, frame: Element, box: _Box | None) -> None:
        for table in frame.iterfind(".//{*}tbl"):
            properties = table.find("{*}tblPr")
            style = properties.findtext("{*}tableStyleId") if properties is not None else None
            own = fill_in(properties)
            behind = self._behind(box)
            if own is not None:
                behind = _seen(self.styles.paint_of(own), behind)
            elif style is not None and style not in _NO_STYLE:
                behind = None
            for cell in table.iterfind("{*}tr/{*}tc"):
                fill = fill_in(cell.find("{*}tcPr"))
                ground = _seen(self.styles.paint_of(fill), behind) if fill is not None else behind
                for body in cell.iterfind("{*}txBody"):
                    self._text(body, ground)

    def _text(self, body: Element, ground: Colour | None) -> None:
        fit = body.find("{*}bodyPr/{*}normAutofit")
        scale = share_of(fit.get("fontScale")) if fit is not None else None
        levels: dict[int, list[Element]] = {}
        for paragraph in body.iterfind("{*}p"):
            properties = paragraph.find("{*}pPr")
            level = whole(properties.get("lvl"), 0) if properties is not None else 0
            level = min(level, MAX_LEVEL)
            if level not in levels:
                levels[level] = self.styles.text_levels(body, level)
            self.look_at(paragraph, levels[level], 1.0 if scale is None else scale, ground)

    def _fill(self, shape: Element) -> Paint | None:
        """None when it is not one known colour."""
        for each in self.styles.followed(shape):
            if (fill := fill_in(each.find("{*}spPr"))) is not None:
                return self.styles.paint_of(fill)
        reference = shape.find("{*}style/{*}fillRef")
        return self.styles.referred(reference) if reference is not None else NO_PAINT

    def _fades(self, chain: list[Element], ground: Colour | None) -> bool:
        """Whether nobody sees anything of what a text paints on this ground: letters, outlines, glow and shadow."""
        if (mark := _first(chain, "highlight")) is not None:
            ground = _seen(self.styles.paint_of(mark), ground)
        paints = [*self._letters(chain)]
        if (outline := fill_in(_first(chain, "ln"))) is not None:
            paints.append(self.styles.paint_of(outline))
        effects = _first(chain, "effectLst")
        paints += (self.styles.paint_of(each) for each in (effects if effects is not None else ()))
        return all(paint is not None and paint.fades(ground) for paint in paints)

    def _letters(self, chain: list[Element]) -> Iterator[Paint | None]:
        """What paints the letters of a text; None for what is not known, as where nothing is said."""
        for properties in chain:
            link = properties.find("{*}hlinkClick")
            if link is not None and link.find(".//{*}hlinkClr[@val='tx']") is None:
                colour = self.styles.slot("hlink")
                yield Paint(colour) if colour is not None else None
                return
            fill = properties if local(properties) == "fontRef" and len(properties) else fill_in(properties)
            if fill is not None and local(fill) == "gradFill":
                yield from (self.styles.paint_of(stop) for stop in fill.iterfind("{*}gsLst/{*}gs"))
                return
            if fill is not None:
                yield self.styles.paint_of(fill)
                return
        yield None

    def _behind(self, box: _Box | None) -> Colour | None:
        """The colour of what is painted so far at that place."""
        if len(self._painted) > _MAX_PAINTED or (box is None and self._painted):
            return None
        for painted in reversed(self._painted):
            if box is None or painted.box is None:
                return None
            if painted.box.holds(box):
                return painted.colour
            if painted.box.meets(box):
                return None
        return self.ground

    def _box(self, shape: Element, place: _Place | None) -> _Box | None:
        """None where it cannot be told; in a spreadsheet, the cells below say where a shape stands."""
        if self.styles.size is None or place is None:
            return None
        for each in self.styles.followed(shape):
            frame = each.find("{*}xfrm") if local(each) == "graphicFrame" else each.find("{*}spPr/{*}xfrm")
            numbers = _numbers(frame, "off", "ext")
            if frame is not None and numbers is not None:
                turned = whole(frame.get("rot", "0").lstrip("-"), 1) % 10_800_000 != 0
                return place.box(*numbers, turned=turned)
        return None

    def _is_nowhere(self, shape: Element, box: _Box | None) -> bool:
        """Whether it has no size, or lies wholly outside of the slide."""
        if box is None or self.styles.size is None:
            return False
        width, height = self.styles.size
        outside = box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height
        return outside or (local(shape) == "sp" and _has_no_size(shape, box))

    def _take(self, element: Element, *, take: bool = True) -> None:
        texts = ("".join(each.text or "" for each in part.iter("{*}t")) for part in _texts(element))
        parent = element.getparent()
        if take and parent is not None:
            self.taken.append(squeeze(" ".join(texts)))
            parent.remove(element)


def _texts(element: Element) -> Iterator[Element]:
    yield from element.iter("{*}p") if local(element) not in ("r", "fld") else (element,)


def _is_hidden(element: Element) -> bool:
    """Whether the selection pane of the program hides the shape."""
    return any(each.get("hidden") in ("1", "true") for each in element.iterfind("./*/{*}cNvPr"))


def _is_tiny(chain: list[Element], scale: float) -> bool:
    size = next((each.get("sz") for each in chain if each.get("sz") is not None), None)
    return size is not None and whole(size, _TINY) * scale < _TINY


def _is_rectangle(shape: Element) -> bool:
    """Whether it fills its box, apart from round corners."""
    geometry = shape.find("{*}spPr/{*}prstGeom")
    custom = shape.find("{*}spPr/{*}custGeom")
    return custom is None and (geometry is None or geometry.get("prst") in ("rect", "roundRect"))


def _has_no_size(shape: Element, box: _Box) -> bool:
    """Whether no text is seen in a shape so narrow or, where it cuts its text off, so low."""
    properties = shape.find("{*}txBody/{*}bodyPr")
    if properties is None:
        return box.right - box.left < _POINT
    if properties.get("wrap") == "none" or properties.find("{*}spAutoFit") is not None:
        return False
    cut = properties.get("vertOverflow") in ("clip", "ellipsis") and box.bottom - box.top < _POINT
    return cut or box.right - box.left < _POINT


def _first(chain: list[Element], name: str) -> Element | None:
    return next((found for each in chain if (found := each.find(f"{{*}}{name}")) is not None), None)


def _seen(paint: Paint | None, ground: Colour | None) -> Colour | None:
    return paint.on(ground) if paint is not None else None


def _inside(group: Element, place: _Place | None) -> _Place | None:
    """The place of what stands in a group; None when it cannot be told."""
    frame = group.find("{*}grpSpPr/{*}xfrm")
    if frame is None or place is None:
        return place
    outer, inner = _numbers(frame, "off", "ext"), _numbers(frame, "chOff", "chExt")
    if outer is None or inner is None:
        return place
    if frame.get("rot", "0") != "0" or 0 in inner[2:]:
        return None
    wide, high = outer[2] / inner[2], outer[3] / inner[3]
    return _Place(
        place.wide * wide,
        place.wide * (outer[0] - wide * inner[0]) + place.x,
        place.high * high,
        place.high * (outer[1] - high * inner[1]) + place.y,
    )


def _numbers(frame: Element | None, corner: str, size: str) -> tuple[int, int, int, int] | None:
    start = frame.find(f"{{*}}{corner}") if frame is not None else None
    extent = frame.find(f"{{*}}{size}") if frame is not None else None
    if start is None or extent is None:
        return None
    x, y = whole_emu(start.get("x"), 0), whole_emu(start.get("y"), 0)
    return x, y, whole_emu(extent.get("cx"), _POINT), whole_emu(extent.get("cy"), _POINT)
