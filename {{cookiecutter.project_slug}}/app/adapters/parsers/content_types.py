"""Which Office document a package holds by its content types, and the text of parts by their tags alone."""

import re
from collections.abc import Iterable, Iterator
from html import unescape

_MAIN = {
    "word": re.compile(r"wordprocessingml\.(?:document|template)\.main\+xml|ms-word\..*\.main\+xml"),
    "sheet": re.compile(
        r"spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel\.(?:sheet|template|addin)\..*main\+xml"
    ),
    "presentation": re.compile(
        r"presentationml\.(?:presentation|slideshow|template)\.main\+xml|ms-powerpoint\..*\.main\+xml"
    ),
}
_USUAL = {"word/document.xml": "word", "xl/workbook.xml": "sheet", "ppt/presentation.xml": "presentation"}
CONTENT_TYPES = "[Content_Types].xml"
_TEXT_OR_END = re.compile(
    rb"<(?:\w{1,20}:)?t(?:\s[^<>]*)?>([^<]+)</"
    rb"|</(?:\w{1,20}:)?(?:p|si|is|text)>|<(?:\w{1,20}:)?(?:br|tab)\b|</m:(?!t>|r>)\w{1,20}>"
)
"""A text, or where one ends: a paragraph, a cell, a comment, a break, a part of a formula."""


def office_kind(content_types: bytes, names: Iterable[str]) -> tuple[str, str] | None:
    """`word`, `sheet` or `presentation` and the name of the main part, by the list of content types; where it names
    none, by the usual name.
    """
    usual = ((_USUAL[name], name) for name in names if name in _USUAL)
    return next(main_parts(content_types), None) or next(usual, None)


def main_parts(content_types: bytes) -> Iterator[tuple[str, str]]:
    """The kinds and the names of the main parts that the list of content types names."""
    text = content_types.decode("utf-8", "replace")
    for override in re.findall(r"<(?:\w+:)?Override\b[^>]*>", text):
        name = re.search(r"""\bPartName\s*=\s*["']/?([^"']+)""", override)
        if name and (kind := _kind_of_main(override)):
            yield kind, unescape(name[1])


def default_kind(content_types: bytes) -> str | None:
    """The kind of document that all parts of an ending are the main part of, which leaves their names to relations."""
    defaults = re.findall(r"<(?:\w+:)?Default\b[^>]*>", content_types.decode("utf-8", "replace"))
    return next(filter(None, map(_kind_of_main, defaults)), None)


def _kind_of_main(declaration: str) -> str | None:
    return next((kind for kind, pattern in _MAIN.items() if pattern.search(declaration)), None)


def raw_texts(part: bytes) -> Iterator[str]:
    """The texts of all `t` elements, found by their tags alone; pieces of one word are joined."""
    pieces: list[bytes] = []
    for match in _TEXT_OR_END.finditer(part):
        if match[1] is not None:
            pieces.append(match[1])
        elif pieces:
            yield unescape(b"".join(pieces).decode("utf-8", "replace"))
            pieces.clear()
    if pieces:
        yield unescape(b"".join(pieces).decode("utf-8", "replace"))
