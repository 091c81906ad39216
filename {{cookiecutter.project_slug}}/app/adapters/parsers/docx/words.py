"""The words of a DOCX that its readers see, from the plain text nodes of its parts and not by the parser's walk."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from app.adapters.parsers.docx.names import tag
from app.adapters.parsers.docx.symbols import symbol
from app.adapters.parsers.drawings import figure

_LEFT_OUT = frozenset({"del", "moveFrom", "instrText", "delText", "delInstrText", "pPrChange", "rPrChange"})
_BREAKS = frozenset({"tab", "br", "cr", "ptab", "rt", "rubyBase", "oMath", "pt"})
_BLOCKS = frozenset({"p", "tc", "tr", "tbl", "txbxContent"})
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math"
_RUN = frozenset({"r", "t", "rPr", "sty"})
_PLACES = {
    "txbxContent": "text box",
    "tbl": "table",
    "sdt": "content control",
    "ins": "tracked insertion",
    "moveTo": "tracked move",
    "oMath": "equation",
    "hyperlink": "link",
    "fldSimple": "field",
    "smartTag": "tagged text",
    "customXml": "tagged text",
}
_PARTS = {"footnotes": "footnote", "endnotes": "endnote", "header": "page header", "footer": "page footer"}
_PARTS |= {"chart": "chart", "diagramData": "diagram"}
_TEXT = {"chart": frozenset({"t", "v"})}

Piece = tuple[str, str]


def words_in(root: Any, kind: str = "") -> Iterator[Piece]:
    """Every piece of text with the innermost place that it stands in. kind: of the part, as its relation names it."""
    places, line, fields, goes_on = [_PARTS.get(kind, "body")], list[Piece](), 0, False
    texts = _TEXT.get(kind, frozenset({"t"}))
    nodes = etree.iterwalk(root, events=("start", "end"))
    for event, node in nodes:
        space, _, local = node.tag.rpartition("}")
        ends = event == "end"
        if local in _LEFT_OUT or _is_second_copy(node, local) or _is_deleted_row(node, local):
            if not ends:
                nodes.skip_subtree()
            continue
        if local in _BLOCKS:
            goes_on = _goes_on(node) if ends and local == "p" else goes_on and local == "p"
            if not goes_on:
                yield from _joined(line)
                line.clear()
        if local in _PLACES:
            places.pop() if ends else places.append(_PLACES[local])
        if space == _MATH and local not in _RUN:
            line.append((places[-1], " "))
        elif not ends:
            mark = node.get(tag("w:fldCharType")) if local == "fldChar" else None
            fields += mark == "begin"
            text = (figure(node.text or "") if local == "v" else node.text or "") if local in texts else None
            line.append((places[-1], _other(node, local, fields) if text is None else text))
            fields -= mark == "end"
    yield from _joined(line)


def _joined(line: list[Piece]) -> Iterator[Piece]:
    """The pieces of a line without cuts inside of words: a word belongs to the place where it begins."""
    place, text = "", ""
    for at, more in line:
        if at == place or (text[-1:].isalnum() and more[:1].isalnum()) or not more:
            text += more
            place = place or at
        else:
            yield place, text
            place, text = at, more
    yield place, text


def _other(node: Any, local: str, fields: int) -> str:
    """What an element other than a text shows: a field inside of another is apart from what is around it."""
    if local == "noBreakHyphen":
        return "-"
    if local == "sym":
        return symbol(node.get(tag("w:font"), ""), node.get(tag("w:char"), ""))
    return " " * (local in _BREAKS or (local == "fldChar" and fields > 1))


def _is_second_copy(node: Any, local: str) -> bool:
    return local == "Fallback" and node.getprevious() is not None


def _goes_on(paragraph: Any) -> bool:
    """Whether the next one goes on in the same line, because the end is deleted or this is its first letter."""
    if any(each.get(tag("w:dropCap")) for each in paragraph.iterfind("{*}pPr/{*}framePr")):
        return True
    return any(paragraph.find(f"{{*}}pPr/{{*}}rPr/{{*}}{name}") is not None for name in ("del", "moveFrom"))


def _is_deleted_row(node: Any, local: str) -> bool:
    return local == "tr" and node.find("{*}trPr/{*}del") is not None
