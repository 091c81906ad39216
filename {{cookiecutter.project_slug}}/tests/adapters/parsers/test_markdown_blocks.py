"""What is found by reading only parts of a Markdown file is what a CommonMark parser finds in all of it."""

import random

import pytest
from markdown_it import MarkdownIt

from app.adapters.parsers import markdown_blocks
from app.adapters.parsers.markdown_blocks import blocks_of

LINES = (
    *("text", "more text", "Ärger", "", "", "", " ", "- item", "  cont", "1. one", "> quoted", "    code", "\t# code"),
    *("# A", "## B `x` *y* #", "# ", "#", "#none", "   # in", "- # of a list", "> # of a quote", "# a # b ##", "# [y]"),
    *("===", "---", "***", "```", "```py", "   ```", "~~~", "~~~~", "| a | b |", "|---|---|", "| 1 | <b>2</b> |"),
    *("<!-- c", "-->", "<!-- x -->", "<div hidden>", "</div>", "<pre>", "</pre>", "<?php", "?>", "a `<b>` <i>c</i>"),
    *("[x]: <>", "[//]: # (c)", "[y]: https://example.org", "[a", "b]: <#>", "\\<b>", "# &amp; b"),
)


def parsed_whole(source: str) -> markdown_blocks.MarkdownBlocks:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    env: dict[str, object] = {}
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    blocks = markdown_blocks.MarkdownBlocks()
    blocks.add(source, parser.parse(source, env), starts, env)
    return blocks


@pytest.mark.parametrize("seed", range(40))
def test_parts_read_alone_give_what_the_whole_gives(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(10):
        source = "\n".join(generator.choices(LINES, k=generator.randint(1, 40)))
        found, expected = blocks_of(source), parsed_whole(source)
        assert sorted(found.html) == sorted(expected.html), source
        assert sorted(found.comments) == sorted(expected.comments), source
        assert sorted(found.titles()) == sorted(expected.titles()), source


def test_paragraphs_without_markup_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> MarkdownIt:
        raise AssertionError("read")

    monkeypatch.setattr(markdown_blocks, "_parser", never)
    source = "Text with *marks*.\n\n# A heading\n\nMore `code`:\n\n- one\n- two\n\n| a |\n|---|\n| 1 |\n\n## End\n"
    blocks = blocks_of(source)
    assert [(level, title) for _, level, title in blocks.titles()] == [(1, "A heading"), (2, "End")]
    assert [source[start] for start, *_ in blocks.headings] == ["#", "#"]
