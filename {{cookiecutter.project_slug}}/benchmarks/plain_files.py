"""Plain files of each format with known content, as people upload them: prose with a little markup, tables, records."""

import csv
import json
import random
from collections.abc import Callable, Mapping
from functools import partial
from io import StringIO

from markdown_it import MarkdownIt

_SYLLABLES = "an ber cor dal es fen gar hol in jas kel lor men nor op per qua ras sol ter un vel wis yor".split()  # noqa: SIM905
_STYLE = "body{color:#222;background:#fff}.note{background:#eee;padding:1em}td,th{padding:4px}a{color:#06c}"


class _Writer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._words = ["".join(self.random.choices(_SYLLABLES, k=self.random.randint(1, 4))) for _ in range(4_000)]

    def words(self, least: int, most: int) -> str:
        return " ".join(self.random.choices(self._words, k=self.random.randint(least, most)))

    def sentence(self) -> str:
        return self.words(6, 22).capitalize() + "."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.random.randint(2, 7)))

    def marked(self) -> str:
        """A paragraph, mostly with a link or a stressed word."""
        first, *rest = self.paragraph().split()
        if self.random.random() < 0.4:
            rest[0] = f"[{rest[0]}](https://docs.example.org/{rest[0]})"
            rest[-2] = f"**{rest[-2]}**"
        return " ".join([first, *rest])

    def block(self) -> str:
        """Of Markdown: a heading, a list, code, a table or a paragraph."""
        kind = self.random.random()
        if kind < 0.12:
            return "#" * self.random.randint(1, 4) + " " + self.words(2, 6).capitalize()
        if kind < 0.3:
            return "\n".join(f"- {self.sentence()}" for _ in range(self.random.randint(2, 6)))
        if kind < 0.36:
            return "\n".join(["```python", *(f"    total = check({self.words(1, 1)!r})" for _ in range(5)), "```"])
        if kind < 0.42:
            rows = [" | ".join(self.words(1, 4) for _ in range(3)) for _ in range(6)]
            return "\n".join(f"| {row} |" for row in [rows[0], "--- | --- | ---", *rows[1:]])
        return self.marked() + (" <b>Note</b> this." if kind > 0.98 else "")


def _filled(part: Callable[[], str], between: str, size: int) -> str:
    parts, length = list[str](), 0
    while length < size:
        parts.append(part())
        length += len(parts[-1]) + len(between)
    return between.join(parts)


def _text(writer: _Writer, size: int) -> str:
    return _filled(writer.paragraph, "\n\n", size)


def _markdown(writer: _Writer, size: int) -> str:
    return _filled(writer.block, "\n\n", size)


def _html(writer: _Writer, size: int) -> str:
    body = MarkdownIt("commonmark").enable("table").render(_markdown(writer, size))
    body = body.replace("<p>", '<p class="note">').replace("<ul>", '<ul class="menu">')
    head = f'<meta charset="utf-8"><title>{writer.words(2, 5)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><nav>Home</nav><main>{body}</main></body></html>'


def _csv(writer: _Writer, size: int) -> str:
    table = StringIO()
    rows = csv.writer(table)
    rows.writerow(["id", "date", "name", "city", "amount", "comment"])
    number = 0
    while table.tell() < size:
        number += 1
        day = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
        amount = f"{writer.random.random() * 1000:.2f}"
        rows.writerow([number, day, writer.words(2, 2), writer.words(1, 1), amount, writer.sentence()])
    return table.getvalue()


def _record(writer: _Writer) -> str:
    record = {"id": writer.words(1, 1), "title": writer.words(2, 6), "text": writer.paragraph()}
    return json.dumps(record | {"author": writer.words(2, 2), "tags": [writer.words(1, 1), writer.words(1, 1)]})


def _jsonl(writer: _Writer, size: int) -> str:
    return _filled(partial(_record, writer), "\n", size)


FORMATS: Mapping[str, Callable[[_Writer, int], str]] = {
    "txt": _text,
    "md": _markdown,
    "html": _html,
    "csv": _csv,
    "jsonl": _jsonl,
}


def plain_file(kind: str, size: int, seed: int) -> bytes:
    """A file of one of `FORMATS`, of about `size` characters."""
    return FORMATS[kind](_Writer(seed), size).encode()
