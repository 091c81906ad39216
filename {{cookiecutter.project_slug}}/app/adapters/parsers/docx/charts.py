"""Texts of charts and diagrams of a DOCX, which stand in parts of their own."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_MAX_POINTS = 10_000


def diagram_lines(root: Any) -> Iterator[str]:
    for paragraph in root.iter(f"{_A}p"):
        yield "".join(each.text or "" for each in paragraph.iter(f"{_A}t"))


def chart_lines(root: Any) -> Iterator[str]:
    """Its titles, and each series as `name: category value; …`."""
    yield from diagram_lines(root)
    for series in root.iter("{*}ser"):
        name = " ".join(_values(series, "tx").values())
        categories, values = _values(series, "cat") or _values(series, "xVal"), _values(series, "val")
        values = values or _values(series, "yVal")
        points = (f"{categories.get(point, '')} {values.get(point, '')}".strip() for point in {**categories, **values})
        yield f"{name}: {'; '.join(points)}" if name else "; ".join(points)


def _values(series: Any, part: str) -> dict[str, str]:
    """By the number of the point; the levels of a category are joined."""
    found: dict[str, str] = {}
    for each in islice(series.iterfind(f"{{*}}{part}//{{*}}v"), _MAX_POINTS):
        place = each.getparent().get("idx", "")
        found[place] = f"{found[place]} {each.text}" if place in found else each.text or ""
    return found
