"""Whether a reader sees a run of text of a DOCX, by the formatting in force: its own, its styles', its table's, the
defaults, and what is behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from app.adapters.parsers.docx.colours import Theme
from app.adapters.parsers.docx.names import VAL, at, is_on, tag, value, whole
from app.adapters.parsers.docx.shapes import fill_behind
from app.adapters.parsers.docx.styles import Styles
from app.adapters.parsers.docx.table_styles import TableStyles
from app.adapters.parsers.drawing_colours import TOO_ALIKE, Colour, difference

_TINY_HALF_POINTS = 4
_TINY_TWIPS = 40
_NARROW_PERCENT = 5


@dataclass(frozen=True, slots=True)
class _Styling:
    """The run properties of the styles and defaults that hold for a run, nearest first, and what they say by
    themselves.
    """

    levels: tuple[list[Any], ...]
    vanishes: bool
    is_web_hidden: bool
    is_tiny: bool
    is_plain: bool

    @classmethod
    def of(cls, levels: tuple[list[Any], ...]) -> "_Styling":
        flat = [properties for level in levels for properties in level]
        plain = all(_first(flat, name) is None for name in ("w:color", "w14:textFill"))
        return cls(levels, _is_on("w:vanish", [], levels), _is_on("w:webHidden", [], levels), _is_tiny(flat), plain)


@dataclass
class DocxVisibility:
    styles: Styles
    table_styles: TableStyles
    theme: Theme
    _stylings: dict[tuple[Any, ...], _Styling] = field(default_factory=dict)
    _paragraph: Any = None
    _around: tuple[list[Any], list[Any], bool] = ([], [], False)

    def hides(self, run: Any, paragraph: Any, *, in_field: bool = False) -> bool:
        """in_field: inside of a field. Word marks page numbers of a table of contents as hidden on the web."""
        own = at(run, "w:rPr")
        styling, no_height = self._styling(own, paragraph)
        if no_height:
            return True
        if own is None and styling.is_plain:
            return styling.vanishes or styling.is_tiny or (styling.is_web_hidden and not in_field)
        mine = [] if own is None else [own]
        if _is_on("w:vanish", mine, styling.levels) or (not in_field and _is_on("w:webHidden", mine, styling.levels)):
            return True
        flat = [*mine, *(properties for level in styling.levels for properties in level)]
        return _is_tiny(flat) or self._fades(flat, paragraph)

    def _styling(self, own: Any, paragraph: Any) -> tuple[_Styling, bool]:
        """What holds for a run by its styles, and whether its paragraph has no height. Runs come in their order."""
        if paragraph is not self._paragraph:
            style, table = self.styles.of_paragraph(paragraph), self.table_styles.around(paragraph)
            self._paragraph, self._around = paragraph, (style, table, self._has_no_height(paragraph))
        style, table, no_height = self._around
        character = self.styles.chain("character", value(at(own, "w:rStyle")))
        key = (*map(id, character), None, *map(id, style), None, *map(id, table))
        if key not in self._stylings:
            defaults = self.styles.run_defaults
            levels = (*(_parts(chain, "w:rPr") for chain in (character, style, table)), [defaults])
            self._stylings[key] = _Styling.of(levels if defaults is not None else levels[:-1])
        return self._stylings[key], no_height

    def _has_no_height(self, paragraph: Any) -> bool:
        """Of its lines, or of the row of the table that it stands in."""
        for row in paragraph.iterancestors(tag("w:tr")):
            height = at(row, "w:trPr", "w:trHeight")
            if height is not None and _is_exactly_tiny(height, "w:hRule", "w:val"):
                return True
        for properties in self._of_paragraph(paragraph):
            spacing = at(properties, "w:spacing")
            if spacing is not None and spacing.get(tag("w:line")) is not None:
                return _is_exactly_tiny(spacing, "w:lineRule", "w:line")
        return False

    def _of_paragraph(self, paragraph: Any) -> Iterator[Any]:
        if (own := at(paragraph, "w:pPr")) is not None:
            yield own
        yield from _parts(self.styles.of_paragraph(paragraph), "w:pPr")

    def _fades(self, levels: list[Any], paragraph: Any) -> bool:
        if _is_transparent(levels):
            return True
        element = _first(levels, "w:color")
        colour = self.theme.colour_of(element, "w:val") if element is not None else None
        if colour is None:
            return False
        background = self._background(levels, paragraph)
        return background is not None and difference(colour, background) < TOO_ALIKE

    def _background(self, levels: list[Any], paragraph: Any) -> Colour | None:
        """The colour behind the text; None when it is not known."""
        highlight = _first(levels, "w:highlight")
        if value(highlight, "none") != "none":
            return self.theme.named(value(highlight))
        for properties in (*levels, *self._of_paragraph(paragraph)):
            if (shading := at(properties, "w:shd")) is not None and (found := self.theme.shading(shading)) is not False:
                return found
        if any(drawing.get("behindDoc") in ("1", "true") for drawing in paragraph.iter(tag("wp:anchor"))):
            return None
        for parent in paragraph.iterancestors(tag("w:tc"), tag("w:tbl"), tag("w:txbxContent")):
            if (found := self._behind(parent, paragraph)) is not False:
                return found
        return self.theme.page

    def _behind(self, parent: Any, paragraph: Any) -> Colour | Literal[False] | None:
        """The colour of a cell, a table or a text box; False when it shows what is behind itself."""
        if parent.tag == tag("w:txbxContent"):
            return fill_behind(parent, self.theme)
        if parent.tag == tag("w:tbl"):
            shadings = [at(parent, "w:tblPr", "w:shd")]
        else:
            shadings = [at(parent, "w:tcPr", "w:shd")]
            shadings += [at(part, "w:tcPr", "w:shd") for part in self.table_styles.of_cell(parent)]
            shadings.append(at(parent.getparent(), "w:tblPrEx", "w:shd"))
        for shading in shadings:
            if shading is not None and (found := self.theme.shading(shading)) is not False:
                return found
        return False


def _is_on(name: str, own: list[Any], styles: tuple[list[Any], ...]) -> bool:
    """A toggle: set by two styles it is off again, and what the run itself says is final."""
    if (final := _toggle(own, name)) is not None:
        return final
    return sum(bool(_toggle(style, name)) for style in styles) % 2 == 1


def _is_tiny(levels: list[Any]) -> bool:
    size, width = _number(levels, "w:sz"), _number(levels, "w:w")
    return (size is not None and size < _TINY_HALF_POINTS) or (width is not None and width < _NARROW_PERCENT)


def _is_exactly_tiny(element: Any, rule: str, size: str) -> bool:
    return element.get(tag(rule)) == "exact" and whole(element.get(tag(size)), _TINY_TWIPS) < _TINY_TWIPS


def _is_transparent(levels: list[Any]) -> bool:
    """Word 2010's text fill: none, or without opacity."""
    fill = _first(levels, "w14:textFill")
    if fill is None:
        return False
    if any(child.tag.endswith("}noFill") for child in fill):
        return True
    alphas = [each for each in fill.iter() if each.tag.endswith("}alpha")]
    return bool(alphas) and all(whole(_opacity(each), 0) > 90_000 for each in alphas)


def _first(levels: list[Any], name: str) -> Any:
    return next((found for level in levels if (found := at(level, name)) is not None), None)


def _parts(styles: list[Any], name: str) -> list[Any]:
    return [part for style in styles if (part := at(style, name)) is not None]


def _toggle(levels: list[Any], name: str) -> bool | None:
    found = _first(levels, name)
    return None if found is None else is_on(found)


def _number(levels: list[Any], name: str) -> float | None:
    found = _first(levels, name)
    return None if found is None else float(whole(found.get(VAL), 999))


def _opacity(element: Any) -> str:
    return next((written for name, written in element.attrib.items() if name.endswith("val")), "")
