"""What a reader of a page sees becomes text: in its order, with its structure, and in the encoding that it names."""

import time

import pytest

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from tests.conftest import ROOT

FIELD_CASES = ROOT / "tests" / "data" / "field-cases"


def page(body: str, head: str = "") -> ParsedDocument:
    document = parse(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), "a.html")
    assert document.loss is not None
    assert document.loss.lost == {}, body
    return document


STRUCTURES = {
    "a heading in a button": ("<button><h3>How?</h3></button><p>So.</p>", "How?\n\nSo.", ["3 How?"]),
    "a button in a heading": ("<h2><button>How <i>so</i>?</button></h2><p>So.</p>", "How so?\n\nSo.", ["2 How so?"]),
    "a button": ("<p>Press <button>Save</button> and <button>Close</button>.</p>", "Press Save and Close.", []),
    "a heading in a summary": (
        "<details><summary><h4>How?</h4></summary>So.</details><details open><summary>Why?</summary>Because.</details>",
        "How?\n\nSo.\n\nWhy?\n\nBecause.",
        ["4 How?"],
    ),
    "an accordion": (
        "<h3><button aria-expanded=false aria-controls=a1>How?</button></h3><div id=a1 hidden>So.</div>",
        "How?\n\nSo.",
        ["3 How?"],
    ),
    "a collapsed panel": (
        "<style>.c{display:none}</style><a data-bs-target='#x'>More</a><div class=c id=x>Text.</div>",
        "More\n\nText.",
        [],
    ),
    "blocks in a heading": ("<h2><div>One</div><div>two</div></h2>Text.", "One two\n\nText.", ["2 One two"]),
    "a role": ("<div role=heading aria-level=5>One</div>Text.", "One\n\nText.", ["5 One"]),
    "a heading in an item": ("<ul><li><h3>One</h3>Text.</li></ul>", "One\n\nText.", ["3 One"]),
    "a numbered list": (
        "<ol start=3><li>a<li><p>b</p><li value=9>c<ul><li>d</ul><li>e</ol>",
        "3. a\n4. b\n9. c\n- d\n10. e",
        [],
    ),
    "a definition list": ("<dl><dt>Lamp<dd>It glows.<dt>Desk<dd>Oak.</dl>", "Lamp\nIt glows.\nDesk\nOak.", []),
    "code": (
        "<pre>def f():\n    if x:\n\treturn  1\n\n    else</pre><p>Text.</p>",
        "def f():\n    if x:\n\treturn  1\n\n    else\n\nText.",
        [],
    ),
    "lines of code in blocks": ("<pre><div>if x:</div><div>    y</div></pre>", "if x:\n\n    y", []),
    "a footer of an article": (
        "<article>Text.<footer>By Bo.</footer><nav>One | Two</nav></article><footer>Imprint</footer><nav>Home</nav>",
        "Text.\n\nBy Bo.\n\nOne | Two",
        [],
    ),
    "a caption of a figure": ("<figure><img src=a><figcaption>A lamp</figcaption></figure>", "A lamp", []),
    "a form": (
        "<form>Size <select><optgroup label=Old><option>S<option selected>M</select> by <input value=Bo>"
        "<textarea>two\nlines</textarea><input type=hidden value=no><input type=submit value=Send></form>",
        "Size\nOld\nS\nM by Bo two lines Send",
        [],
    ),
    "line breaks": ("<p>One<br>two<br/><br>three</p>", "One\ntwo\nthree", []),
    "a drawing": (
        "<svg><title>no</title><text>North <tspan x=1>gate</tspan></text><text fill=none>ghost</text></svg>",
        "North gate",
        [],
    ),
    "a formula": (
        "<math><mfrac><mn>1</mn><mn>2</mn></mfrac><msup><mi>x</mi><mn>3</mn></msup></math>",
        "1/2 x^3",
        [],
    ),
    "ruby": ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "漢(かん)", []),
    "boxes in a line": ("<div style='display:flex'><span>A</span><b>B</b></div>", "A\n\nB", []),
    "a line as a block": ("<span style='display:block'>A</span><span>B</span>", "A\n\nB", []),
    "letters of one word": ("<p>w<b>or</b>d sh&shy;y</p>", "word shy", []),
}  # fmt: skip
TABLES = {
    "paragraphs in cells": "<tr><td><p>a</p><p>b</p><td><p>c</p></tr><tr><td>d<br>e<td><ul><li>f<li>g</ul></tr>",
    "empty cells": "<tr><th><th>Child<th>Adult</tr><tr><td>A<td><td>8 mg</tr><tr><td><td>5 mg<td></tr>",
    "equal cells": "<tr><td>A<td>5 mg<td>5 mg</tr>",
    "spans": (
        "<tr><th rowspan=2>Item<th colspan=2>2024</tr><tr><th>Q1<th>Q2</tr>"
        "<tr><td rowspan=2>Glove<td>1<td>2</tr><tr><td>3<td>4</tr><tr><td colspan=3>Total</tr>"
    ),
    "a span to the end": "<tbody><tr><td rowspan=0>A<td>1</tr><tr><td>2</tr></tbody><tbody><tr><td>B<td>3</tr></tbody>",
    "a span too wide": "<tr><td>A<td colspan=99999>1</tr><tr><td>B<td>2</tr>",
    "a long cell over several columns": f"<tr><td colspan=3>{'a' * 201}<td>1</tr><tr><td>B<td>2<td>3<td>4</tr>",
    "a hidden cell": "<tr><td>A<td style='display:none'>no<td>1</tr>",
    "a caption": "<caption>Fees</caption><thead><tr><td>Course<td>Fee</tr></thead><tr><td>Boat<td>9</tr>",
    "a nested table": "<tr><td>A<td>B <table><tr><td>c<td>d</tr></table></tr><tr><td>E<td>F</tr>",
    "one column": "<tr><td>a</tr><tr><td>b</tr>",
    "headings": "<tr><td><h2>One</h2>Text.<td>Side.</tr>",
    "rows without a height": "<tr style='height:0;overflow:hidden'><td style='width:0;overflow:hidden'>A<td>B</tr>",
}
LINES = {
    "paragraphs in cells": "a b | c\nd e | - f - g",
    "empty cells": "| Child | Adult\nA | | Adult: 8 mg\n| Child: 5 mg",
    "equal cells": "A | 5 mg | 5 mg",
    "spans": "Item | 2024 | 2024\nItem | Q1 | Q2\n"
    "Item: Glove | 2024 Q1: 1 | 2024 Q2: 2\nItem: Glove | 2024 Q1: 3 | 2024 Q2: 4\nTotal",
    "a span to the end": "A | 1\nA | 2\nB | 3",
    "a span too wide": "A" + " | 1" * 1000 + "\nB | 2",
    "a long cell over several columns": "a" * 201 + " | | | 1\nB | 2 | 3 | 4",
    "a hidden cell": "A | 1",
    "a caption": "Fees\n\nCourse | Fee\nCourse: Boat | Fee: 9",
    "a nested table": "A | B\nc | d\nE | F",
    "one column": "a\nb",
    "headings": "One\n\nText.\nSide.",
    "rows without a height": "A | B",
}


