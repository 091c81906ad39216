"""No renderer loads or links anything in a neutralised text."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from app.safety.domain import markup
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


def active_tags(text: str) -> set[str]:
    """The tags of the text, as it is and rendered, other than harmless ones."""
    return _stray(text) | rendered_tags(text)


def rendered_tags(text: str) -> set[str]:
    """The tags of the text rendered as Markdown, other than harmless ones."""
    return set().union(*(_stray(renderer.render(text)) for renderer in RENDERERS))


def _stray(page: str) -> set[str]:
    tags = {node.tag for node in LexborHTMLParser(page).css("*") if node.tag}
    return {tag for tag in tags if not HARMLESS.fullmatch(tag)}


@pytest.mark.parametrize("form", FORMS)
def test_a_neutralised_text_has_no_active_tags(form: str) -> None:
    assert loads_or_links(form)
    neutral = neutralise(f"Here is your summary. {form}")
    assert active_tags(neutral) == set()
    assert active_tags(neutralise(form)) == set()
    assert loads_or_links(neutral) == []


def test_the_forms_are_active_without_neutralisation() -> None:
    """Checks that the renderers support the forms, without which the test above would prove little."""
    assert sum(bool(active_tags(form)) for form in FORMS) > 0.9 * len(FORMS)


@settings(deadline=None, max_examples=300)
@given(PIECES)
def test_neutralising_only_adds_spaces_and_is_idempotent(text: str) -> None:
    neutral = neutralise(text)
    assert neutral.replace(" ", "") == text.replace(" ", "")
    assert neutralise(neutral) == neutral
    assert loads_or_links(neutral) == []


@settings(deadline=None, max_examples=200)
@given(PIECES)
def test_any_combination_of_pieces_is_neutralised(text: str) -> None:
    assert active_tags(neutralise(text)) == set()


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(PIECES)
@example("tel:+4912345")
@example("[a][b] and [b]: c")
@example("a-.com")
@example("b.example.com?q")
@example("url(a) and www.a")
@example("![[a]]")
@example("a\\]\\(b")
@example("//a.b")
@example("&lt;img src=a>")
def test_no_rule_matches_a_text_that_is_passed_over(text: str) -> None:
    quick = loads_or_links(text), neutralise(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "_MAY_LINK", re.compile(""))
        patch.setattr(markup, "_MAY_CHANGE", re.compile(""))
        assert (loads_or_links(text), neutralise(text)) == quick


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
def test_ordinary_text_is_not_changed(text: str) -> None:
    assert neutralise(text) == text
    assert loads_or_links(text) == []


def test_a_neutralised_address_is_readable() -> None:
    assert neutralise("See https://docs.example.org/a?page=2.") == "See https:/ /docs.example. org/a?page=2."
    assert neutralise("Write to help@example.com.") == "Write to help@ example. com."
    assert neutralise("![logo](https://evil.example/c)") == "! [logo] (https:/ /evil.example/c)"


@pytest.mark.parametrize(
    "host", ["0.It was", "x.It was", "10.IT", "a1b2c3d4e5f6a7b8c9d0.it", f"{'abc' * 12}.me", "2024.in"]
)
def test_what_is_no_file_name_is_no_host_either(host: str) -> None:
    """A sentence behind a full stop without a space, and a label that could hold a secret."""
    assert active_tags(neutralise(host)) == set()


@pytest.mark.parametrize("name", ["setup.py", "README.md", "README.MD", "test_2024_11.sh", "e.g. main.rs"])
def test_a_file_name_is_not_changed(name: str) -> None:
    assert neutralise(name) == name


def test_matches_are_returned_verbatim() -> None:
    assert loads_or_links("Look: ![a](https://evil.example/x) now.")[0] == "![a](https://evil.example/x)"
    assert loads_or_links("Go to https://evil.example/x now.") == ["https://evil.example/x"]
    assert loads_or_links("A <b>bold</b> word, mail me@example.org, see example.org.") == []


@pytest.mark.parametrize(
    "piece", ["[", "](", "![", "<a ", '<a "', "&#", "[a]:", "//", "a.", "www.", "\\", "@a.b", "[a\\"]
)
def test_neutralising_takes_linear_time(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    began = time.process_time()
    neutralise(text)
    loads_or_links(text)
    assert time.process_time() - began < 20, "quadratic time would take minutes"
