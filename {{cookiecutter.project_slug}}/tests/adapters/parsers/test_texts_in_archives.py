"""OpenDocument texts, e-books and RTF: all that a reader sees, in its order, under its headings."""

import io
import zipfile

import pytest
from lxml import etree

from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.xml_parts import readable
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable, WordLoss
from tests.adapters.parsers.office_files import epub, open_document, pptx, shape, text_cells, xlsx, zipped
from tests.adapters.parsers.word_files import paragraph, word


def lines(document: ParsedDocument) -> list[str]:
    return [line for line in document.text.split("\n") if line]


def headings(document: ParsedDocument) -> list[tuple[int, str]]:
    for heading in document.headings:
        assert document.text[heading.start :].startswith(heading.title)
    return [(heading.level, heading.title) for heading in document.headings]


ROWS = "".join(
    "<table:table-row>"
    + "".join(f"<table:table-cell><text:p>{c}</text:p></table:table-cell>" for c in row)
    + "</table:table-row>"
    for row in (("Item", "Fee"), ("Berth", "48"))
)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (
            "<text:h text:outline-level='2'>Rules</text:h><text:p>Of the <text:span>la</text:span>mp.</text:p>",
            ["Rules", "Of the lamp."],
        ),
        ("<text:p>a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d</text:p>", ["a b c", "d"]),
        ("<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>", ["- one"]),
        (
            "<text:p>Lamp<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Of oil.</text:p>"
            "</text:note-body></text:note> lit.</text:p>",
            ["Lamp [1] lit.", "[1] Of oil."],
        ),
        (f"<table:table>{ROWS}</table:table>", ["Columns: Item, Fee", "Item: Berth; Fee: 48"]),
        (
            "<text:p><draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>"
            "Beside.</text:p>",
            ["Beside.", "In a box."],
        ),
        ("<text:section><text:p>In a section.</text:p></text:section>", ["In a section."]),
        (
            "<text:p>Seen.<office:annotation><text:p>Really?</text:p></office:annotation></text:p>",
            ["Seen.", "Comment: Really?"],
        ),
        (
            "<text:p>x<text:ruby><text:ruby-base>借</text:ruby-base><text:ruby-text>jie</text:ruby-text></text:ruby></text:p>",
            ["x借 (jie)"],
        ),
        (
            "<text:p>Of <text:date>1 May</text:date> by <text:creator>Ann</text:creator>: <text:title>Fees</text:title>"
            "<text:description>, all</text:description>.</text:p>",
            ["Of 1 May by Ann: Fees, all."],
        ),
    ],
    ids=["heading", "blanks", "list", "note", "table", "text box", "section", "comment", "ruby", "fields"],
)
def test_an_open_document_text_is_read_in_its_order(body: str, read: list[str]) -> None:
    document = parse(open_document("text", body), "a.odt")
    assert lines(document) == read
    assert document.loss is not None
    assert document.loss.lost == {}


def test_hidden_and_deleted_text_is_hidden_and_headers_of_pages_are_read_once() -> None:
    style = '<style:style style:name="off"><style:text-properties text:display="none"/></style:style>'
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>old words</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        "<text:p>The lamp<text:span text:style-name='off'> obey me</text:span>.</text:p>"
    )
    pages = (
        "<office:document-styles SPACES><office:master-styles><style:master-page><style:header><text:p>Harbour</text:p>"
        "</style:header></style:master-page><style:master-page><style:header><text:p>Harbour</text:p></style:header>"
        "</style:master-page></office:master-styles></office:document-styles>"
    )
    document = parse(open_document("text", body, style, styles=pages), "a.odt")
    assert lines(document) == ["The lamp.", "Harbour"]
    assert document.hidden.split("\n") == ["old words", "obey me"]
    assert document.loss == WordLoss(7, {})


def test_a_book_is_read_in_the_order_of_its_spine_with_the_titles_of_its_contents() -> None:
    pages = {"b.xhtml": "<h1>Second</h1><p>Put out.</p>", "a.xhtml": "<h2>At dusk</h2><p>Lit by <a id='x'/>hand.</p>"}
    titles = {"a.xhtml": "First", "b.xhtml": "Second"}
    document = parse(epub(pages, titles, spine=["a.xhtml", "b.xhtml"]), "a.epub")
    assert headings(document) == [(1, "First"), (3, "At dusk"), (1, "Second")]
    assert lines(document) == ["First", "At dusk", "Lit by hand.", "Second", "Put out."]
    assert (document.title, document.metadata) == ("The lamp", {"author": "Ann Keeper", "language": "en"})
    assert document.loss == WordLoss(8, {})


LINKED = '<link href="styles/all.css" rel="stylesheet" type="text/css"/>'


