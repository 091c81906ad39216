"""The styles of a DOCX: what each is based on, its name, and its place among headings and lists."""

import re
from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.docx.names import VAL, at, is_on, tag, value, whole

_MAX_DEPTH = 20
_NO_LEVEL = 9
_LEVEL = re.compile(r"(?:heading|überschrift|titre)\s*([1-9])", re.IGNORECASE)


@dataclass
class Styles:
    """root: of the part with the styles; None when there is none."""

    root: Any
    run_defaults: Any = None
    _styles: dict[str, Any] = field(default_factory=dict)
    _chains: dict[str, list[Any]] = field(default_factory=dict)
    _default: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.root is None:
            return
        for style in self.root.iterchildren(tag("w:style")):
            self._styles[style.get(tag("w:styleId"), "")] = style
            if style.get(tag("w:default")) in ("1", "true", "on"):
                self._default[style.get(tag("w:type"), "")] = style.get(tag("w:styleId"), "")
        self.run_defaults = at(self.root, "w:docDefaults", "w:rPrDefault", "w:rPr")

    def chain(self, kind: str, style_id: str) -> list[Any]:
        """A style and those that it is based on; the default of its kind for an empty id."""
        style_id = style_id or self._default.get(kind, "")
        if style_id not in self._chains:
            chain: list[Any] = []
            following = style_id
            while (style := self._styles.get(following)) is not None and len(chain) < _MAX_DEPTH:
                chain.append(style)
                following = value(at(style, "w:basedOn"))
            self._chains[style_id] = chain
        return self._chains[style_id]

    def of_paragraph(self, paragraph: Any) -> list[Any]:
        return self.chain("paragraph", value(at(paragraph, "w:pPr", "w:pStyle")))

    def name_of(self, paragraph: Any) -> str:
        chain = self.of_paragraph(paragraph)
        return value(at(chain[0], "w:name")) if chain else value(at(paragraph, "w:pPr", "w:pStyle"))

    def heading_level(self, paragraph: Any) -> int:
        """0 when it is no heading."""
        if self.name_of(paragraph) == "Title":
            return 1
        for part in (paragraph, *self.of_paragraph(paragraph)):
            if (outline := at(part, "w:pPr", "w:outlineLvl")) is not None:
                level = whole(value(outline), _NO_LEVEL)
                return level + 1 if 0 <= level < _NO_LEVEL else 0
            if named := _LEVEL.match(value(at(part, "w:name"))):
                return int(named[1])
        named = _LEVEL.match(self.name_of(paragraph))
        return int(named[1]) if named else 0

    def is_bold(self, run: Any, paragraph: Any) -> bool:
        own = at(run, "w:rPr")
        chain = [*self.chain("character", value(at(own, "w:rStyle"))), *self.of_paragraph(paragraph)]
        written = (own, *(at(style, "w:rPr") for style in chain))
        return is_on(next((found for part in written if (found := at(part, "w:b")) is not None), None))

    def list_of(self, paragraph: Any) -> tuple[str, int | None, str]:
        """The number of its list, empty for none; its depth, None when its style decides; and that style."""
        number, depth, of_style = "", None, ""
        for part in (paragraph, *self.of_paragraph(paragraph)):
            listed = at(part, "w:pPr", "w:numPr")
            if listed is None:
                continue
            if depth is None and (level := at(listed, "w:ilvl")) is not None:
                depth = whole(level.get(VAL), 0)
            if (found := at(listed, "w:numId")) is not None:
                number, of_style = value(found), part.get(tag("w:styleId"), "")
                break
        return ("" if number == "0" else number), depth, of_style

    def numbering_style(self, style_id: str) -> str | None:
        """The list that a style for lists refers to."""
        return value(at(self._styles.get(style_id), "w:pPr", "w:numPr", "w:numId")) or None