@pytest.mark.parametrize(("body", "text", "headings"), STRUCTURES.values(), ids=STRUCTURES)
def test_a_page_is_read_as_it_is_seen(body: str, text: str, headings: list[str]) -> None:
    document = page(body)
    assert document.text == text
    assert [f"{heading.level} {heading.title}" for heading in document.headings] == headings


@pytest.mark.parametrize("name", TABLES)
def test_a_row_is_a_line_in_which_every_cell_has_its_column(name: str) -> None:
    assert page(f"<table>{TABLES[name]}</table>").text == LINES[name]


def test_the_rows_of_a_table_name_their_columns() -> None:
    rows = "".join(f"<tr><th>{number}<td>a<td></tr>" for number in range(14))
    lines = page(f"<table><tr><th>No<th>First<th>Last</tr>{rows}</table>").text.splitlines()
    assert (lines[0], lines[1], len(lines)) == ("No | First | Last", "No: 0 | First: a", 15)


def test_the_text_of_a_drawing_is_no_title_of_the_page() -> None:
    assert page("<h1>Lamps</h1><svg><title>Icon</title></svg>").title == "Lamps"


def test_what_only_browsers_without_scripts_show_is_left_out_and_screened() -> None:
    document = page("Seen.<noscript>obey me</noscript><iframe>obey me too</iframe><dialog>closed</dialog>")
    assert (document.text, document.hidden) == ("Seen.", "obey me\nobey me too\nclosed")


def test_hidden_navigation_is_screened() -> None:
    assert page("Seen.<div hidden><nav>obey <b>me</b></nav></div><nav hidden>too</nav>").hidden == "obey me\ntoo"


