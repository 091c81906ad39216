"""Text of DrawingML: shapes, groups, tables, charts and diagrams of presentations and spreadsheets."""

import re
from collections.abc import Iterator, Mapping, Sequence

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.content_types import raw_texts
from app.adapters.parsers.docx.equations import linear
from app.adapters.parsers.drawing_styles import MAX_LEVEL, DrawingStyles
from app.adapters.parsers.drawing_visibility import take_unseen_texts
from app.adapters.parsers.list_numbers import formatted, whole
from app.adapters.parsers.raised_digits import raise_digits
from app.adapters.parsers.sheet_rows import MAX_SPAN_CELLS, MergedCells, Row, write_rows
from app.adapters.parsers.xml_parts import Element, Parts, Relationship, attribute, local

HIDDEN_TEXT = "text that is not visible to a reader of the slide or drawing was left out"

_BREAKS = {"br": "\n", "tab": "\t"}
_SKIPPED = frozenset({"Fallback"})
_MAX_POINTS = 10_000
_BULLETS = frozenset({"buNone", "buAutoNum", "buChar", "buBlip"})
_NUMBER_KINDS = {
    **{"arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter"},
    **{"romanLc": "lowerRoman", "romanUc": "upperRoman"},
}
_AUTO_NUMBER = re.compile(rf"({'|'.join(_NUMBER_KINDS)})(ParenR|ParenBoth|Plain|Period)")


def write_shapes(builder: TextBuilder, parts: Parts, name: str, root: Element, styles: DrawingStyles) -> None:
    """Write the text of a part with drawings, in the order of the file. Errors: Unparsable."""
    related = parts.related(name)
    stack = [root]
    while stack:
        element = stack.pop()
        tag = local(element)
        if tag == "txBody":
            for line in numbered_texts(element, styles):
                builder.block(line, separator="\n")
        elif tag == "tbl":
            write_rows(builder, *_table(element, styles))
        elif tag in ("chart", "relIds") and (target := _target(element, related)) in parts:
            part = parts.xml(target)
            builder.hide(take_unseen_texts(part), HIDDEN_TEXT)
            for line in chart_lines(part) if tag == "chart" else diagram_lines(part):
                builder.block(line)
        elif tag not in _SKIPPED:
            stack.extend(reversed(element))


def paragraph_text(paragraph: Element) -> str:
    pieces: list[str] = []
    _collect(paragraph, pieces)
    lines = (squeeze(line) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _collect(element: Element, pieces: list[str]) -> None:
    tag, start = local(element), len(pieces)
    if tag == "t":
        pieces.append(element.text or "")
    elif tag in _BREAKS:
        pieces.append(_BREAKS[tag])
    elif tag == "oMath":
        pieces.append(linear(element, lambda run: "".join(each.text or "" for each in run.iter("{*}t"))))
    elif tag not in _SKIPPED:
        for child in element:
            _collect(child, pieces)
        properties = element.find("{*}rPr") if tag == "r" else None
        if properties is not None and not properties.get("baseline", "0").startswith(("-", "0")):
            raise_digits(pieces, start)


def numbered_texts(body: Element, styles: DrawingStyles) -> Iterator[str]:
    """The texts of its paragraphs with the numbers that the program gives them. An empty one has none."""
    counts: dict[int, tuple[str, int]] = {}
    bullets: dict[int, Element | None] = {}
    for paragraph in body.iterfind("{*}p"):
        text = paragraph_text(paragraph)
        properties = paragraph.find("{*}pPr")
        level = min(whole(properties.get("lvl"), 0), MAX_LEVEL) if properties is not None else 0
        if level not in bullets:
            bullets[level] = _first_bullet(styles.text_levels(body, level))
        bullet = _bullet(properties)
        bullet = bullets[level] if bullet is None else bullet
        numbers = bullet if bullet is not None and local(bullet) == "buAutoNum" else None
        if not text:
            continue
        for deeper in [each for each in counts if each > level or (each == level and numbers is None)]:
            del counts[deeper]
        if numbers is not None:
            kind = numbers.get("type", "arabicPeriod")
            before, count = counts.get(level, ("", 0))
            count = count + 1 if before == kind else whole(numbers.get("startAt"), 1)
            counts[level] = (kind, count)
            text = f"{_number(kind, count)} {text}"
        yield text


def _bullet(properties: Element | None) -> Element | None:
    """What stands before a paragraph by these properties; None where they leave it to others."""
    return next((each for each in properties if local(each) in _BULLETS), None) if properties is not None else None


def _first_bullet(levels: Sequence[Element]) -> Element | None:
    return next((found for each in levels if (found := _bullet(each)) is not None), None)


def _number(kind: str, count: int) -> str:
    """As `1.`, `a)` or `(iv)`; kind: such as `alphaLcParenR`."""
    match = _AUTO_NUMBER.fullmatch(kind)
    shown = formatted(count, _NUMBER_KINDS[match[1]]) if match else str(count)
    style = match[2] if match else "Period"
    return {"ParenR": f"{shown})", "ParenBoth": f"({shown})", "Plain": shown}.get(style, f"{shown}.")


def _target(element: Element, related: Mapping[str, Relationship]) -> str:
    found = related.get(attribute(element, "dm") or attribute(element, "id") or "")
    return "" if found is None or found.external else found.target


def _table(table: Element, styles: DrawingStyles) -> tuple[list[tuple[int, Row]], list[MergedCells]]:
    """The rows of a table, and its merged cells."""
    rows: list[tuple[int, Row]] = []
    spans: list[MergedCells] = []
    for number, row in enumerate(table.iterfind("{*}tr")):
        cells: Row = {}
        for column, cell in enumerate(row.iterfind("{*}tc")):
            body = cell.find("{*}txBody")
            if body is not None and (text := squeeze(" ".join(numbered_texts(body, styles)))):
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
    """The texts of a diagram in the order of its outline; those outside of it come last."""
    texts: dict[str, list[str]] = {}
    for point in data.iter("{*}pt"):
        lines = filter(None, map(paragraph_text, point.iterfind("{*}t/{*}p")))
        texts.setdefault(point.get("modelId", ""), []).extend(lines)
    within: dict[str, list[tuple[int, str]]] = {}
    for each in data.iter("{*}cxn"):
        if each.get("type", "parOf") == "parOf":
            order = whole(each.get("srcOrd"), 0)
            within.setdefault(each.get("srcId", ""), []).append((order, each.get("destId", "")))
    inner = {name for points in within.values() for _, name in points}
    stack = [name for name in reversed(within) if name not in inner]
    while stack:
        name = stack.pop()
        yield from texts.pop(name, ())
        stack.extend(below for _, below in sorted(within.pop(name, []), reverse=True))
    for others in texts.values():
        yield from others


def drawing_places(parts: Parts) -> Iterator[tuple[str, str]]:
    """All text of drawings, charts and diagrams, by the names of the parts."""
    for name in parts.names:
        lower = name.lower()
        if not lower.endswith(".xml"):
            continue
        if "/diagrams/data" in lower or "/drawings/drawing" in lower:
            where = "diagram" if "/diagrams/" in lower else "text box"
            yield from ((where, text) for text in raw_texts(parts.read(name)))
        elif "/charts/chart" in lower:
            yield from (("chart", text) for text in raw_texts(parts.read(name)))
