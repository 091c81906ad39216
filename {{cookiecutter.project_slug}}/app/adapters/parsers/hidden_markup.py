"""Hidden HTML elements in Markdown, found in one pass, so that no input takes quadratic time."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from app.adapters.parsers.css_visibility import hides_its_text

_OPENING = re.compile(r"<(\w+)\b")
_CLOSING = re.compile(r"</(\w+)\s*>")
_HIDDEN = re.compile(r"\shidden\b", re.IGNORECASE)
_STYLE = re.compile(r"\sstyle\s*=\s*(?:\"([^\"]{0,2000})|'([^']{0,2000}))", re.IGNORECASE)
_COLOUR = re.compile(r"\scolor\s*=\s*[\"']?([#\w]{1,30})", re.IGNORECASE)

HiddenSpan = tuple[int, int]


def without_hidden_elements(text: str) -> tuple[str, list[str]]:
    """The text without the elements that are marked as hidden, and those elements."""
    if "</" not in text:
        return text, []
    visible: list[str] = []
    hidden: list[str] = []
    position = 0
    for start, end in _hidden(text):
        visible.append(text[position:start])
        hidden.append(text[start:end])
        position = end
    return "".join((*visible, text[position:])), hidden


def _hidden(text: str) -> Iterator[HiddenSpan]:
    closings: dict[str, list[HiddenSpan]] = defaultdict(list)
    for match in _CLOSING.finditer(text):
        closings[match[1].lower()].append(match.span())
    position = 0
    while opening := _OPENING.search(text, position):
        position = text.find(">", opening.end()) + 1
        if not position:
            return
        end = _end(text, opening, position, closings)
        if end is None and (last := text.rfind("<", opening.end(), position)) > 0:
            # "a <b and <p hidden>": the first "<" opens no tag, the last one may.
            opening = _OPENING.match(text, last)
            end = _end(text, opening, position, closings) if opening else None
        if end is not None and opening:
            yield opening.start(), end
            position = end


def _hides(text: str, start: int, end: int) -> bool:
    if _HIDDEN.search(text, start, end):
        return True
    if (style := _STYLE.search(text, start, end)) and hides_its_text(style[1] or style[2] or ""):
        return True
    colour = _COLOUR.search(text, start, end)
    return bool(colour and hides_its_text(f"color: {colour[1]}"))


def _end(text: str, opening: re.Match[str], body: int, closings: dict[str, list[HiddenSpan]]) -> int | None:
    """The end of the element that the tag opens; None when it is not hidden, or never closed."""
    if not _hides(text, opening.end(), body):
        return None
    spans = closings.get(opening[1].lower(), ())
    place = bisect_left(spans, (body, body))
    return spans[place][1] if place < len(spans) else None
