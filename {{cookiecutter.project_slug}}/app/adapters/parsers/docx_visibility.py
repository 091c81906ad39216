"""Whether a reader sees a run of text of a DOCX, by the formatting in force: its own, its styles', the defaults, and
the shading of its paragraph, its cell and its table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docx.document import Document
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from app.adapters.parsers.docx_colours import Colour, Theme

_TINY_HALF_POINTS = 4
_TINY_TWIPS = 40
_NARROW_PERCENT = 5
_TOO_ALIKE = 0.12
_MAX_DEPTH = 20
_OFF = frozenset({"0", "false", "off", "none"})


@dataclass
class DocxVisibility:
    document: Document
    theme: Theme = field(init=False)
    _styles: dict[str, Any] = field(default_factory=dict)
    _chains: dict[str, list[Any]] = field(default_factory=dict)
    _default_style: dict[str, str] = field(default_factory=dict)
    _defaults: Any = None

    def __post_init__(self) -> None:
        self.theme = Theme.of(self.document)
        styles = self.document.styles.element
        for style in styles.iterchildren(qn("w:style")):
            self._styles[style.get(qn("w:styleId"), "")] = style
            if style.get(qn("w:default")) in ("1", "true", "on"):
                self._default_style[style.get(qn("w:type"), "")] = style.get(qn("w:styleId"), "")
        self._defaults = styles.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")

    def hides(self, run: Run, paragraph: Paragraph) -> bool:
        own, character, style = self._levels(run, paragraph)
        if self._is_on("w:vanish", own, character, style) or self._is_on("w:webHidden", own, character, style):
            return True
        levels = [*own, *character, *style, *([self._defaults] if self._defaults is not None else [])]
        if (size := _number(levels, "w:sz")) is not None and size < _TINY_HALF_POINTS:
            return True
        if (width := _number(levels, "w:w")) is not None and width < _NARROW_PERCENT:
            return True
        return self._has_no_height(paragraph) or self._fades(levels, run, paragraph)

    def _levels(self, run: Run, paragraph: Paragraph) -> tuple[list[Any], list[Any], list[Any]]:
        """The properties of the run itself, of its character style and of its paragraph style, nearest first."""
        own = run._r.rPr
        named = None if own is None else own.find(qn("w:rStyle"))
        character = self._chain(named.get(qn("w:val")) if named is not None else self._default_style.get("character"))
        style = self._chain(self._paragraph_style(paragraph))
        return [own] if own is not None else [], _parts(character, "w:rPr"), _parts(style, "w:rPr")

    def _paragraph_style(self, paragraph: Paragraph) -> str | None:
        properties = paragraph._p.pPr
        named = None if properties is None else properties.find(qn("w:pStyle"))
        return named.get(qn("w:val")) if named is not None else self._default_style.get("paragraph")

    def _chain(self, style_id: str | None) -> list[Any]:
        """A style and those that it is based on."""
        if style_id is None:
            return []
        if style_id not in self._chains:
            chain: list[Any] = []
            at: str | None = style_id
            while at is not None and (style := self._styles.get(at)) is not None and len(chain) < _MAX_DEPTH:
                chain.append(style)
                based = style.find(qn("w:basedOn"))
                at = based.get(qn("w:val")) if based is not None else None
            self._chains[style_id] = chain
        return self._chains[style_id]

    def _is_on(self, name: str, own: list[Any], character: list[Any], style: list[Any]) -> bool:
        """A toggle: set by both styles it is off again, and what the run itself says is final."""
        if (final := _toggle(own, name)) is not None:
            return final
        return bool(_toggle(character, name)) != bool(_toggle(style, name))

    def _has_no_height(self, paragraph: Paragraph) -> bool:
        """Of its lines, or of the row of the table that it stands in."""
        for row in paragraph._p.iterancestors(qn("w:tr")):
            height = row.find(f"{qn('w:trPr')}/{qn('w:trHeight')}")
            if height is not None and _is_exactly_tiny(height, "w:hRule", "w:val"):
                return True
        own = [paragraph._p.pPr] if paragraph._p.pPr is not None else []
        for properties in (*own, *_parts(self._chain(self._paragraph_style(paragraph)), "w:pPr")):
            spacing = properties.find(qn("w:spacing"))
            if spacing is not None and spacing.get(qn("w:line")) is not None:
                return _is_exactly_tiny(spacing, "w:lineRule", "w:line")
        return False

    def _fades(self, levels: list[Any], run: Run, paragraph: Paragraph) -> bool:
        if _is_transparent(levels):
            return True
        element = _first(levels, "w:color")
        colour = self.theme.colour_of(element, "w:val") if element is not None else None
        if colour is None:
            return False
        background = self._background(levels, paragraph)
        return background is not None and max(abs(a - b) for a, b in zip(colour, background, strict=True)) < _TOO_ALIKE

    def _background(self, levels: list[Any], paragraph: Paragraph) -> Colour | None:
        """The colour behind the text; None when it is not known."""
        highlight = _first(levels, "w:highlight")
        if highlight is not None and highlight.get(qn("w:val")) not in (None, "none"):
            return self.theme.named(highlight.get(qn("w:val")))
        for properties in (*levels, *self._around(paragraph)):
            shading = properties.find(qn("w:shd"))
            if shading is not None and (found := self.theme.shading(shading)) is not False:
                return found
        return self.theme.page

    def _around(self, paragraph: Paragraph) -> Iterator[Any]:
        """The properties of the paragraph, its style, and of the cells and tables that it stands in."""
        if paragraph._p.pPr is not None:
            yield paragraph._p.pPr
        yield from _parts(self._chain(self._paragraph_style(paragraph)), "w:pPr")
        for parent in paragraph._p.iterancestors():
            for name in ("w:tcPr", "w:tblPr"):
                if (properties := parent.find(qn(name))) is not None:
                    yield properties
            table_style = parent.find(f"{qn('w:tblPr')}/{qn('w:tblStyle')}")
            if table_style is not None:
                for style in self._chain(table_style.get(qn("w:val"))):
                    yield from style.iter(qn("w:tcPr"))


def _is_exactly_tiny(element: Any, rule: str, size: str) -> bool:
    return element.get(qn(rule)) == "exact" and _int(element.get(qn(size)), _TINY_TWIPS) < _TINY_TWIPS


def _is_transparent(levels: list[Any]) -> bool:
    """Word 2010's text fill: none, or without opacity."""
    fill = _first(levels, "w14:textFill")
    if fill is None:
        return False
    if any(child.tag.endswith("}noFill") for child in fill):
        return True
    alphas = [each for each in fill.iter() if each.tag.endswith("}alpha")]
    return bool(alphas) and all(_int(_value(each), 0) > 90_000 for each in alphas)


_W14 = "http://schemas.microsoft.com/office/word/2010/wordml"


def _tag(name: str) -> str:
    return f"{{{_W14}}}{name[4:]}" if name.startswith("w14:") else qn(name)


def _first(levels: list[Any], name: str) -> Any:
    tag = _tag(name)
    return next((found for level in levels if (found := level.find(tag)) is not None), None)


def _parts(styles: list[Any], name: str) -> list[Any]:
    return [part for style in styles if (part := style.find(qn(name))) is not None]


def _toggle(levels: list[Any], name: str) -> bool | None:
    found = _first(levels, name)
    return None if found is None else found.get(qn("w:val"), "true").lower() not in _OFF


def _number(levels: list[Any], name: str) -> float | None:
    found = _first(levels, name)
    return None if found is None else float(_int(found.get(qn("w:val")), 999))


def _value(element: Any) -> str:
    return next((value for name, value in element.attrib.items() if name.endswith("val")), "")


def _int(text: str | None, default: int) -> int:
    try:
        return round(float((text or "").rstrip("%pt")))
    except ValueError:
        return default
