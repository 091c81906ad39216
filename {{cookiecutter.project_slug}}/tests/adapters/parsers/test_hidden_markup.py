"""Hidden elements are removed completely, in linear time."""

import time

import pytest

from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.hidden_markup import HiddenSpan, hidden_elements


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("a <p hidden>b</p> c", "a  c"),
        ("a <P HIDDEN>b</p > c", "a  c"),
        ("a <span style='display: none'>b</span> c", "a  c"),
        ('a <span title="x<y" style="opacity:0">b</span> c', "a  c"),
        ("a <b and <p hidden>b</p> c", "a <b and  c"),
        ("a <p hidden>b</p><p hidden>b</p> c", "a  c"),
        ("a <p style='opacity:0.5'>b</p> c", "a <p style='opacity:0.5'>b</p> c"),
        ("a <p hidden>b c", "a <p hidden>b c"),
        ("a </p><p hidden>b c", "a </p><p hidden>b c"),
        ("a <div hidden><div>b</div> b</div> c", "a  c"),
        ("a <div><p hidden>b</div> c", "a <div></div> c"),
        ("a <ul><li hidden>b<li>c</ul> d", "a <ul><li>c</ul> d"),
        ('a <i title="1 > 0" hidden>b</i> c', "a  c"),
        ("a <script>b()</script><style>b{}</style> c", "a  c"),
        ("a <template><p>b</p></template> c", "a  c"),
        ("a <img hidden> c </p>", "a <img hidden> c </p>"),
        ("<p bgcolor=black><i style='color:white'>c</i></p>", "<p bgcolor=black><i style='color:white'>c</i></p>"),
        (
            "<p style='background:#123'><font color=#fff>c</font>",
            "<p style='background:#123'><font color=#fff>c</font>",
        ),
        ("a <p style='background:#123'></p><font color=#fff>b</font>", "a <p style='background:#123'></p>"),
        ("if 1 < 2 and 3 > 2", "if 1 < 2 and 3 > 2"),
    ],
)
def test_hidden_elements_are_removed(text: str, visible: str) -> None:
    spans = hidden_elements(text)
    text_left, hidden = outside(text, spans), [text[start:end] for start, end in spans]
    assert text_left == visible
    assert "".join(hidden) == "" if text_left == text else all("b" in each for each in hidden)


def outside(text: str, spans: list[HiddenSpan]) -> str:
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    return "".join(text[end:start] for end, start in zip([0, *ends], [*starts, len(text)], strict=True))


COSTLY = {
    "open tags": "<a " * 200_000,
    "open tags that end": "<a " * 200_000 + "> </a>",
    "hidden without an end": "</b>" + "<p hidden>" * 60_000,
    "each of its own name": "</b>" + "".join(f"<p{number} hidden>" for number in range(40_000)),
    "styles": "<p " + "style='x " * 60_000 + "> </p>",
    "quotes": "</b>" + "<a '" * 150_000,
    "long quotes": "</b>" + ("<a '" + "<a" * 140) * 2_000,
    "code spans": "`" * 200_000 + "".join("`" * (number % 700) + "<" for number in range(1_600)),
    "definitions": "[a]: #\n" * 20_000,
    "a heading of blanks": "# a" + " " * 600_000 + "b",
    "a heading of signs": "# a" + "# " * 300_000 + "b",
    "a heading of brackets": "# " + "[" * 600_000,
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_any_markup_is_read_in_one_pass(text: str) -> None:
    """Up to 600 kB, which take a second; in quadratic time most would take minutes."""
    began = time.process_time()
    parse(text.encode(), "page.md")
    assert time.process_time() - began < 20