@pytest.mark.parametrize(
    ("head", "sheet", "hidden"),
    [
        (LINKED, ".x { display: none }", True),
        (LINKED, "/* caf\u00e9 */ .x { color: #fefefe }", True),
        ('<link rel="stylesheet" href="../book/styles/all%2Ecss"/>', ".x { font-size: 0 }", True),
        (LINKED.replace("/>", ' media="print"/>'), ".x { display: none }", False),
        (LINKED.replace('"stylesheet"', '"alternate"'), ".x { display: none }", False),
        (LINKED.replace("all", "none"), ".x { display: none }", False),
        (LINKED, "p { color: #fefefe; background: black }", False),
    ],
)
def test_the_style_sheets_of_a_book_hide_text_of_its_pages(head: str, sheet: str, hidden: bool) -> None:
    pages = {"a.xhtml": "<p>The lamp is lit.</p><p class='x'>Obey me.</p>"}
    document = parse(epub(pages, head=head, sheet=sheet), "a.epub")
    assert lines(document) == ["The lamp is lit.", *([] if hidden else ["Obey me."])]
    assert document.hidden == ("Obey me." if hidden else "")
    assert document.loss is not None
    assert document.loss.lost == {}


def test_a_page_that_links_its_style_sheet_without_end_has_it_once() -> None:
    sheet = ".y { color: red }" * 10_000 + ".x { display: none }"
    pages = {"a.xhtml": "<p>The lamp is lit.</p><p class='x'>Obey me.</p>"}
    document = parse(epub(pages, head=LINKED * 5_000, sheet=sheet), "a.epub")
    assert (lines(document), document.hidden) == (["The lamp is lit."], "Obey me.")


def test_a_note_mark_within_a_line_of_a_book_loses_no_words() -> None:
    body = "<p>The lamp<a href='#n'>1</a> is lit.</p><aside id='n'><p>By hand.</p></aside>"
    assert parse(epub({"a.xhtml": body}), "a.epub").loss == WordLoss(6, {})


def rtf(body: str) -> ParsedDocument:
    head = (
        r"{\rtf1\ansi\ansicpg1252\deff0"
        r"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Times;}{\f2\fcharset128 Mincho;}}"
        r"{\colortbl;\red0\green0\blue0;\red255\green255\blue255;\red244\green244\blue244;\red0\green0\blue64;}"
        r"{\stylesheet{\s0 Normal;}{\s1\b heading 1;}}"
        r"{\info{\title Der B\'e4r}}"
    )
    return parse(f"{head}{body}}}".encode("latin-1"), "a.rtf")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (r"\pard\s1 Rules\par\pard The \b la\b0 mp.\par", ["Rules", "The lamp."]),
        (r"caf\'e9 \u8364?5 {\uc2\u945ab}\u-10179?\u-8704?", ["café €5 α😀"]),
        (
            r"{\f1 \'cf\'f0\'e8\'e2\'e5\'f2} {\f2 \'93\'fa\'967B}".replace("967B", "96{}7B").replace("{}", "\\'"),
            ["Привет 日本"],
        ),
        (r"\lquote a\rquote\~b\tab c\line d", ["‘a’ b c", "d"]),
        (r"Lit\chftn{\footnote\chftn Of oil.} at dusk.\par", ["Lit [1] at dusk.", "[1] Of oil."]),
        (r'{\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt the link}}', ["the link"]),
        (r"{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt In a box\par}}{\shprslt In a box}}", ["In a box"]),
        (r"{\listtext 1.\tab}One\par{\header Harbour}Two", ["1. One", "Two", "Harbour"]),
        (
            r"\trowd\cellx1\cellx2\pard\intbl Item\cell Fee\cell\row"
            r"\trowd\clvmgf\cellx1\cellx2\intbl Berth\cell 48\cell\row"
            r"\trowd\clvmrg\cellx1\cellx2\intbl\cell 50\cell\row\pard After.",
            ["Columns: Item, Fee", "Item: Berth; Fee: 48", "Item: Berth; Fee: 50", "After."],
        ),
        (r"{\pict\bin5 }}\}}x}{\*\unknown dropped}{\object{\*\objdata 00ff}{\result shown}}", ["shown"]),
    ],
    ids=["heading", "unicode", "fonts", "signs", "note", "field", "text box", "lists", "table", "binary"],
)
def test_rich_text_is_read_as_it_is_shown(body: str, read: list[str]) -> None:
    document = rtf(body)
    assert lines(document) == read
    assert document.title == "Der Bär"


@pytest.mark.parametrize(
    ("head", "byte"),
    [(r"\mac", "8e"), (r"\pc", "82"), (r"\pca", "82"), (r"\ansi\ansicpg10000", "8e"), (r"\ansi", "e9")],
)
def test_rich_text_is_decoded_by_the_character_set_that_it_names(head: str, byte: str) -> None:
    assert parse(rf"{{\rtf1{head} Caf\'{byte} au lait\par}}".encode(), "a.rtf").text == "Café au lait"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"10{\super 6} berths", "10⁶ berths"),
        (r"10\super 6\nosupersub  berths", "10⁶ berths"),
        (r"2031{\super 1}{\sub 2}", "2031¹2"),
        (r"10{\super 6\par 10}\super 6\par", "10⁶\n\n10⁶"),
        (r"\trowd\intbl 10\super 6\cell\row\pard", "10⁶"),
        (r"a{\footnote of 10{\super 6}} 7", "a 7\n\n[1] of 10⁶"),
        (r"the 5{\super th} of May", "the 5th of May"),
    ],
)
def test_raised_digits_of_rich_text_are_no_part_of_the_number_before(body: str, text: str) -> None:
    assert rtf(rf"{body}\par").text == text


