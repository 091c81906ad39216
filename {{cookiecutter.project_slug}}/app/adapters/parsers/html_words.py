"""The text nodes of a page with the places in which they stand, apart from the walk that writes the document."""

from collections.abc import Iterator, Set
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.css_cascade import Applied, inline_declarations
from app.adapters.parsers.html_elements import APART, CONTENT, NEVER_SHOWN, begins_line, declared_display, is_furniture
from app.safety.domain.text import normalise

_PLACES = {
    "table": "table",
    "button": "button",
    "summary": "details",
    "details": "details",
    "nav": "navigation",
    "footer": "footer",
    "header": "header",
    "aside": "aside",
    "ul": "list",
    "ol": "list",
    "dl": "list",
    "pre": "code",
    "figure": "figure",
    "form": "form",
    "select": "form",
    "textarea": "form",
    "svg": "drawing",
    "math": "formula",
    "dialog": "dialog",
}
_PLAIN = frozenset(
    {"a", "abbr", "b", "cite", "code", "em", "font", "i", "s", "small", "span", "strong", "sub", "sup", "u"}
)
"""Elements in a line that change nothing for their text."""
_PLACES |= {f"h{level}": "heading" for level in range(1, 7)}


class _Around(NamedTuple):
    """Where a text node stands. block: the element whose text is written together."""

    block: int = 0
    place: str = "page"
    display: str = ""
    in_content: bool = False
    shown: bool = True


def visible_words(root: LexborNode, applied: Applied, *, furniture: bool = False) -> Iterator[tuple[str, str]]:
    """Pieces of text that are written without a break, with their places; also text that the page's style hides.

    furniture: also the navigation and the footer of the page.
    """
    around: dict[int, _Around] = {}
    styled = {node.mem_id for node in root.css("[style]")}
    piece: list[str] = []
    at = _Around()
    for node in root.traverse(include_text=True):
        parent = node.parent
        outer = around.get(parent.mem_id, _Around()) if parent is not None else _Around()
        if node.is_element_node:
            here = around[node.mem_id] = _inner(node, outer, applied, styled, furniture)
            apart = here.block != outer.block
        else:
            here, apart = outer, False
        if piece and (apart or here.block != at.block):
            yield at.place, squeeze(normalise("".join(piece)).text)
            piece.clear()
        at = here
        if node.is_text_node and here.shown:
            piece.append(node.text_content or "")
    if piece:
        yield at.place, squeeze(normalise("".join(piece)).text)


def _inner(node: LexborNode, outer: _Around, applied: Applied, styled: Set[int], furniture: bool) -> _Around:
    tag = (node.tag or "").lower()
    declarations = applied.get(node.mem_id, ())
    if tag in _PLAIN and not outer.display and not declarations and node.mem_id not in styled:
        return outer
    style = node.attributes.get("style") if node.mem_id in styled else None
    display = declared_display((*declarations, *inline_declarations(style)) if style else declarations)
    apart = tag in APART or begins_line(tag, display, outer.display) or (tag == "tspan" and bool(node.attributes))
    return _Around(
        node.mem_id if apart else outer.block,
        _PLACES.get(tag, outer.place),
        display,
        outer.in_content or furniture or tag in CONTENT,
        outer.shown and tag not in NEVER_SHOWN and not is_furniture(tag, in_content=outer.in_content or furniture),
    )