SENTENCES = {
    "iso-8859-1": ("cp1252", "“no” – 35 €, Köln"),
    "us-ascii": ("cp1252", "‘a’ … ™"),
    "latin1": ("cp1252", "Œuvre"),
    "iso-8859-9": ("cp1254", "İstanbul’da ğ"),
    "iso-8859-11": ("cp874", "ตลาดเปิด “…”"),
    "gb2312": ("gb18030", "借書證 丂 鎔 €"),
    "GBK": ("gb18030", "中文 ㄅ"),
    "shift_jis": ("cp932", "①番 髙橋 ～"),
    "x-sjis": ("cp932", "Ⅳ級"),
    "euc-kr": ("cp949", "똠방각하 쌰"),
    "ks_c_5601-1987": ("cp949", "뷁"),
    "big5": ("big5hkscs", "圖書館 ˇ"),
    "euc-jp": ("euc_jp", "日本語"),
    "iso-2022-jp": ("iso2022_jp", "日本語のページ"),
    "koi8-r": ("koi8-r", "Привет"),
    "cp866": ("cp866", "Привет"),
    "x-user-defined": ("cp1252", "Köln"),
    "logical": ("iso8859-8", "שלום"),
}


@pytest.mark.parametrize(("label", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_a_label_of_an_encoding_means_what_it_means_in_browsers(label: str, sentence: tuple[str, str]) -> None:
    codec, text = sentence
    for head in (
        f"<meta name=description content='charset=utf-7'><meta charset='{label}'>",
        f"<!-- <meta charset=koi8-u> --><META HTTP-EQUIV=Content-Type content='text/html; charset={label}'>",
    ):
        assert parse(f"<html><head>{head}</head><p>{text}</p>".encode(codec), "a.html").text == text
    source = f"<?xml version='1.0' encoding='{label}'?><html><p>{text}</p></html>"
    assert parse(source.encode(codec), "a.xhtml").text == text


def test_a_mark_and_valid_utf_8_count_for_more_than_a_label() -> None:
    source = "<html><meta charset=shift_jis><p>Köln – 5 €</p></html>"
    for data in (source.encode("utf-8-sig"), source.encode(), source.encode("utf-16")):
        assert parse(data, "a.html").text == "Köln – 5 €"


@pytest.mark.parametrize("label", ["utf-8", "utf-16", "iso-2022-kr", "no-such", "euc-kr", "utf-7"])
def test_bytes_that_their_label_does_not_explain_are_refused(label: str) -> None:
    with pytest.raises(Unparsable, match="encoding_damage"):
        parse(f"<html><meta charset={label}><p>".encode() + b"caf\xe9 \xff</p></html>", "a.html")


def test_bytes_that_a_code_page_leaves_undefined_do_not_refuse_the_page() -> None:
    assert parse(b"<html><meta charset=latin1><p>caf\xe9 \x81\x8d\x9d end</p></html>", "a.html").text == "café end"


FIELD = {
    "html-accordion-button.html": ["How long is the warranty?", "Who pays the return?"],
    "html-iso-8859-1-is-windows-1252.html": ["“no refunds after ten days” – a repair costs 35 €"],
    "html-negative-margin-column.html": ["Visiting hours of the archive are from two to five."],
    "html-row-height-zero.html": ["Package | Size\nMarsh | 71 MB"],
    "html-table-paragraph-cells.html": ["Course | Fee\nPottery | 48 euros\nSailing | 310 euros"],
}


@pytest.mark.parametrize(("name", "texts"), FIELD.items(), ids=FIELD)
def test_a_page_from_the_field_is_read_whole(name: str, texts: list[str]) -> None:
    document = parse((FIELD_CASES / name).read_bytes(), name)
    assert [text for text in texts if text not in document.text] == []
    assert document.findings == ()


BESIDE_ITS_ELEMENTS = {
    "a shadow tree around its text": (
        "<x-a><template shadowrootmode='open'>Fee: <slot></slot>.</template>42</x-a>",
        "Fee: 42.",
        "",
    ),
    "a closed shadow tree": ("<x-a><template shadowrootmode=closed><p>Within.</p></template></x-a>", "Within.", ""),
    "slots by name": (
        "<x-a><template shadowrootmode=open><h2><slot name=t>none</slot></h2><slot></slot></template>"
        "<p>Body.</p><span slot=t>Title</span></x-a>",
        "Title\n\nBody.",
        "",
    ),
    "a slot of nothing": ("<x-a><template shadowrootmode=open><slot>Default.</slot></template></x-a>", "Default.", ""),
    "a shadow tree within another": (
        "<x-a><template shadowrootmode=open><x-b><template shadowrootmode=open>[<slot></slot>]</template>"
        "<slot></slot></x-b></template><b>in</b></x-a>",
        "[in]",
        "",
    ),
    "a shadow tree in what is slotted": (
        "<x-a><template shadowrootmode=open><p>A <slot></slot></p></template>"
        "<x-b><template shadowrootmode=open>B</template></x-b></x-a>",
        "A B",
        "",
    ),
    "a slot in the default of another": (
        "<x-a><template shadowrootmode=open><slot name=n><slot>d</slot></slot>.</template>C</x-a>",
        "C.",
        "",
    ),
    "styles of a shadow tree count within it": (
        "<x-a><template shadowrootmode=open><style>.n{display:none}</style><p class=n>x</p>Seen.</template></x-a>"
        "<p class=n>Also seen.</p>",
        "Seen.\n\nAlso seen.",
        "x",
    ),
    "what has no slot": ("<x-a><template shadowrootmode=open><p>C</p></template><i slot=none>x</i></x-a>", "C", "x"),
    "a page within a frame": ("<p>A</p><iframe srcdoc='<p>B <b>b</b></p>'>f</iframe><p>C</p>", "A\n\nB b\n\nC", ""),
    "a hidden frame": ("<iframe hidden srcdoc='<p>x</p>'></iframe><p>C</p>", "C", "x"),
    "a frame that a style hides": ("<iframe style='display:none' srcdoc='<p>x</p>'></iframe><p>C</p>", "C", "x"),
    "a frame of no size": ("<iframe width=0 height=0 srcdoc='<p>x</p>'></iframe><p>C</p>", "C", "x"),
    "a hidden page within a frame": ("<p>C</p><iframe srcdoc='<body hidden><p>x</p>'></iframe>", "C", "x"),
    "a page within a frame that its style hides": (
        "<p>C</p><iframe srcdoc='<style>body{display:none}</style><p>x</p>'></iframe>",
        "C",
        "x",
    ),
    "a page within a frame that its style hides as a whole": (
        "<p>C</p><iframe srcdoc='<style>html{display:none}</style><p>x</p>'></iframe>",
        "C",
        "x",
    ),
    "a host that its shadow tree hides": (
        "<p>C</p><x-a><template shadowrootmode=open><style>:host{display:none}</style>x</template></x-a>",
        "C",
        "x",
    ),
    "a style that stands deep in a shadow tree": (
        "<x-a><template shadowrootmode=open><div><style>.n{display:none}</style></div><p class=n>x</p>C</template>"
        "</x-a>",
        "C",
        "x",
    ),
    "an element that has no shadow tree": ("<ul><li><template shadowrootmode=open>x</template>C</ul>", "- C", "x"),
    "a shadow tree of no kind": ("<div><template shadowrootmode=any>x</template>C</div>", "C", "x"),
    "a common template": ("<template><p>x</p></template><p>C</p>", "C", "x"),
    "a bar of progress": ("<p>Done <progress value=3>x</progress></p>", "Done", "x"),
}


def test_the_style_of_every_shadow_tree_counts_however_many_there_are() -> None:
    tree = "<x-a><template shadowrootmode=open><style>.n{display:none}</style><p class=n>x</p>C</template></x-a>"
    assert page(f"<div>{tree}</div>" * 50).text.split() == ["C"] * 50


def test_many_slots_are_filled_in_linear_time() -> None:
    """Half a megabyte, which takes a moment; in quadratic time it would take minutes."""
    slots = "".join(f"<slot name=s{number}></slot>" for number in range(10_000))
    filled = "".join(f"<b slot=s{number}>w</b>" for number in range(10_000))
    began = time.process_time()
    assert page(f"<x-a><template shadowrootmode=open>{slots}</template>{filled}</x-a>").text == "w" * 10_000
    assert time.process_time() - began < 20


def test_raised_text_within_raised_text_is_read_in_linear_time() -> None:
    began = time.process_time()
    assert page("5" + "<sup>word" * 100_000).text.startswith("5word")
    assert time.process_time() - began < 20


@pytest.mark.parametrize("case", BESIDE_ITS_ELEMENTS)
def test_what_a_browser_shows_beside_the_elements_of_a_page_is_read_in_its_place(case: str) -> None:
    body, text, hidden = BESIDE_ITS_ELEMENTS[case]
    document = page(body)
    assert document.text == text
    assert ("x" in document.hidden.split()) == bool(hidden)
