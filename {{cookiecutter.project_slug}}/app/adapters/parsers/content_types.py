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


def office_kind(content_types: bytes, names: Iterable[str]) -> tuple[str, str] | None:
    """`word`, `sheet` or `presentation` and the name of the main part, by the list of content types; where it names
    none, by the usual name.
    """
    text = content_types.decode("utf-8", "replace")
    for override in re.findall(r"<(?:\w+:)?Override\b[^>]*>", text):
        for kind, pattern in _MAIN.items():
            name = re.search(r"""\bPartName\s*=\s*["']/?([^"']+)""", override)
            if name and pattern.search(override):
                return kind, unescape(name[1])
    return next(((_USUAL[name], name) for name in names if name in _USUAL), None)


def raw_texts(part: bytes, tag: str) -> Iterator[str]:
    """The text of every element of this name, found by its tags alone."""
    pattern = rf"<(?:\w+:)?{tag}(?:\s[^>]*)?>([^<]+)</".encode()
    for match in re.finditer(pattern, part):
        yield unescape(match[1].decode("utf-8", "replace"))
