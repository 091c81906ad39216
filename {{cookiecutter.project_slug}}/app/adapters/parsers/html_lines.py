import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.raised_digits import raise_digits

Leave = Callable[[], None]
"""What is to be done at the end of an element."""
HtmlAttributes = Mapping[str, str | None]

# Ends a word where letters follow letters; no page contains it.
_APART = "\0"
_JOINED = re.compile(rf"(?<=\w){_APART}+(?=\w)")
_BLANKS = re.compile(r"\s+")
_ITEMS = frozenset({"li", "tr", "td", "th", "dd", "dt", "thead", "tbody", "tfoot"})
_LISTS = frozenset({"ol", "ul", "menu", "dir"})
_HIDDEN = "text that is not visible to a reader of the page was left out"


class Markers(Protocol):
    """What stands before the items of a list."""

    def marker(self, value: str | None) -> str: ...


@dataclass
class LineWriter:
    """Collects the text of a page and writes it as headings, items of lists, code and other blocks.

    line: what has been read of the current block. in_cell: whether blocks stay in one line, because a cell of a table
    is read.
    """

    builder: TextBuilder
    line: list[str] = field(default_factory=list)
    in_cell: bool = False
    _unseen: list[str] = field(default_factory=list)
    _lists: list[Markers | None] = field(default_factory=list)
    _level: int = 0
    _preformatted: int = 0
    _marker: str = ""
    _gap: str = "\n\n"

    @property
    def in_heading(self) -> bool:
        return self._level > 0

    def text(self, text: str, *, shown: bool) -> None:
        if shown:
            plain = self._preformatted or (text.isprintable() and "  " not in text)
            self.line.append(text if plain else _BLANKS.sub(" ", text))
        else:
            self._unseen.append(text)

    def add(self, text: str) -> None:
        self.line.append(text)

    def end_word(self) -> None:
        self.line.append(_APART)

    def open_raised(self) -> Leave:
        return partial(raise_digits, self.line, len(self.line))

    def end_block(self) -> None:
        """Text before and after this is apart."""
        if self.in_cell or self._level or self._preformatted:
            self.line.append("\n")
        else:
            self.flush()

    def flush(self) -> None:
        if not self.line:
            self.hide_unseen()
            return
        lines = [squeeze(line) for line in self._written().split("\n")]
        text = "\n".join(line for line in lines if line)
        self.hide_unseen()
        if text:
            self.builder.block(f"{self._marker}{text}", self._gap)
            self._marker = ""

    def hide_unseen(self) -> None:
        if self._unseen:
            self.hide("".join(self._unseen))
            self._unseen.clear()

    def hide(self, text: str) -> None:
        self.builder.hide(text, _HIDDEN)

    def cell(self) -> str:
        """The text of a cell, which ends here."""
        self.hide_unseen()
        self.in_cell = False
        return squeeze(self._written())

    def rows(self, lines: list[str]) -> None:
        """Write the lines of a table."""
        if self.in_heading:
            self.line.append(" ".join(lines))
            return
        for number, line in enumerate(lines):
            self.builder.block(line, "\n" if number else "\n\n")
        self._gap = "\n\n"

    def open_heading(self, level: int) -> Leave:
        self.end_block()
        if self._level or self.in_cell:
            return self.end_block
        self._level = level
        return self._close_heading

    def _close_heading(self) -> None:
        self.builder.heading(self._level, self._written())
        self._level, self._marker, self._gap = 0, "", "\n\n"
        self.hide_unseen()

    def open_block(self, tag: str, attributes: HtmlAttributes, markers: Markers | None = None) -> Leave:
        """markers: of the items, of an ordered list."""
        self.end_block()
        if tag == "pre":
            self._preformatted += 1
            return self._close_pre
        if tag in _LISTS:
            self._lists.append(markers)
        else:
            self._gap = self._gap if tag in _ITEMS or self._marker else "\n\n"
        if tag == "li":
            self._begin_item(attributes)
        return partial(self._close_block, tag)

    def _close_block(self, tag: str) -> None:
        self.end_block()
        if tag in _LISTS:
            self._lists.pop()
        if tag == "li":
            self._marker = ""
        self._gap = "\n" if tag in _ITEMS else "\n\n"

    def _begin_item(self, attributes: HtmlAttributes) -> None:
        markers = self._lists[-1] if self._lists else None
        marker = "- " if markers is None else markers.marker(attributes.get("value"))
        if self.in_cell or self._level:
            self.line.append(marker)
        else:
            self._marker = marker

    def _close_pre(self) -> None:
        self._preformatted -= 1
        if not self.in_cell and not self._level:
            self.hide_unseen()
            self.builder.preformatted(self._written())
            self._marker, self._gap = "", "\n\n"

    def _written(self) -> str:
        """The text of the line, which is begun anew."""
        text = "".join(self.line)
        self.line.clear()
        return _JOINED.sub(" ", text).replace(_APART, "") if _APART in text else text


def whole(value: str | None, default: int) -> int:
    """The whole number that an attribute holds."""
    return int(value) if value and re.fullmatch(r"\s*-?[0-9]{1,6}\s*", value) else default
