"""Names of the elements of a Word document."""

from collections.abc import Iterator
from functools import cache
from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_V = "{urn:schemas-microsoft-com:vml}"
_SPACES = {"w": _W, "w14": _W14, "m": _M, "mc": _MC, "r": _R, "a": _A, "wp": _WP, "v": _V}
_OFF = frozenset({"0", "false", "off", "none"})


@cache
def tag(name: str) -> str:
    """`w:p` as it stands in a tree."""
    space, _, local = name.partition(":")
    return _SPACES[space] + local


VAL = tag("w:val")
UNREAD = frozenset(
    tag(f"w:{name}")
    for name in [
        "pPr",
        "rPr",
        "tblPr",
        "tblGrid",
        "tblPrEx",
        "trPr",
        "tcPr",
        "sectPr",
        "sdtPr",
        "sdtEndPr",
        "smartTagPr",
        "customXmlPr",
        "fldData",
        "instrText",
        "delText",
        "delInstrText",
        "rubyPr",
        "annotationRef",
        "footnoteRef",
        "endnoteRef",
    ]
)
REMOVED = frozenset({tag("w:del"), tag("w:moveFrom")})


def value(element: Any, default: str = "") -> str:
    """Its `w:val`; the default when there is no element, or no value."""
    return default if element is None else element.get(VAL, default)


def at(element: Any, *path: str) -> Any:
    """The element at the end of a path of children; None when one of them, or the element itself, is missing."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren(tag(name)), None)
    return element


def is_on(element: Any) -> bool:
    """Whether a switch is there and not turned off."""
    return element is not None and value(element, "true").lower() not in _OFF


def whole(text: str | None, default: int) -> int:
    """A whole number, also one with a unit or a fraction."""
    try:
        return round(float((text or "").rstrip("%pt")))
    except (ValueError, OverflowError):
        return default


def chosen(alternatives: Any) -> Any:
    """The variant of mc:AlternateContent that a current program shows: the first with anything, else the first one."""
    variants = [each for each in alternatives if each.tag in (tag("mc:Choice"), tag("mc:Fallback"))]
    readable = (each for each in variants if next(each.iter("{*}t", "{*}textpath", "{*}graphicData"), None) is not None)
    return next(readable, variants[0] if variants else alternatives)


def text_nodes(element: Any) -> Iterator[Any]:
    yield from element.iter("{*}t", "{*}textpath")
