"""Colours of a DOCX as RGB from 0 to 1: written out, by name or by the theme."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from lxml import etree

from app.adapters.parsers.docx.names import at, tag
from app.adapters.parsers.docx.package import parse_xml
from app.adapters.parsers.drawing_colours import BLACK, WHITE, Colour, hex_colour, mixed, painted, theme_slots

_SLOTS = {"background1": "lt1", "text1": "dk1", "background2": "lt2", "text2": "dk2"}
_SLOTS |= {"light1": "lt1", "dark1": "dk1", "light2": "lt2", "dark2": "dk2"}
_SLOTS |= {"hyperlink": "hlink", "followedHyperlink": "folHlink"}
_MAPPED = {"background1": "bg1", "text1": "t1", "background2": "bg2", "text2": "t2"}
_DRAWN = {"bg1": "background1", "tx1": "text1", "bg2": "background2", "tx2": "text2"}
_DEFAULT_THEME = {"lt1": WHITE, "dk1": BLACK, "lt2": (0.91, 0.9, 0.9), "dk2": (0.27, 0.33, 0.42)}
_NAMES = {
    "black": BLACK, "white": WHITE, "blue": (0.0, 0.0, 1.0), "cyan": (0.0, 1.0, 1.0), "green": (0.0, 1.0, 0.0),
    "magenta": (1.0, 0.0, 1.0), "red": (1.0, 0.0, 0.0), "yellow": (1.0, 1.0, 0.0), "darkBlue": (0.0, 0.0, 0.5),
    "darkCyan": (0.0, 0.5, 0.5), "darkGreen": (0.0, 0.5, 0.0), "darkMagenta": (0.5, 0.0, 0.5),
    "darkRed": (0.5, 0.0, 0.0), "darkYellow": (0.5, 0.5, 0.0), "darkGray": (0.5, 0.5, 0.5),
    "lightGray": (0.75, 0.75, 0.75),
}  # fmt: skip


@dataclass
class Theme:
    """page: the colour of the page."""

    slots: dict[str, Colour] = field(default_factory=lambda: dict(_DEFAULT_THEME))
    mapping: dict[str, str] = field(default_factory=dict)
    page: Colour = WHITE

    @classmethod
    def of(cls, document: Any, settings: Any, theme_part: bytes | None) -> "Theme":
        """document, settings: the roots of the main part, and of the settings if there are any."""
        theme = cls()
        if theme_part is not None:
            theme.slots |= _read(theme_part)
        mapping = at(settings, "w:clrSchemeMapping")
        if mapping is not None:
            theme.mapping = {name.rpartition("}")[2]: value for name, value in mapping.attrib.items()}
        page = at(document, "w:background")
        if page is not None and at(settings, "w:displayBackgroundShape") is not None:
            theme.page = theme.colour_of(page, "w:color") or WHITE
        return theme

    def colour_of(self, element: Any, written: str, kind: str = "theme") -> Colour | None:
        """The colour of an element: by its theme, else as written; None for none and for an automatic one.

        written: the attribute of the colour as written. kind: how the names of the theme's attributes begin.
        """
        named = element.get(tag(f"w:{kind}Color" if kind == "theme" else f"w:{kind}"))
        base = self._slot(named) if named else None
        if base is not None:
            return _shaded(base, element.get(tag(f"w:{kind}Tint")), element.get(tag(f"w:{kind}Shade")))
        return hex_colour(element.get(tag(written)))

    def shading(self, shading: Any) -> Colour | Literal[False] | None:
        """The colour of a shading; None when it is a pattern of two; False when it paints nothing."""
        pattern = shading.get(tag("w:val"), "clear")
        front, back = self.colour_of(shading, "w:color"), self.colour_of(shading, "w:fill", "themeFill")
        if pattern == "solid":
            return front or BLACK
        if pattern in ("clear", "nil") or front is None:
            return back or False
        share = re.fullmatch(r"pct(\d+)", pattern)
        weight = int(share[1]) / 100 if share else 0.5
        return mixed(front, back or WHITE, weight)

    def named(self, name: str) -> Colour | None:
        return _NAMES.get(name)

    def drawn(self, fill: Any) -> Colour | None:
        """The colour of a solid fill of a drawing; None when it is not known."""
        paint = painted(fill, lambda name: self._slot(_DRAWN.get(name, name)))
        return paint.on(None) if paint is not None else None

    def _slot(self, name: str) -> Colour | None:
        mapped = self.mapping.get(_MAPPED.get(name, ""), name)
        return self.slots.get(_SLOTS.get(mapped, mapped))


def _read(blob: bytes) -> dict[str, Colour]:
    try:
        return theme_slots(parse_xml(blob))
    except etree.XMLSyntaxError:
        return {}


def _shaded(base: Colour, tint: str | None, shade: str | None) -> Colour:
    """Tinted towards white, then shaded towards black; FF is not at all."""
    if tint:
        base = mixed(base, WHITE, int(tint, 16) / 255)
    return mixed(base, BLACK, int(shade, 16) / 255) if shade else base