def test_hidden_pieces_of_rich_text_are_words_apart() -> None:
    document = rtf(r"Seen {\v one hidden} and {\v another hidden} and {\deleted gone} end.\par")
    assert document.text == "Seen and and end."
    assert document.hidden == "one hidden another hidden gone"
    assert document.loss is not None
    assert document.loss.lost == {}


@pytest.mark.parametrize(
    "hidden",
    [
        *(r"{\v obey me}", r"{\cf2 obey me}", r"{\fs2 obey me}", r"{\deleted obey me}", r"{\cf3 obey me}"),
        *(r"{\highlight4 seen}{\cf2 obey me}", r"{\cf1\highlight1 obey me}", r"{\highlight4\cf4 obey me}"),
        *(r"\pard\cbpat4 {\cf4 obey me}\pard", r"\pard\cbpat4 seen\par\pard{\cf2 obey me}"),
        r"{\highlight4\cf2 seen\plain\cf2  obey me}",
        r"{\pard\shading5000 seen\par}\pard\shading0{\cf2 obey me}",
    ],
)
def test_rich_text_that_is_not_shown_is_hidden(hidden: str) -> None:
    document = rtf(rf"The lamp.\par {hidden}\par\cf1\fs20 Lit.")
    seen = ["seen"] if "seen" in hidden else []
    assert (lines(document), document.hidden) == (["The lamp.", *seen, "Lit."], "obey me")


@pytest.mark.parametrize(
    "body",
    [
        r"\trowd\clcbpat1\cellx1\pard\intbl{\cf2 Zone}\cell\row\pard",
        r"{\highlight4\cf2 Zone}\par",
        r"{\cf2\chcbpat4 Zone}\par",
        r"\pard\cbpat4{\cf2 Zone}\par",
        r"\pard\cbpat4\plain\cf2 Zone\par",
        r"\pard\shading5000\cf2 Zone\par",
        r"{\cf9 Zone}\par",
    ],
)
def test_white_text_counts_as_seen_where_a_background_is_behind_it(body: str) -> None:
    assert lines(rtf(body)) == ["Zone"]


def rules(document: ParsedDocument) -> dict[str, int]:
    return {finding.rule: finding.count for finding in document.findings}


@pytest.mark.parametrize(("kind", "name"), [("text", "a.odt"), ("spreadsheet", "a.ods"), ("presentation", "a.odp")])
def test_an_open_document_says_that_it_has_macros_and_files_in_it(kind: str, name: str) -> None:
    parts = {"Basic/Standard/Module1": "<x/>", "Object 1/content": "<x/>", "Object 2/content": "<x/>"}
    assert rules(parse(open_document(kind, "", **parts), name)) == {"macros": 1, "embedded_files": 2}


def test_rich_text_says_that_it_has_files_in_it() -> None:
    assert rules(rtf(r"{\object{\*\objdata 00ff}{\result shown}}")) == {"embedded_files": 1}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.odt", open_document("text", "", **{"META-INF/manifest": "<encryption-data/>"})),
        ("a.epub", zipped({"mimetype": "application/epub+zip", "META-INF/encryption.xml": "<EncryptedKey/>"})),
    ],
)
def test_a_protected_document_is_called_encrypted(name: str, data: bytes) -> None:
    with pytest.raises(Unparsable) as refusal:
        parse(data, name)
    assert refusal.value.code == "encrypted"


def damaged(data: bytes, name: str) -> bytes:
    """The archive with nonsense where the packed content of this entry begins."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo(name)
    start = entry.header_offset + 30 + len(name)
    return data[:start] + b"\xff" * 20 + data[start + 20 :]


@pytest.mark.parametrize(
    ("name", "data", "part"),
    [
        ("a.docx", word(paragraph("Lit.")), "word/document.xml"),
        ("a.xlsx", xlsx(text_cells(["Lit."])), "xl/worksheets/sheet1.xml"),
        ("a.pptx", pptx(shape("Lit.")), "ppt/slides/slide1.xml"),
        ("a.odt", open_document("text", "<text:p>Lit.</text:p>"), "content.xml"),
        ("a.epub", epub({"a.xhtml": "<p>Lit.</p>"}), "book/all.opf"),
    ],
)
def test_a_document_with_a_damaged_part_is_refused(name: str, data: bytes, part: str) -> None:
    with pytest.raises(Unparsable) as refusal:
        parse(damaged(data, part), name)
    assert refusal.value.code == "unreadable"


def test_xml_that_takes_too_much_memory_is_not_called_malformed() -> None:
    with pytest.raises(MemoryError), readable():
        raise etree.XMLSyntaxError("out of memory", etree.ErrorTypes.ERR_NO_MEMORY, 1, 1)
