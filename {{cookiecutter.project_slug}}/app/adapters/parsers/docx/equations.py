"""Equations of a DOCX as one line of text: `(a+b)/2`, `x^2`, `∑_(i=1)^n i`."""

from collections.abc import Callable
from typing import Any

from app.adapters.parsers.docx.names import tag

RunText = Callable[[Any], str]
"""What a run shows."""

_PROPERTIES = frozenset(
    tag(f"m:{name}Pr")
    for name in ["r", "f", "rad", "nary", "d", "sSup", "sSub", "sSubSup", "sPre", "func", "acc", "bar", "m"]
)
_PROPERTIES |= {tag("m:ctrlPr"), tag("m:argPr"), tag("m:oMathParaPr"), tag("w:rPr"), tag("w:del"), tag("w:moveFrom")}
_RUNS, _VAL = frozenset({tag("m:r"), tag("w:r")}), tag("m:val")


def linear(node: Any, text_of: RunText) -> str:
    """The text of a node of an equation."""
    write = _WRITERS.get(node.tag)
    return write(node, text_of) if write else _inside(node, text_of)


def _inside(node: Any, text_of: RunText) -> str:
    """Two structures, or a run and a structure, are apart; runs are not."""
    written, last_is_run = "", True
    for child in node:
        if child.tag in _PROPERTIES:
            continue
        is_run = child.tag in _RUNS
        text = text_of(child) if is_run else linear(child, text_of)
        apart = not (is_run and last_is_run) and written[-1:].isalnum() and text[:1].isalnum()
        written += f" {text}" if apart else text
        last_is_run = is_run
    return written


def _part(node: Any, name: str, text_of: RunText) -> str:
    found = node.find(tag(f"m:{name}"))
    return "" if found is None else _inside(found, text_of)


def _group(text: str) -> str:
    """In brackets unless it is a single word or number."""
    return text if text.replace(".", "").isalnum() or len(text) < 2 else f"({text})"


def _character(node: Any, properties: str, name: str, default: str) -> str:
    found = node.find(f"{tag(f'm:{properties}')}/{tag(f'm:{name}')}")
    return default if found is None else found.get(_VAL, "")


def _fraction(node: Any, text_of: RunText) -> str:
    return f"{_group(_part(node, 'num', text_of))}/{_group(_part(node, 'den', text_of))}"


def _raised(node: Any, text_of: RunText) -> str:
    below, above = (_part(node, name, text_of) for name in ("sub", "sup"))
    scripts = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
    base = _part(node, "e", text_of)
    return f"{scripts} {base}" if node.tag == tag("m:sPre") else base + scripts


def _root(node: Any, text_of: RunText) -> str:
    degree = _part(node, "deg", text_of)
    return f"√({f'{degree} & ' if degree else ''}{_part(node, 'e', text_of)})"


def _sum(node: Any, text_of: RunText) -> str:
    sign = _character(node, "naryPr", "chr", "∫")
    below, above = (_part(node, name, text_of) for name in ("sub", "sup"))
    limits = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
    return f"{sign}{limits} {_part(node, 'e', text_of)}"


def _brackets(node: Any, text_of: RunText) -> str:
    opening, closing = _character(node, "dPr", "begChr", "("), _character(node, "dPr", "endChr", ")")
    parts = [_inside(each, text_of) for each in node.iterchildren(tag("m:e"))]
    return opening + f" {_character(node, 'dPr', 'sepChr', '|')} ".join(parts) + closing


def _function(node: Any, text_of: RunText) -> str:
    return f"{_part(node, 'fName', text_of)} {_part(node, 'e', text_of)}"


def _limit(node: Any, text_of: RunText) -> str:
    mark = "_" if node.tag == tag("m:limLow") else "^"
    return f"{_part(node, 'e', text_of)}{mark}{_group(_part(node, 'lim', text_of))} "


def _rows(node: Any, text_of: RunText) -> str:
    return "; ".join(_inside(each, text_of) for each in node.iterchildren(tag("m:e")))


def _matrix(node: Any, text_of: RunText) -> str:
    rows = [[_inside(cell, text_of) for cell in row.iterchildren(tag("m:e"))] for row in node.iter(tag("m:mr"))]
    return "[" + "; ".join(", ".join(row) for row in rows) + "]"


def _lines(node: Any, text_of: RunText) -> str:
    return " ".join(linear(each, text_of) for each in node.iterchildren(tag("m:oMath")))


_WRITERS: dict[str, Callable[[Any, RunText], str]] = {
    tag("m:oMathPara"): _lines,
    tag("m:f"): _fraction,
    tag("m:sSup"): _raised,
    tag("m:sSub"): _raised,
    tag("m:sSubSup"): _raised,
    tag("m:sPre"): _raised,
    tag("m:rad"): _root,
    tag("m:nary"): _sum,
    tag("m:d"): _brackets,
    tag("m:func"): _function,
    tag("m:limLow"): _limit,
    tag("m:limUpp"): _limit,
    tag("m:eqArr"): _rows,
    tag("m:m"): _matrix,
}
