"""The walk through a page, which writes down what a reader sees in the order of the source."""

import re
from collections.abc import Iterator
from functools import partial
from html import unescape
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.css_cascade import Applied, Declaration, inline_declarations
from app.adapters.parsers.css_visibility import Style, Styles
from app.adapters.parsers.html_elements import (
    APART,
    CONTENT,
    begins_line,
    declared_display,
    is_furniture,
    is_never_shown,
)
from app.adapters.parsers.html_lines import HtmlAttributes, Leave, LineWriter, whole
from app.adapters.parsers.html_lists import item_numbers
from app.adapters.parsers.html_tables import TableRows, is_layout
from app.adapters.parsers.html_words import visible_words

_TABLE_PARTS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th"})
# With these a page hides itself until its scripts are loaded.
_UNTIL_LOADED = frozenset({"display", "visibility", "opacity"})
_SIZES = frozenset({"height", "max-height", "width", "max-width", "line-height"})
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_TAG = re.compile(r"<[^>]*>")
_PRESENTATIONAL = {
    "hidden": ("display", "none"),
    "popover": ("display", "none"),
    "color": ("color", ""),
    "text": ("color", ""),
    "bgcolor": ("background-color", ""),
    "background": ("background-image", "url(background)"),
}
_IN_DRAWINGS = {"fill": "color", "display": "display", "visibility": "visibility", "opacity": "opacity"}
_NO_VALUE = frozenset(["hidden", "password", "checkbox", "radio", "file", "color", "range", "image"])
_BETWEEN = {"mfrac": ("/",), "msup": ("^",), "msub": ("_",), "msubsup": ("_", "^")}
_MAX_TABLES_WITHIN = 10
_READ = (*_PRESENTATIONAL, "style", "role", "start", "reversed", "value", "type", "label", "colspan", "rowspan")
# Only of these the attributes are read, and within drawings: most elements have a class or an address at most.
_ATTRIBUTED = ", ".join([*(f"[{name}]" for name in _READ), "dialog", "iframe", "svg", "tspan"])
_NO_ATTRIBUTES: HtmlAttributes = {}


class Context(NamedTuple):
    """What an element hands down to those within it. shown: whether its text is seen. display: as declared; empty where
    it is not.
    """

    style: Style = Style()
    shown: bool = True
    display: str = ""
    in_content: bool = False
    in_drawing: bool = False


class _Open(NamedTuple):
    """An element that is being read. between: the signs before its elements, of some formulas."""

    node: LexborNode
    outer: Context
    leave: Leave
    between: Iterator[str] | None


class Around(NamedTuple):
    """What is set aside while a table is read."""

    line: list[str]
    rows: TableRows | None
    in_cell: bool


