"""Filled form fields and notes that stand on a PDF page, apart from its content."""

import re
from collections.abc import Iterator
from typing import Any

from pypdf.generic import ArrayObject, StreamObject

from app.adapters.parsers.pdf.geometry import Box, Matrix, box_from, box_of, matrix_of, rectangle
from app.adapters.parsers.pdf.text import DAMAGE, TextReader

_NOT_VIEWED = 2 | 32
_PASSWORD, _PUSH_BUTTON = 1 << 13, 1 << 16
_UNDRAWN = ("/Popup", "/Text", "/FileAttachment", "/Sound", "/Movie", "/Link")
_MAX_ANNOTATIONS = 5_000
_SIZE = 10.0
_BESIDE, _ABOVE = 250.0, 20.0
_WORD = re.compile(r"[^\W_]{2,}")


def read_annotations(text: TextReader) -> Iterator[str]:
    """Add what a reader sees to the texts of the page; yield what no reader sees."""
    listed: Any = text.page.get("/Annots")
    for annotation in (listed.get_object() or ())[:_MAX_ANNOTATIONS] if listed is not None else ():
        try:
            yield from _read(text, annotation.get_object())
        except DAMAGE:
            continue


def _read(text: TextReader, annotation: Any) -> Iterator[str]:
    kind, flags = annotation.get("/Subtype"), int(annotation.get("/F", 0))
    unseen = flags & _NOT_VIEWED or ("/OC" in annotation and text.visibility.layers.hides(annotation["/OC"]))
    if kind in _UNDRAWN:
        return
    value = _field_value(annotation) if kind == "/Widget" else None
    if unseen:
        yield value or str(annotation.get("/Contents", ""))
    elif value:
        _write_value(text, annotation, value)
    elif value is None:
        before = len(text.pieces)
        _draw(text, annotation)
        if kind == "/FreeText" and len(text.pieces) == before:
            _write_lines(text, box_from(annotation["/Rect"]), str(annotation.get("/Contents", "")))


def _field_value(widget: Any) -> str | None:
    """Empty for a field that is not filled in; None where the value is only in its appearance."""
    kind, flags = _inherited(widget, "/FT"), int(_inherited(widget, "/Ff") or 0)
    value = _inherited(widget, "/V")
    if kind == "/Btn":
        return None if flags & _PUSH_BUTTON else _button_state(widget, value)
    if kind == "/Tx" and flags & _PASSWORD:
        return ""
    if kind not in ("/Tx", "/Ch") or value is None:
        return None
    if isinstance(value, StreamObject):
        return value.get_data().decode("utf-8", "replace")
    chosen = value if isinstance(value, ArrayObject) else [value]
    return "\n".join(_display(_inherited(widget, "/Opt"), str(each.get_object())) for each in chosen)


def _display(options: Any, value: str) -> str:
    """What the list of a choice shows for a value."""
    for option in options or ():
        pair = option.get_object()
        if isinstance(pair, ArrayObject) and len(pair) > 1 and str(pair[0].get_object()) == value:
            return str(pair[1].get_object())
    return value


def _button_state(widget: Any, value: Any) -> str:
    appearances = widget.get("/AP", {}).get("/N", {}).get_object() if "/AP" in widget else {}
    names = [name for name in appearances if name != "/Off"] if not isinstance(appearances, StreamObject) else []
    state = widget.get("/AS") or (value if value in names else "/Off")
    return "[ ]" if state == "/Off" else "[x]"


def _inherited(field: Any, key: str) -> Any:
    for _ in range(20):
        if key in field:
            return field[key].get_object()
        if "/Parent" not in field:
            return None
        field = field["/Parent"].get_object()
    return None


def _write_value(text: TextReader, widget: Any, value: str) -> None:
    """With its label, unless the page itself has one beside or above it."""
    box = box_from(widget["/Rect"])
    tooltip, name = str(_inherited(widget, "/TU") or ""), str(_inherited(widget, "/T") or "")
    near = _words(" ".join(_labels(text, box, after=value.startswith("["))))
    if near and (not tooltip or near & _words(tooltip)):
        _write_lines(text, box, value)
    elif value in ("[x]", "[ ]"):
        _write_lines(text, box, f"{value} {tooltip or name}")
    else:
        _write_lines(text, box, f"{tooltip or name}: {value}" if tooltip or name else value)


def _labels(text: TextReader, box: Box, *, after: bool) -> Iterator[str]:
    """Texts in front of a field or above it, and those behind a box that is ticked."""
    left, bottom, right, top = box
    for piece in text.pieces:
        if piece.angle or piece.number in text.written:
            continue
        before, behind = left - _BESIDE < piece.end <= left + 3, right - 3 <= piece.x < right + _BESIDE
        beside = bottom - 4 <= piece.y <= top and (before or (after and behind))
        above = top - 2 <= piece.y <= top + _ABOVE and piece.x < right and piece.end > left
        if beside or above:
            yield piece.text


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _write_lines(text: TextReader, box: Box, value: str) -> None:
    left, bottom, right, top = box
    lines = [line for line in re.split(r"\r\n?|\n", value) if line.strip()]
    size = min(_SIZE, (top - bottom) / max(len(lines), 1)) or _SIZE
    middle = (top + bottom) / 2 + (len(lines) - 1) * size / 2 - 0.35 * size
    for number, line in enumerate(lines):
        text.write(line, left + 2, middle - number * size, right, size)


def _draw(text: TextReader, annotation: Any) -> None:
    """The appearance, fitted into the rectangle of the annotation."""
    if "/AP" not in annotation:
        return
    shown: Any = annotation["/AP"].get_object().get("/N")
    form = shown.get_object() if shown is not None else None
    if form is not None and not isinstance(form, StreamObject):
        form = form.get(annotation.get("/AS", "/Off"))
        form = form.get_object() if form is not None else None
    if form is not None:
        text.visibility.restart()
        text.draw(form, _fitting(form, box_from(annotation["/Rect"])))


def _fitting(form: Any, rect: Box) -> Matrix:
    own = matrix_of(form["/Matrix"].get_object()) if "/Matrix" in form else (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    box = box_of(rectangle(own, box_from(form["/BBox"].get_object())))
    width, height = box[2] - box[0], box[3] - box[1]
    x, y = (rect[2] - rect[0]) / width if width else 1.0, (rect[3] - rect[1]) / height if height else 1.0
    return x, 0.0, 0.0, y, rect[0] - x * box[0], rect[1] - y * box[1]
