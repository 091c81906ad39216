"""Where Markdown has headings, HTML and definitions of links, by a CommonMark parser that reads only what needs it.

Most paragraphs hold none of these. A line that begins with a letter or with a heading's mark after a blank one closes
every list, quote, table and paragraph, so that what comes before it can be left out or read alone; fences and some
elements go on over it, which shows in how a line put after them is read.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from app.adapters.parsers.builder import squeeze
from app.adapters.parsers.hidden_markup import HiddenSpan

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_MAX_HEADING_CHARACTERS = 1_000
_START = re.compile(r"\n[ \t]*\n(?=[^\W\d_]|#{1,6}[ \t])")
# A tag, a fence, a definition, a heading, the line below one.
_TELLING = re.compile(r"<|```|~~~|\]:|\n[ \t]*(?:#|(?:=+|-+)[ \t]*(?:\n|\Z))|\A[ \t]*#")
_MARKUP = re.compile(r"[\\`*_\[<&]")
_PROBE = "x\n"
"""Begins a paragraph, unless something before it goes on."""

Definition = dict[str, Any]


@dataclass
class MarkdownBlocks:
    """html: where the source is HTML. comments: definitions of links that lead nowhere. headings: their start, level
    and content.
    """

    html: list[HiddenSpan] = field(default_factory=list)
    comments: list[HiddenSpan] = field(default_factory=list)
    headings: list[tuple[int, int, str]] = field(default_factory=list)
    _references: dict[str, Definition] = field(default_factory=dict)

    def titles(self) -> Iterator[tuple[int, int, str]]:
        """The start, level and text of each heading, without markup."""
        for start, level, content in self.headings:
            yield start, level, self._plain(content[:_MAX_HEADING_CHARACTERS])

    def _plain(self, content: str) -> str:
        if not _MARKUP.search(content):
            return squeeze(content)
        tokens: list[Token] = []
        _parser().inline.parse(content, _parser(), {"references": self._references}, tokens)
        return squeeze("".join(_words(tokens)))

    def add(self, source: str, tokens: Sequence["Token"], starts: Sequence[int], env: dict[str, Any]) -> None:
        """starts: offsets in the source of the lines that the tokens count."""
        self.html += _html(source, tokens, starts)
        for token, inline in pairwise(tokens):
            if token.type == "heading_open" and token.level == 0 and token.map:
                self.headings.append((starts[token.map[0]], int(token.tag[1]), inline.content))
        references: dict[str, Definition] = env.get("references", {})
        for definition in (*references.values(), *env.get("duplicate_refs", ())):
            if definition["href"] in ("", "#"):
                first, last = definition["map"]
                self.comments.append((starts[first], starts[last] - 1))
        for label, definition in references.items():
            self._references.setdefault(label, definition)


def blocks_of(source: str) -> MarkdownBlocks:
    blocks = MarkdownBlocks()
    bounds = [0, *(match.end() for match in _START.finditer(source)), len(source)]
    telling = _telling_parts(source, bounds)
    part, last = 0, len(bounds) - 1
    while part < last:
        if part in telling:
            end = part + 1
            while end < last and end in telling:
                end += 1
            part = _read(source, bounds, part, end, blocks)
            continue
        if source.startswith("#", bounds[part]):
            blocks.headings.append(_heading(source, bounds[part]))
        part += 1
    return blocks


def _telling_parts(source: str, bounds: Sequence[int]) -> set[int]:
    """The parts that have to be read. A heading in the first line of one does not count."""
    parts, starts = set[int](), frozenset(bounds[1:])
    for match in _TELLING.finditer(source):
        if source[match.end() - 1] != "#" or match.end() - 1 not in starts:
            parts.add(bisect_right(bounds, match.end() - 1) - 1)
    return parts


def _read(source: str, bounds: Sequence[int], part: int, end: int, blocks: MarkdownBlocks) -> int:
    """Read the parts before `end`, and as many after them as belong to the same block; returns the next one."""
    last, more = len(bounds) - 1, 1
    while True:
        begin, text = bounds[part], source[bounds[part] : bounds[end]]
        env: dict[str, Any] = {}
        tokens = _parser().parse(text if end == last else text + _PROBE, env)
        if end == last or _ends_in_probe(tokens, text):
            break
        end, more = min(last, end + more), 2 * more
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=begin))
    blocks.add(source, tokens if end == last else tokens[:-3], starts, env)
    return end


def _ends_in_probe(tokens: Sequence["Token"], text: str) -> bool:
    lines = text.count("\n")
    return any(each.type == "inline" and each.level == 1 and each.map == [lines, lines + 1] for each in tokens[-2:])


def _heading(source: str, start: int) -> tuple[int, int, str]:
    end = source.find("\n", start)
    line = source[start : end if end >= 0 else len(source)]
    marked = line.lstrip("#")
    content = marked.rstrip(" \t")
    unclosed = content.rstrip("#")
    if unclosed.endswith((" ", "\t")):
        content = unclosed
    return start, len(line) - len(marked), content.strip()


@lru_cache(1)
def _parser() -> "MarkdownIt":
    """Finds blocks; the inline rules run where they are needed."""
    # Imported late: the parser processes of other files need it not.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


@lru_cache(1)
def _html_finder() -> "MarkdownIt":
    """Knows only what decides whether a "<" begins a tag, so that its time is linear. `env["spans"]` gets the tags."""
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import html_inline

    def recorded(state: "StateInline", silent: bool) -> bool:
        start = state.pos
        found = html_inline(state, silent)
        if found and not silent:
            state.env["spans"].append((start, state.pos))
        return found

    finder = MarkdownIt("commonmark")
    finder.inline.ruler.enableOnly(["text", "escape", "backticks", "autolink", "html_inline"])
    finder.inline.ruler2.enableOnly([])
    finder.inline.ruler.at("html_inline", recorded)
    return finder


def _html(source: str, tokens: Sequence["Token"], starts: Sequence[int]) -> Iterator[HiddenSpan]:
    """Where the source is HTML."""
    line, cursor = -1, 0
    for token in tokens:
        if token.map is None:
            continue
        if token.type == "html_block":
            yield starts[token.map[0]], starts[token.map[1]]
        elif token.type == "inline" and "<" in token.content:
            cursor = cursor if token.map[0] == line else starts[token.map[0]]
            line = token.map[0]
            places = list(_places(source, token.content, cursor, starts[token.map[1]]))
            cursor = places[0][1] if places else cursor
            env: dict[str, Any] = {"spans": []}
            _html_finder().inline.parse(token.content, _html_finder(), env, [])
            yield from ((_located(places, start), _located(places, end - 1) + 1) for start, end in env["spans"])


def _places(source: str, content: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """For each line of a block's content, its offsets in the content and in the source, which has marks around it."""
    offset = 0
    for line in content.split("\n"):
        at = source.find(line, start, end)
        if at < 0:
            return
        yield offset, at
        offset, start = offset + len(line) + 1, at + len(line)


def _located(places: Sequence[tuple[int, int]], offset: int) -> int:
    if not places:
        return 0
    inside, at = places[bisect_right(places, (offset, 1 << 62)) - 1]
    return at + offset - inside


def _words(tokens: Sequence["Token"]) -> Iterator[str]:
    for token in tokens:
        if token.type in ("text", "code_inline", "text_special"):
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.children:
            yield from _words(token.children)
