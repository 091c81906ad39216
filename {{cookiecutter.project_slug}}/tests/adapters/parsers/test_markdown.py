"""The stored text of a Markdown file is its source without what a renderer of CommonMark does not show."""

import pytest

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument
from tests.conftest import ROOT

FIELD_CASE = ROOT / "tests" / "data" / "field-cases" / "md-comment-in-inline-code.md"
WHOLE = {
    "a comment in a code span": "Write `<!--` to begin.\n\nAnd `-->` to end.\n",
    "a comment in a longer span": "Write ``<!-- ` -->`` or `` `<!--` `` and <b>go on</b>.\n",
    "a comment in a span over two lines": "Write `<!--\nto` begin.\n",
    "a comment in a fence": "~~~html\n<!-- shown --> <p hidden>shown</p>\n~~~\n",
    "a comment in a fence without an end": "Text.\n\n```\n<!-- shown -->\n",
    "a comment in a fence of a list": "- One:\n\n  ```\n  <!-- shown -->\n  ```\n- Two <i>b</i>\n",
    "a comment in indented code": "Text:\n\n    <!-- shown -->\n    <p hidden>shown</p>\n",
    "a comment in quoted code": "> Write `<!--` here\n> and <b>there</b>.\n",
    "a comment in a cell": "| a | b |\n|---|---|\n| `<!--` | `<p hidden>` |\n| <i>x</i> | `-->` |\n",
    "a comment after a backslash": "Write \\<!-- to begin, and \\<p hidden>shown</p> too.\n",
    "a comment that never ends": "A <!-- that no renderer takes for one.\n\nText.\n",
    "a less-than sign": "If a <b and c> d, or 1 < 2 <!, go on.\n",
    "an address": "See <https://example.org/a?b=c> and <bo@example.org>.\n",
    "definitions of links": "See [one] and [two][1].\n\n[one]: https://example.org 'One'\n[1]: <#two>\n",
    "a note like a definition": "[Note]: this text is shown.\n",
    "a visible block": "<div align='center' style='margin-left:auto'>\n\n**Shown**\n\n</div>\n",
    "white on black": "<div style='background:#000'>\n\n<b style='color:white'>Shown</b>\n\n</div>\n",
    "thematic breaks": "---\nAn introduction without fields.\n---\nText.\n",
    "a list between thematic breaks": "---\n- One\n- Two\n---\nText.\n",
    "broken front matter": "---\na: [b\nc: ]d\n---\nText.\n",
    "plus signs": "+++\nno table\n+++\nText.\n",
}
CUT = {
    "a comment": ("A <!-- x --> b\n", "A  b\n"),
    "an empty comment": ("A <!--> b <!---> c -->\n", "A  b  c -->\n"),
    "a comment over blank lines": ("A\n\n<!-- x\n\nx\n-->\n\nb\n", "A\n\n\n\nb\n"),
    "a comment in a quote": ("> A `<i>` <!-- x\n> x --> b\n", "> A `<i>`  b\n"),
    "a comment in a cell": ("| a | b |\n|---|---|\n| `<` | c <!-- x --> |\n", "| a | b |\n|---|---|\n| `<` | c  |\n"),
    "a comment after code": ("`a` <!-- x --> `<!-- b -->`\n", "`a`  `<!-- b -->`\n"),
    "an instruction": ("A <?x y?> b <!X y> c <![CDATA[x]]> d\n", "A  b  c  d\n"),
    "definitions that lead nowhere": ("A\n\n[//]: # (x)\n[x]: <> 'x'\n\nb\n", "A\n\n\n\n\nb\n"),
    "an element": ("A <b hidden>x</b> c\n", "A  c\n"),
    "an element around Markdown": ("A\n\n<div style='display:none'>\n\n# x `y`\n\n</div>\n\nb\n", "A\n\n\n\nb\n"),
    "a style sheet": ("<style>\nx {}\n</style>\n\nA\n", "\n\nA\n"),
    "front matter": ("---\ntitle: x\n---\nA\n", "A\n"),
    "empty front matter": ("---\n---\nA\n", "A\n"),
    "front matter in TOML": ("+++\ntitle = 'x'\n[x]\ny = 1\n+++\nA\n", "A\n"),
}
HEADINGS = """# One `two_three` *four* #

Five
six
===
    # code
#seven

> # quoted

```
# fenced
```
<!--
# hidden
-->
<h2 align="center">
  Eight &amp; <i>nine</i>
</h2>

## [Ten](https://example.org "eleven") ![twelve](a.png) <b>x</b>
Thirteen
---

| a |
|---|
"""


def markdown(text: str) -> ParsedDocument:
    return parse(text.encode(), "a.md")


@pytest.mark.parametrize("source", WHOLE.values(), ids=WHOLE)
def test_what_is_shown_stays_as_it_was_written(source: str) -> None:
    document = markdown(source)
    assert (document.text, document.hidden, document.findings) == (source, "", ())


@pytest.mark.parametrize(("source", "text"), CUT.values(), ids=CUT)
def test_what_is_not_shown_is_cut_out_and_screened(source: str, text: str) -> None:
    document = markdown(source)
    assert document.text == text
    assert ("x" in document.hidden) == ("front" not in source and "title" not in source and "x" in source)


def test_headings_are_those_of_commonmark_and_begin_where_their_line_does() -> None:
    document = markdown(HEADINGS)
    assert [(heading.level, heading.title) for heading in document.headings] == [
        (1, "One two_three four"),
        (1, "Five six"),
        (2, "Eight & nine"),
        (2, "Ten twelve x"),
        (2, "Thirteen"),
    ]
    lines = [document.text[heading.start :].split("\n")[0] for heading in document.headings]
    assert [line.split()[0] for line in lines] == ["#", "Five", "<h2", "##", "Thirteen"]
    assert all(heading.start == 0 or document.text[heading.start - 1] == "\n" for heading in document.headings)


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: 'The lamp: a guide'\ntags: [oil, brass]\nDate: 2026-01-02\nby:\n  name: Bo\n---\n",
        "---\ntitle: >-\n  The lamp:\n  a guide\ntags:\n- oil\n- brass\ndate: 2026-01-02\n...\n",
        "+++\ntitle = \"The lamp: a guide\"\ntags = ['oil', 'brass']\ndate = 2026-01-02\n[by]\nname = 'Bo'\n+++\n",
    ],
    ids=["yaml", "folded yaml", "toml"],
)
def test_front_matter_becomes_metadata(front: str) -> None:
    document = markdown(front + "# Heading\n")
    assert (document.title, document.text) == ("The lamp: a guide", "# Heading\n")
    assert document.metadata == {"title": "The lamp: a guide", "tags": "oil, brass", "date": "2026-01-02"}


def test_a_file_from_the_field_keeps_its_comment_in_code() -> None:
    document = parse(FIELD_CASE.read_bytes(), FIELD_CASE.name)
    assert document.text == FIELD_CASE.read_text("utf-8")
    assert [heading.title for heading in document.headings] == ["Comments", "Limits"]
