"""Hidden HTML elements in Markdown, found in one pass, so that no input takes quadratic time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from app.adapters.parsers.css_cascade import Declaration, inline_declarations
from app.adapters.parsers.css_visibility import Style, Styles
from app.adapters.parsers.html_elements import NEVER_SHOWN

# Quotes may hold "<" and ">". The limits keep the time linear for tags that never end.
_PARTS = r"[^<>\"']{1,5000}|\"[^\"<]{0,5000}\"|'[^'<]{0,5000}'|\"[^\"]{0,300}\"|'[^']{0,300}'|[\"']"
_TAG = re.compile(rf"<(/?)([A-Za-z][\w-]{{0,40}})((?>(?:{_PARTS}){{0,80}}))>")
_ATTRIBUTE = re.compile(r"\s(hidden|style|color|bgcolor)\b(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?", re.I)
_ONE_OF_A_ROW = frozenset({"p", "li", "dt", "dd", "tr", "td", "th", "option"})
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)

HiddenSpan = tuple[int, int]


class _Open(NamedTuple):
    name: str
    start: int
    style: Style
    hidden: bool


def hidden_elements(text: str) -> list[HiddenSpan]:
    """Where elements stand that are hidden by their own attributes, in order. What is never closed is not hidden."""
    return merged(_found(text)) if "</" in text else []


def merged(spans: Iterable[HiddenSpan]) -> list[HiddenSpan]:
    """The spans in order, with those within others or over their ends as one."""
    result: list[HiddenSpan] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _found(text: str) -> Iterator[HiddenSpan]:
    styles, stack, counts = Styles(), [_Open("", 0, Style(), False)], Counter[str]()
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if tag[1]:
            while counts[name]:
                top = stack.pop()
                counts[top.name] -= 1
                if top.hidden:
                    yield top.start, tag.end() if top.name == name else tag.start()
                if top.name == name:
                    break
            continue
        if name in _ONE_OF_A_ROW and stack[-1].name == name:
            top = stack.pop()
            counts[name] -= 1
            if top.hidden:
                yield top.start, tag.start()
        if name not in _VOID and not tag[3].endswith("/"):
            stack.append(_opened(name, tag, stack[-1], styles))
            counts[name] += 1


def _opened(name: str, tag: re.Match[str], outer: _Open, styles: Styles) -> _Open:
    declarations = tuple(_declarations(tag[3])) if "=" in tag[3] or "hidden" in tag[3].lower() else ()
    style = styles.of(outer.style, declarations)
    hidden = name in NEVER_SHOWN or bool(declarations and _hides(style, outer.style, declarations))
    return _Open(name, tag.start(), style if not hidden else outer.style, hidden)


def _hides(style: Style, outer: Style, declarations: tuple[Declaration, ...]) -> bool:
    """A dark background alone hides nothing: the elements within may have bright text."""
    coloured = any(each.name.endswith("color") and not each.name.startswith("background") for each in declarations)
    as_before = style if coloured else replace(style, backgrounds=outer.backgrounds)
    return style.gone or not as_before.shows_text


def _declarations(attributes: str) -> Iterator[Declaration]:
    styled: tuple[Declaration, ...] = ()
    for name, *values in _ATTRIBUTE.findall(attributes[:10_000]):
        value = next(filter(None, values), "")
        if name.lower() == "style":
            styled = inline_declarations(value)
        elif name.lower() == "hidden":
            yield Declaration("display", "none", False)
        else:
            yield Declaration("color" if name.lower() == "color" else "background-color", value, False)
    yield from styled
