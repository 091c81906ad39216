"""Text of DrawingML: shapes, groups, tables, charts and diagrams of presentations and spreadsheets."""

import re
from collections.abc import Iterator, Mapping

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.content_types import raw_texts
from app.adapters.parsers.sheet_rows import MAX_SPAN_CELLS, MergedCells, Row, write_rows
from app.adapters.parsers.xml_parts import Element, Parts, Relationship, attribute, local

HIDDEN_SHAPES = "shapes that are not shown were left out"

_BREAKS = {"br": "\n", "tab": "\t"}
_SKIPPED = frozenset({"Fallback"})
_MAX_POINTS = 10_000


def write_shapes(builder: TextBuilder, parts: Parts, name: str, root: Element) -> None:
    """Write the text of a part with drawings, in the order of the file. Errors: Unparsable."""
    related = parts.related(name)
    stack = [root]
    while stack:
        element = stack.pop()
        tag = local(element)
        if tag == "txBody":
            for paragraph in element.iterfind("{*}p"):
                builder.block(paragraph_text(paragraph), separator="\n")
        elif tag == "tbl":
            write_rows(builder, *_table(element))
        elif tag in ("chart", "relIds") and (target := _target(element, related)) in parts:
            part = parts.xml(target)
            for line in chart_lines(part) if tag == "chart" else diagram_lines(part):
                builder.block(line)
        elif tag not in _SKIPPED and not _is_hidden(element):
            stack.extend(reversed(element))
        elif tag not in _SKIPPED:
            builder.hide(" ".join(paragraph_text(each) for each in element.iter("{*}p")), HIDDEN_SHAPES)


def _is_hidden(element: Element) -> bool:
    """Whether the selection pane of the program hides the shape."""
    return any(each.get("hidden") in ("1", "true") for each in element.iterfind("./*/{*}cNvPr"))


def paragraph_text(paragraph: Element) -> str:
    pieces = []
    for element in paragraph.iter():
        tag = local(element)
        pieces.append((element.text or "") if tag == "t" else _BREAKS.get(tag, ""))
    lines = (squeeze(line) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _target(element: Element, related: Mapping[str, Relationship]) -> str:
    found = related.get(attribute(element, "dm") or attribute(element, "id") or "")
    return "" if found is None or found.external else found.target


def _table(table: Element) -> tuple[list[tuple[int, Row]], list[MergedCells]]:
    """The rows of a table, and its merged cells."""
    rows: list[tuple[int, Row]] = []
    spans: list[MergedCells] = []
    for number, row in enumerate(table.iterfind("{*}tr")):
        cells: Row = {}
        for column, cell in enumerate(row.iterfind("{*}tc")):
            if text := squeeze(" ".join(paragraph_text(each) for each in cell.iterfind("{*}txBody/{*}p"))):
                cells[column] = text
            height, width = int(cell.get("rowSpan", 1)), int(cell.get("gridSpan", 1))
            if 1 < height * width <= MAX_SPAN_CELLS:
                spans.append(MergedCells(number, column, number + height - 1, column + width - 1))
        rows.append((number, cells))
    return rows, spans


def chart_lines(chart: Element) -> Iterator[str]:
    """Its titles and labels, and each series as `name: category: value; …`."""
    yield from filter(None, (squeeze(paragraph_text(each)) for each in chart.iter("{*}p")))
    for series in chart.iter("{*}ser"):
        name = _points(series.find("{*}tx"))
        categories = _points(series.find("{*}cat")) or _points(series.find("{*}xVal"))
        values = _points(series.find("{*}val")) or _points(series.find("{*}yVal"))
        pairs = (_pair(categories.get(index, ""), values.get(index, "")) for index in {**categories, **values})
        if line := "; ".join(pairs):
            yield f"{name[0]}: {line}" if name.get(0) else line


def _points(holder: Element | None) -> dict[int, str]:
    if holder is None:
        return {}
    if (literal := holder.find("{*}v")) is not None:
        return {0: literal.text or ""}
    points: dict[int, str] = {}
    for point in holder.iter("{*}pt"):
        index, value = int(point.get("idx", 0)), squeeze(point.findtext("{*}v") or "")
        if len(points) < _MAX_POINTS or index in points:
            points[index] = f"{value} {points[index]}" if index in points else figure(value)
    return points


def _pair(category: str, value: str) -> str:
    return f"{category}: {value}" if category and value else category or value


def figure(value: str) -> str:
    """Without the noise of a binary fraction."""
    return f"{float(value):.12g}" if re.fullmatch(r"-?\d+\.\d{10,}", value) else value


def diagram_lines(data: Element) -> Iterator[str]:
    for text in data.iter("{*}t"):
        if local(text) == "t" and len(text):
            yield from filter(None, (paragraph_text(each) for each in text.iterfind("{*}p")))


def drawing_places(parts: Parts) -> Iterator[tuple[str, str]]:
    """All text of drawings, charts and diagrams, by the names of the parts."""
    for name in parts.names:
        lower = name.lower()
        if not lower.endswith(".xml"):
            continue
        if "/diagrams/data" in lower or "/drawings/drawing" in lower:
            where = "diagram" if "/diagrams/" in lower else "text box"
            yield from ((where, text) for text in raw_texts(parts.read(name), "t"))
        elif "/charts/chart" in lower:
            yield from (("chart", text) for text in raw_texts(parts.read(name), "t"))
