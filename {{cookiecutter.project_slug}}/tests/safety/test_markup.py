"""Markup in a text is shown as characters: no renderer loads or links anything of it."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from app.safety.domain.markup import loads_or_links, neutralise
from tests.safety.exfiltration import FORMS

HARMLESS = re.compile("html|head|body|p|em|strong|s|code|pre|[uo]l|li|blockquote|h[1-6]|br|hr|table|thead|tbody|t[rhd]")
RENDERERS = (
    MarkdownIt("commonmark", {"html": True}),
    MarkdownIt("gfm-like", {"html": True, "linkify": True}),
    MarkdownIt("js-default", {"html": True, "linkify": True, "typographer": True}).enable("replacements"),
)
PIECES = st.lists(
    st.sampled_from(
        [*"[]()<>!:/\\.&;#@ \n\"'=?`*_-", *FORMS, "www", "https", "evil.com", "img", "&lt;", "&#91;", "a@b.co"]
    )
    | st.text(max_size=5),
    max_size=12,
).map("".join)


def live(text: str) -> set[str]:
    """The tags, other than those of plain text, that a page of this text would hold."""
    pages = [text, *(renderer.render(text) for renderer in RENDERERS)]
    tags = {node.tag for page in pages for node in LexborHTMLParser(page).css("*") if node.tag}
    return {tag for tag in tags if not HARMLESS.fullmatch(tag)}


@pytest.mark.parametrize("form", FORMS)
def test_no_renderer_loads_or_links_anything_of_a_neutralised_text(form: str) -> None:
    assert loads_or_links(form), "it is found"
    shown = neutralise(f"Here is your summary. {form}")
    assert live(shown) == set()
    assert live(neutralise(form)) == set()
    assert loads_or_links(shown) == []


def test_the_forms_are_live_before() -> None:
    """What the renderers here know of them: otherwise the test above would say little."""
    assert sum(bool(live(form)) for form in FORMS) > 0.9 * len(FORMS)


@settings(deadline=None, max_examples=300)
@given(PIECES)
def test_nothing_but_spaces_is_added_and_twice_is_once(text: str) -> None:
    shown = neutralise(text)
    assert shown.replace(" ", "") == text.replace(" ", "")
    assert neutralise(shown) == shown
    assert loads_or_links(shown) == []


@settings(deadline=None, max_examples=200)
@given(PIECES)
def test_whatever_is_put_together_stays_dead(text: str) -> None:
    assert live(neutralise(text)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "The deadline is 30 days [1], or 45 [2].",
        "If x < 5 and y<3 then a > b & c; see section 4.2, e.g. figure 3.",
        "Run `app ingest docs/README.md --source hr` and read policies/data.yaml.",
        "R&D costs 5 €/month; caf&eacute; &mdash; 24/7, C:\\Users\\me, and/or.",
        "It costs $3.50 at 10:30: **bold** and *italic*, a_b_c, # not a heading.",
        "def f(items: list[int]) -> dict[str, int]",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert neutralise(text) == text
    assert loads_or_links(text) == []


def test_an_address_can_still_be_read() -> None:
    assert neutralise("See https://docs.example.org/a?page=2.") == "See https:/ /docs.example. org/a?page=2."
    assert neutralise("Write to help@example.com.") == "Write to help@ example. com."
    assert neutralise("![logo](https://evil.example/c)") == "! [logo] (https:/ /evil.example/c)"


def test_what_is_found_is_told_as_it_stands() -> None:
    assert loads_or_links("Look: ![a](https://evil.example/x) now.")[0] == "![a](https://evil.example/x)"
    assert loads_or_links("Go to https://evil.example/x now.") == ["https://evil.example/x"]
    assert loads_or_links("A <b>bold</b> word, mail me@example.org, see example.org.") == []


@pytest.mark.parametrize(
    "piece", ["[", "](", "![", "<a ", '<a "', "&#", "[a]:", "//", "a.", "www.", "\\", "@a.b", "[a\\"]
)
def test_the_time_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    began = time.process_time()
    neutralise(text)
    loads_or_links(text)
    assert time.process_time() - began < 20, "a square would take minutes"