class Page:
    """Walks the tree iteratively, because a page may be nested deeper than the interpreter's stack.

    applied: what the page's style sheets declare for each node. opened: ids of the elements that a control of the page
    shows, such as the panels of an accordion. scripted: whether the page has scripts. furniture: characters that were
    left out as navigation.
    """

    def __init__(self, builder: TextBuilder, applied: Applied, opened: frozenset[str], *, scripted: bool) -> None:
        self.furniture = 0
        self._scripted = scripted
        self._builder = builder
        self._applied = applied
        self._opened = opened
        self._lines = LineWriter(builder)
        self._styles = Styles()
        self._tables: list[Around] = []
        self._rows: TableRows | None = None
        self._attributed = set[int]()

    def walk(self, root: LexborNode) -> None:
        selector = _ATTRIBUTED + (", [id]" if self._opened else "")
        self._attributed = {root.mem_id, *(node.mem_id for node in root.css(selector))}
        node, outer, opened = root, Context(), list[_Open]()
        while True:
            if (entered := self._enter(node, outer, opened)) is not None:
                node, outer = entered
                continue
            following = None
            while opened and (following := node.next) is None:
                node, outer, leave, _ = opened.pop()
                leave()
            if not opened or following is None:
                break
            node = following
        self._lines.flush()

    def _enter(self, node: LexborNode, outer: Context, opened: list[_Open]) -> tuple[LexborNode, Context] | None:
        """Begin a node; returns the first one within it, if there is one. opened: the elements around it."""
        if not node.is_element_node:
            self._leaf(node, outer)
            return None
        if opened and (between := opened[-1].between) is not None and (sign := next(between, "")):
            self._lines.add(sign)
        tag = (node.tag or "").lower()
        attributes = node.attributes if outer.in_drawing or node.mem_id in self._attributed else _NO_ATTRIBUTES
        if (inner := self._inner(node, tag, attributes, outer)) is None:
            return None
        leave = self._open(node, tag, attributes, inner, outer.display)
        child = node.first_child
        if child is None:
            leave()
            return None
        opened.append(_Open(node, outer, leave, iter(("", *_BETWEEN[tag])) if tag in _BETWEEN else None))
        return child, inner

    def _leaf(self, node: LexborNode, outer: Context) -> None:
        if node.is_text_node:
            self._lines.text(node.text_content or "", shown=outer.shown)
        elif node.is_comment_node:
            self._builder.hide(node.comment_content or "")

    def _inner(self, node: LexborNode, tag: str, attributes: HtmlAttributes, outer: Context) -> Context | None:
        """The context within an element, or none if it is left out."""
        if is_never_shown(tag, node):
            if tag not in ("script", "style", "head", "title", "rp"):
                self._builder.hide(unescape(_TAG.sub(" ", node.html or "")))
            return None
        in_drawing = (outer.in_drawing or tag == "svg") and tag != "foreignobject"
        declarations = self._declarations(node, tag, attributes, in_drawing=in_drawing)
        style = self._styles.of(outer.style if tag != "svg" else outer.style.on_unknown(), declarations)
        if style.gone:
            self._lines.hide(self._all_text(node))
            return None
        if is_furniture(tag, in_content=outer.in_content):
            self.furniture += len(squeeze(node.text(separator=" ")))
            return None
        in_content = outer.in_content or tag in CONTENT
        same_place = in_content is outer.in_content and in_drawing is outer.in_drawing
        if same_place and style is outer.style and not declarations and not outer.display:
            return outer
        shown = outer.shown if style is outer.style else style.shows_text
        return Context(style, shown, declared_display(declarations), in_content, in_drawing)

    def _all_text(self, node: LexborNode) -> str:
        return "\n".join(text for _, text in visible_words(node, self._applied, furniture=True))

    def _declarations(
        self, node: LexborNode, tag: str, attributes: HtmlAttributes, *, in_drawing: bool
    ) -> tuple[Declaration, ...]:
        if self._opened and attributes.get("id") in self._opened:
            return ()
        own = self._applied.get(node.mem_id, ()) if self._applied else ()
        if attributes or tag == "dialog":
            style = attributes.get("style")
            first = tuple(_presentational(attributes, tag, in_drawing=in_drawing))
            own = (*first, *own, *(inline_declarations(style) if style else ()))
        if own and tag in ("html", "body") and self._scripted:
            return tuple(declaration for declaration in own if declaration.name not in _UNTIL_LOADED)
        if own and tag in _TABLE_PARTS:
            # The sizes of a table's parts are only the least ones.
            return tuple(declaration for declaration in own if declaration.name not in _SIZES)
        return own

    def _open(
        self, node: LexborNode, tag: str, attributes: HtmlAttributes, inner: Context, outer_display: str
    ) -> Leave:
        """Begin an element; returns what ends it."""
        if level := _heading_level(tag, attributes):
            return self._lines.open_heading(level)
        if tag == "table":
            return self._open_table(node)
        if self._rows is not None and tag in _TABLE_PARTS:
            return self._open_table_part(node, tag, attributes, self._rows)
        if begins_line(tag, inner.display, outer_display):
            styled = self._declarations(node, tag, attributes, in_drawing=False) if tag == "ol" else ()
            return self._lines.open_block(tag, attributes, item_numbers(tag, node, attributes, styled))
        if tag == "sup":
            return self._lines.open_raised()
        if tag in APART or (tag == "tspan" and not {"x", "y", "dy"}.isdisjoint(attributes)):
            return self._open_apart(tag, attributes, shown=inner.shown)
        return _nothing

    def _open_apart(self, tag: str, attributes: HtmlAttributes, *, shown: bool) -> Leave:
        lines = self._lines
        if tag == "rt":
            lines.add("(")
            return partial(lines.add, ")")
        if tag in ("br", "option", "optgroup"):
            lines.add("\n")
        else:
            lines.end_word()
        if tag == "optgroup":
            lines.text(attributes.get("label") or "", shown=shown)
        elif tag == "input" and (attributes.get("type") or "text").lower() not in _NO_VALUE:
            lines.text(attributes.get("value") or "", shown=shown)
        return _nothing if tag == "br" else lines.end_word

    def _open_table(self, table: LexborNode) -> Leave:
        lines = self._lines
        lines.end_block()
        self._tables.append(Around(lines.line, self._rows, lines.in_cell))
        layout = len(self._tables) > _MAX_TABLES_WITHIN or (not lines.in_cell and is_layout(table))
        self._rows = None if layout else TableRows()
        if not layout:
            lines.line = []
        lines.in_cell = lines.in_cell and layout
        return self._close_table

    def _close_table(self) -> None:
        self._lines.end_block()
        around, rows = self._tables.pop(), self._rows
        self._lines.line, self._rows, self._lines.in_cell = around.line, around.rows, around.in_cell
        if rows is None:
            return
        if around.in_cell and around.rows is not None:
            around.rows.nest(rows.lines())
        else:
            self._lines.rows(rows.lines())

    def _open_table_part(self, node: LexborNode, tag: str, attributes: HtmlAttributes, rows: TableRows) -> Leave:
        self._lines.end_block()
        if tag == "tr":
            rows.start_row()
            return partial(rows.end_row, in_head=node.parent is not None and node.parent.tag == "thead")
        if tag in ("td", "th"):
            self._lines.in_cell = True
            return lambda: rows.cell(self._lines.cell(), tag, attributes)
        return rows.end_group


def _presentational(attributes: HtmlAttributes, tag: str, *, in_drawing: bool) -> Iterator[Declaration]:
    """Attributes that say how an element looks, as declarations, which all others override."""
    if tag == "dialog" and "open" not in attributes:
        yield Declaration("display", "none", False)
    if tag == "iframe" and not {attributes.get("width"), attributes.get("height")}.isdisjoint(("0", "1")):
        yield Declaration("display", "none", False)
    for name, (property_name, always) in _PRESENTATIONAL.items():
        if name in attributes:
            yield Declaration(property_name, always or attributes.get(name) or "", False)
    if in_drawing:
        for name, property_name in _IN_DRAWINGS.items():
            value = attributes.get(name)
            if value:
                yield Declaration(property_name, "transparent" if value == "none" and name == "fill" else value, False)


def _heading_level(tag: str, attributes: HtmlAttributes) -> int:
    """From 1 to 6; 0 for what is no heading."""
    if tag in _HEADINGS:
        return int(tag[1])
    if not attributes or attributes.get("role") != "heading":
        return 0
    return min(6, max(1, whole(attributes.get("aria-level"), 2)))


def _nothing() -> None:
    pass
