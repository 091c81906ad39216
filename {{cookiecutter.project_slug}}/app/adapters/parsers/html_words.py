"""The text nodes of a page with the places in which they stand, apart from the walk that writes the document."""

from collections.abc import Iterator, Set
from itertools import islice
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.css_cascade import Applied, inline_declarations
from app.adapters.parsers.html_elements import (
    APART,
    CONTENT,
    FURNITURE,
    NEVER_SHOWN,
    begins_line,
    declared_display,
    is_furniture,
    is_never_shown,
)
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
_LEFT_OUT = ", ".join(sorted(NEVER_SHOWN | FURNITURE))
_MAX_LEFT_OUT, _MAX_DEPTH = 2_000, 100
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


def text_pieces(tree: LexborHTMLParser) -> list[str]:
    """The same text in smaller pieces, or none where that is not as simple. The tree loses what is never shown."""
    left_out = list(_left_out(tree))
    if tree.root is None or None in left_out:
        return []
    for node in filter(None, left_out):
        node.decompose()
    text = normalise(tree.root.text(separator="\n")).text
    lines = text.split("\n")
    return lines if text.isascii() and "  " not in text and "\t" not in text else list(map(squeeze, lines))


def _left_out(tree: LexborHTMLParser) -> Iterator[LexborNode | None]:
    """The outermost elements whose text no reader sees; ends with None where there are too many, or too deep."""
    known = set[int]()
    nodes = tree.css(_LEFT_OUT)
    if len(nodes) > _MAX_LEFT_OUT:
        yield None
        return
    for node in nodes:
        around = list(islice(_ancestors(node), _MAX_DEPTH + 1))
        if len(around) > _MAX_DEPTH:
            yield None
            return
        tag = node.tag or ""
        shown = any(each.tag in CONTENT for each in around) if tag in FURNITURE else not is_never_shown(tag, node)
        if not shown and not any(each.mem_id in known for each in around):
            known.add(node.mem_id)
            yield node


def _ancestors(node: LexborNode) -> Iterator[LexborNode]:
    while (parent := node.parent) is not None:
        yield parent
        node = parent


def _inner(node: LexborNode, outer: _Around, applied: Applied, styled: Set[int], furniture: bool) -> _Around:
    tag = (node.tag or "").lower()
    declarations = applied.get(node.mem_id, ())
    if tag in _PLAIN and not outer.display and not declarations and node.mem_id not in styled:
        return outer
    style = node.attributes.get("style") if node.mem_id in styled else None
    display = declared_display((*declarations, *inline_declarations(style)) if style else declarations)
    in_content = outer.in_content or furniture
    apart = tag in APART or begins_line(tag, display, outer.display) or (tag == "tspan" and bool(node.attributes))
    shown = not is_never_shown(tag, node) and not is_furniture(tag, in_content=in_content)
    return _Around(
        node.mem_id if apart else outer.block,
        _PLACES.get(tag, outer.place),
        display,
        in_content or tag in CONTENT,
        outer.shown and shown,
    )
