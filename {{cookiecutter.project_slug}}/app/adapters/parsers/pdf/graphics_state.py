"""The part of a PDF's graphics state that decides whether text can be seen."""

from dataclasses import dataclass
from typing import Any

from pypdf.generic import DictionaryObject, NameObject

from app.adapters.parsers.pdf.colours import (
    BLACK,
    Colour,
    colour_in,
    device_colour,
    initial_colour,
    paints_nothing,
)
from app.adapters.parsers.pdf.geometry import IDENTITY, Box, Matrix, matrix_of, times

_DEVICE = {b"g", b"rg", b"k", b"G", b"RG", b"K"}
_IN_SPACE = {b"sc", b"scn", b"SC", b"SCN"}


@dataclass
class GraphicsState:
    """cm: from user space to the page. stretch: horizontal scaling, 1 for none. blends: whether paint mixes with what
    is beneath it. clip: None for the whole page.
    """

    cm: Matrix = IDENTITY
    fill: Colour = BLACK
    stroke: Colour = BLACK
    fill_space: Any = "/DeviceGray"
    stroke_space: Any = "/DeviceGray"
    alpha: float = 1.0
    stroke_alpha: float = 1.0
    mode: int = 0
    size: float = 12.0
    stretch: float = 1.0
    rise: float = 0.0
    spacing: float = 0.0
    word_spacing: float = 0.0
    leading: float = 0.0
    line_width: float = 1.0
    blends: bool = False
    clip: Box | None = None

    @property
    def paints(self) -> tuple[tuple[Colour, float], ...]:
        """The colours and opacities that show text; an invisible mode is one without opacity."""
        fill = (self.fill, 0.0 if paints_nothing(self.fill_space) else self.alpha)
        stroke = (self.stroke, 0.0 if paints_nothing(self.stroke_space) else self.stroke_alpha)
        return {0: (fill,), 4: (fill,), 1: (stroke,), 5: (stroke,), 2: (fill, stroke), 6: (fill, stroke)}.get(
            self.mode, ((BLACK, 0.0),)
        )

    @property
    def collapses(self) -> bool:
        """Whether all letters are drawn on one spot."""
        return self.spacing < -0.4 * abs(self.size)

    def apply(self, operator: bytes, operands: list[Any], resources: Any) -> bool:
        """Whether it is an operator of this state."""
        if operator in _DEVICE:
            self._set(operator.isupper(), "/DeviceGray", device_colour([float(value) for value in operands]))
        elif operator in (b"cs", b"CS"):
            space = _space(operands[0], resources)
            self._set(operator.isupper(), space, initial_colour(space))
        elif operator in _IN_SPACE:
            self._colour(operator.isupper(), operands)
        elif operator == b"gs":
            self._extend(resources["/ExtGState"].get_object()[operands[0]].get_object())
        elif operator in _NUMBERS:
            name, factor = _NUMBERS[operator]
            setattr(self, name, float(operands[-1]) * factor)
        elif operator == b"cm":
            self.cm = times(matrix_of(operands), self.cm)
        elif operator == b"Tr":
            self.mode = int(operands[0])
        else:
            return False
        return True

    def _set(self, stroke: bool, space: Any, colour: Colour) -> None:
        if stroke:
            self.stroke_space, self.stroke = space, colour
        else:
            self.fill_space, self.fill = space, colour

    def _colour(self, stroke: bool, operands: list[Any]) -> None:
        space = self.stroke_space if stroke else self.fill_space
        numbers = all(isinstance(value, int | float) for value in operands)
        self._set(stroke, space, colour_in(space, [float(value) for value in operands]) if numbers else None)

    def _extend(self, extended: Any) -> None:
        self.alpha = float(extended.get("/ca", self.alpha))
        self.stroke_alpha = float(extended.get("/CA", self.stroke_alpha))
        self.line_width = float(extended.get("/LW", self.line_width))
        if "/BM" in extended:
            self.blends = extended["/BM"] not in ("/Normal", "/Compatible")
        if "/Font" in extended:
            self.size = float(extended["/Font"].get_object()[1])
        mask = extended.get("/SMask")
        if mask is not None and isinstance(mask.get_object(), DictionaryObject):
            group = mask.get_object()["/G"].get_object()
            if not group.get_data().strip():
                self.alpha = self.stroke_alpha = 0.0


_NUMBERS = {
    b"Tf": ("size", 1.0),
    b"Tz": ("stretch", 0.01),
    b"Ts": ("rise", 1.0),
    b"Tc": ("spacing", 1.0),
    b"Tw": ("word_spacing", 1.0),
    b"TL": ("leading", 1.0),
    b"w": ("line_width", 1.0),
}


def _space(name: Any, resources: DictionaryObject) -> Any:
    """A colour space by its name: a device space, or one of the page's resources."""
    spaces = resources.get("/ColorSpace")
    if isinstance(name, NameObject) and spaces is not None and name in spaces.get_object():
        return spaces.get_object()[name].get_object()
    return name
