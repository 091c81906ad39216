"""A reader of a DOCX sees text in many containers: each is read, once and in its place, and no word is lost."""

import io
import zipfile

import pytest

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import Unparsable
from tests.adapters.parsers.word_files import (
    cell,
    control,
    drawing,
    field,
    paragraph,
    part,
    read,
    row,
    run,
    shape,
    table,
    text_of,
    word,
    zipped,
)
from tests.conftest import ROOT

CASES = ROOT / "tests" / "data" / "field-cases"


def in_run(inner: str) -> str:
    return f"<w:r>{inner}</w:r>"


def math(name: str, *inner: str) -> str:
    return f"<m:{name}>{''.join(inner)}</m:{name}>"


def terms(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def custom(inner: str) -> str:
    return f"<w:customXml>{inner}</w:customXml>"


def box(inner: str) -> str:
    """A text box as Word writes it, with a copy for old programs."""
    old = f"<w:pict><v:shape><v:textbox><w:txbxContent>{inner}</w:txbxContent></v:textbox></v:shape></w:pict>"
    new = drawing(shape(inner))
    both = f'<mc:Choice Requires="wps">{new}</mc:Choice><mc:Fallback>{old}</mc:Fallback>'
    return in_run(f"<mc:AlternateContent>{both}</mc:AlternateContent>")


IF = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
NESTED_FIELD = (
    f"{IF.format('begin')}<w:r><w:instrText>IF </w:instrText></w:r>{field('MERGEFIELD town', 'Bern')}"
    f'<w:r><w:instrText> = "Bern" "yes" "no"</w:instrText></w:r>{IF.format("separate")}{run("yes")}{IF.format("end")}'
)
FORM = "<w:ddList><w:result w:val='1'/><w:listEntry w:val='red'/><w:listEntry w:val='blue'/></w:ddList>"
TICK = "<w:checkBox><w:checked/></w:checkBox>"
GROWING = drawing(
    shape(paragraph("Figure 1")).replace("<wps:txbx>", "<wps:bodyPr><a:spAutoFit/></wps:bodyPr><wps:txbx>"),
    extent='cx="900000" cy="635"',
)
MERGED_MARK = "<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr>" + run("The notice ") + "</w:p>"
CHOICE_ONLY = "<mc:AlternateContent><mc:Choice><w:r><w:t>new</w:t></w:r></mc:Choice></mc:AlternateContent>"
RUBY = f"<w:ruby><w:rubyPr/><w:rt>{run('かんじ')}</w:rt><w:rubyBase>{run('漢字')}</w:rubyBase></w:ruby>"
CONTAINERS = {
    "a text box": ([paragraph("Before.", box(paragraph("In the box."))), paragraph("After.")],
                   "Before.\n\nIn the box.\n\nAfter."),
    "a text box of old programs": (
        [paragraph("A.", in_run(f"<w:pict><v:rect><v:textbox><w:txbxContent>{paragraph('B.')}</w:txbxContent>"
                                "</v:textbox></v:rect></w:pict>"))], "A.\n\nB."),
    "text boxes of a group": (
        [paragraph("A.", in_run(drawing(f"<wpg:wgp>{shape(paragraph('B.'))}{shape(paragraph('C.'))}</wpg:wgp>")))],
        "A.\n\nB.\n\nC."),
    "a table in a text box": ([paragraph("A.", box(table(row("a", "b"), row("c", "d")) + paragraph()))],
                              "A.\n\na | b\nc | d"),
    "a caption that grows with its text": ([paragraph("A.", in_run(GROWING))], "A.\n\nFigure 1"),
    "WordArt": ([paragraph("A.", in_run('<w:pict><v:shape><v:textpath string="Draft copy"/></v:shape></w:pict>'))],
                "A.\n\nDraft copy"),
    "text of a canvas": ([paragraph("A.", in_run(drawing("<a:p><a:r><a:t>Drawn.</a:t></a:r></a:p>")))], "A.\n\nDrawn."),
    "a variant without a second": ([paragraph("Old and ", CHOICE_ONLY)], "Old and new"),
    "a control around paragraphs": ([control(paragraph("A.") + control(paragraph("B.")))], "A.\n\nB."),
    "a control in a line": ([paragraph("The ", control(run("desk")), ".")], "The desk."),
    "a control around a table": ([control(table(row("a", "b")))], "a | b"),
    "a control around rows": ([table(row("a", "b"), control(row("c", "d")))], "a | b\nc | d"),
    "a control around a cell": ([table(f"<w:tr>{cell('a')}{control(cell('b'))}</w:tr>")], "a | b"),
    "a control in a cell": ([table(row("a", cell(control(paragraph("b")))))], "a | b"),
    "an insertion": ([paragraph("for ", f"<w:ins>{run('eleven')}</w:ins>", " weeks")], "for eleven weeks"),
    "an insertion in a word": ([paragraph("elev", f"<w:ins>{run('enth')}</w:ins>", " hour")], "eleventh hour"),
    "a deletion": ([paragraph("for ", "<w:del><w:r><w:delText>four</w:delText></w:r></w:del>", "six")], "for six"),
    "a deletion in an insertion": ([paragraph("a", f"<w:ins><w:del>{run('b')}</w:del>{run('c')}</w:ins>")], "ac"),
    "a move": ([f"<w:p><w:moveFrom>{run('Moved.')}</w:moveFrom></w:p>", paragraph("A."),
                f"<w:p><w:moveTo>{run('Moved.')}</w:moveTo></w:p>"], "A.\n\nMoved."),
    "a deleted end of a paragraph": ([MERGED_MARK, paragraph("is long.")], "The notice is long."),
    "a large first letter": (
        [paragraph("T", properties='<w:framePr w:dropCap="drop"/>'), paragraph("he lamp.")], "The lamp."),
    "a deleted row": ([table(row("a", "b"), row("c", "d", properties="<w:del/>"), row("e", "f"))], "a | b\ne | f"),
    "a deleted cell": ([table(row("a", cell("b", "<w:cellDel/>"), "c"))], "a | c"),
    "a simple field": ([paragraph(f'<w:fldSimple w:instr="DATE">{run("1 May")}</w:fldSimple>')], "1 May"),
    "a field": ([paragraph("See page ", field("PAGEREF x", "12"), ".")], "See page 12."),
    "a field in a field": ([paragraph("Is it? ", NESTED_FIELD, ".")], "Is it? yes."),
    "a field that never ends": ([paragraph("A", IF.format("begin"), " B")], "A B"),
    "a choice of an old form": ([paragraph("In ", field("FORMDROPDOWN", "", FORM))], "In blue"),
    "a tick of an old form": ([paragraph(field("FORMCHECKBOX", "", TICK), "Agreed")], "☒ Agreed"),
    "a link": ([paragraph("See ", f"<w:hyperlink w:anchor='x'>{run('rule 4')}</w:hyperlink>", ".")], "See rule 4."),
    "a smart tag": ([paragraph(f"<w:smartTag><w:smartTag>{run('Bern')}</w:smartTag></w:smartTag>", ".")], "Bern."),
    "custom XML": ([custom(paragraph("A ", custom(run("b"))))], "A b"),
    "text from right to left": ([paragraph(f"<w:bdo>{run('one')}</w:bdo>", f"<w:dir>{run(' two')}</w:dir>")],
                                "one two"),
    "ruby": ([paragraph(in_run(RUBY))], "漢字(かんじ)"),
    "tabs, breaks and hyphens": (
        [paragraph(in_run("<w:t>self</w:t><w:noBreakHyphen/><w:t>made</w:t><w:tab/><w:t>a</w:t><w:br/><w:t>b</w:t>"
                          "<w:cr/><w:t>mid</w:t><w:softHyphen/><w:t>night</w:t>"))], "self-made a\nb\nmidnight"),
    "symbols": ([paragraph("x ", in_run('<w:sym w:font="Symbol" w:char="F0B3"/>'), " 5 ",
                           in_run('<w:sym w:font="Wingdings" w:char="F0FE"/>'),
                           in_run('<w:sym w:font="Symbol" w:char="F06D"/>'), "m")], "x ≥ 5 ☒μm"),
    "an exponent": ([paragraph("10", run("-3", '<w:vertAlign w:val="superscript"/>'), " m",
                               run("2", '<w:vertAlign w:val="superscript"/>'))], "10⁻³ m2"),
    "layout in one column": ([table(row(cell(paragraph("A.") + paragraph("B."))), row("C."))], "A.\n\nB.\n\nC."),
    "layout in two columns": ([table(row(cell(paragraph("A.") + paragraph("B.")), "C."))], "A.\n\nB.\n\nC."),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), CONTAINERS.values(), ids=CONTAINERS)
def test_the_text_of_a_container_is_read(body: list[str], expected: str) -> None:
    assert text_of(*body) == expected


EQUATIONS = {
    "A=πr^2": terms("A=π") + math("sSup", math("e", terms("r")), math("sup", terms("2"))),
    "x=(-b±√(b^2-4ac))/2a": terms("x=") + math(
        "f",
        math("num", terms("-b±"), math("rad", math("deg"), math(
            "e", math("sSup", math("e", terms("b")), math("sup", terms("2"))), terms("-4ac")))),
        math("den", terms("2a"))),
    "2 1/2": terms("2") + math("f", math("num", terms("1")), math("den", terms("2"))),
    "∑_(i=1)^n i": math("nary", '<m:naryPr><m:chr m:val="∑"/></m:naryPr>', math("sub", terms("i=1")),
                        math("sup", terms("n")), math("e", terms("i"))),
    "[a+b]": math("d", '<m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr>', math("e", terms("a+b"))),
    "sin x": math("func", math("fName", terms("sin")), math("e", terms("x"))),
    "lim_(n→∞) a_n": math("func", math("fName", math("limLow", math("e", terms("lim")), math("lim", terms("n→∞")))),
                          math("e", math("sSub", math("e", terms("a")), math("sub", terms("n"))))),
    "[1, 0; 0, 1]": math("m", *[math("mr", math("e", terms(a)), math("e", terms(b))) for a, b in ("10", "01")]),
    "100": terms("10") + terms("0"),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "inner"), EQUATIONS.items(), ids=EQUATIONS)
def test_an_equation_is_one_line_of_text(expected: str, inner: str) -> None:
    expected = expected.replace("πr", "π r")
    assert text_of(paragraph("So ", f"<m:oMath>{inner}</m:oMath>", " holds.")) == f"So {expected} holds."
    assert text_of(paragraph(f"<m:oMathPara><m:oMath>{inner}</m:oMath></m:oMathPara>")) == expected


def bold(text: str) -> str:
    return cell(f"<w:p>{run(text, '<w:b/>')}</w:p>")


def spans(count: int) -> str:
    return f'<w:gridSpan w:val="{count}"/>'


SHADE = '<w:shd w:val="clear" w:fill="1F3864"/>'
BEGINS, GOES_ON = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
BEFORE, AFTER = '<w:gridBefore w:val="1"/>', '<w:gridAfter w:val="2"/>'
TABLES = {
    "equal and empty cells": ([row("Drug", "Child", "Adult"), row("Alpha", "5 mg", "5 mg"), row("Beta", "", "8 mg")],
        ["Columns: Drug, Child, Adult", "Drug: Alpha; Child: 5 mg; Adult: 5 mg", "Drug: Beta; Adult: 8 mg"]),
    "a header that the file marks": ([row("Q", "A", properties="<w:tblHeader/>"), row("x", "y")],
        ["Columns: Q, A", "Q: x; A: y"]),
    "a header in bold": ([row(bold("Course"), bold("Teacher")), row("Pottery", "Ann"), row("Sailing", "Bob")],
        ["Columns: Course, Teacher", "Course: Pottery; Teacher: Ann", "Course: Sailing; Teacher: Bob"]),
    "a shaded header": ([row(cell("Course", SHADE), cell("Teacher", SHADE)), row("Pottery", "Ann")],
        ["Columns: Course, Teacher", "Course: Pottery; Teacher: Ann"]),
    "figures below a name": ([row("Zone", "Fee"), row("North", "4"), row("South", "7")],
        ["Columns: Zone, Fee", "Zone: North; Fee: 4", "Zone: South; Fee: 7"]),
    "years as names": ([row("Zone", "2023", "2024"), row("North", "5", "6")],
        ["Columns: Zone, 2023, 2024", "Zone: North; 2023: 5; 2024: 6"]),
    "an empty corner": ([row("", "Child", "Adult"), row("Alpha", "5", "6")],
        ["Columns: Child, Adult", "Alpha; Child: 5; Adult: 6"]),
    "a header of two rows": (
        [row(cell("Drug", BEGINS), cell("Dose", spans(2))), row(cell("", GOES_ON), "Child", "Adult"),
         row("Alpha", "5", "6")],
        ["Columns: Drug, Dose Child, Dose Adult", "Drug: Alpha; Dose Child: 5; Dose Adult: 6"]),
    "a title above": ([row(cell("Hours", spans(3))), row("Day", "From", "To"), row("Monday", "8", "17")],
        ["Hours", "Columns: Day, From, To", "Day: Monday; From: 8; To: 17"]),
    "a title between": ([row("Day", "From", "To"), row(cell("Summer", spans(3))), row("Monday", "8", "17")],
        ["Columns: Day, From, To", "Summer", "Day: Monday; From: 8; To: 17"]),
    "cells merged downwards": (
        [row("Zone", "Row", "Fee"), row(cell("North", BEGINS), "A", "4"), row(cell("", GOES_ON), "B", "5")],
        ["Columns: Zone, Row, Fee", "Zone: North; Row: A; Fee: 4", "Zone: North; Row: B; Fee: 5"]),
    "cells merged sideways": ([row("Drug", "Child", "Adult"), row("Alpha", cell("5", spans(2)))],
        ["Columns: Drug, Child, Adult", "Drug: Alpha; Child / Adult: 5"]),
    "rows that begin late and end early": (
        [row("Name", "Street", "Town"), row("Elm 2", "Basel", properties=BEFORE), row("Bob", properties=AFTER)],
        ["Columns: Name, Street, Town", "Street: Elm 2; Town: Basel", "Name: Bob"]),
    "more columns than the grid has": (
        [row(cell("Pier", spans(2)), "Depth"), row("West", cell("", GOES_ON), "3 m")],
        ["Pier | Depth", "West | 3 m"]),
    "names and values in two columns": ([row("Name", "Ann"), row("Town", "Bern")], ["Name | Ann", "Town | Bern"]),
    "names in bold beside values": ([row(bold("Name"), "Ann"), row(bold("Town"), "Bern")],
        ["Name | Ann", "Town | Bern"]),
    "a form": ([row("Name:", "Ann", "Town:"), row("Job:", "Baker", "Bern")], ["Name: | Ann | Town:",
        "Job: | Baker | Bern"]),
    "figures from the first row on": ([row("Alpha", "5", "6"), row("Beta", "", "8")], ["Alpha | 5 | 6", "Beta | | 8"]),
    "a table in a cell": (
        [row("Item", "Parts", "Price"), row("Kit", cell(table(row("bolt", "4"), row("nut", "2"))), "9")],
        ["Columns: Item, Parts, Price", "Item: Kit; Parts: bolt | 4; nut | 2; Price: 9"]),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "lines"), TABLES.values(), ids=TABLES)
def test_cells_stay_with_their_columns(rows: list[str], lines: list[str]) -> None:
    assert text_of(table(*rows)).split("\n") == lines


@pytest.mark.parametrize(("look", "header"), [("04A0", True), ("0480", False)])
def test_a_style_that_sets_off_the_first_row_makes_it_a_header(look: str, header: bool) -> None:
    first = '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr>'
    styles = part("w:styles", f'<w:style w:type="table" w:styleId="T"><w:name w:val="T"/>{first}</w:style>')
    looks = f'<w:tblStyle w:val="T"/><w:tblLook w:val="{look}"/>'
    text = text_of(table(row("Course", "Teacher"), row("Pottery", "Ann"), properties=looks), styles=styles)
    assert text.split("\n")[1] == ("Course: Pottery; Teacher: Ann" if header else "Pottery | Ann")


def note(kind: str, *texts: str) -> str:
    """Notes 2, 3 and so on, after the line that separates them from the page."""
    rule = f'<w:{kind} w:id="0" w:type="separator">{paragraph(in_run("<w:separator/>"))}</w:{kind}>'
    notes = [
        f'<w:{kind} w:id="{number}">{paragraph(in_run(f"<w:{kind}Ref/>"), text)}</w:{kind}>'
        for number, text in enumerate(texts, 2)
    ]
    return part(f"w:{kind}s", rule + "".join(notes))


def mark(kind: str, number: int) -> str:
    return in_run(f'<w:{kind}Reference w:id="{number}"/>')


def test_notes_stand_where_the_text_refers_to_them() -> None:
    body = [
        paragraph("The fee", mark("footnote", 3), " is due", mark("endnote", 2), "."),
        table(row("a", cell(paragraph("b", mark("footnote", 2))))),
        paragraph("End."),
    ]
    notes = {
        "footnotes": note("footnote", "In cash.", "Per year.", "Nobody refers here."),
        "endnotes": note("endnote", "Late."),
    }
    document = read(word(*body, parts=notes))
    first = "The fee[^1] is due[^i].\n[^1]: Per year.\n[^i]: Late."
    assert document.text == f"{first}\n\na | b[^2]\n[^2]: In cash.\n\nEnd."
    assert document.hidden == "Nobody refers here."


def chart_of(title: str, name: str, *points: tuple[str, str]) -> str:
    def cache(values: list[str]) -> str:
        return "".join(f'<c:pt idx="{number}"><c:v>{each}</c:v></c:pt>' for number, each in enumerate(values))

    words, figures = (cache(list(values)) for values in zip(*points, strict=True))
    series = f"<c:tx>{cache([name])}</c:tx><c:cat>{words}</c:cat><c:val>{figures}</c:val>"
    return part("c:chartSpace", f"<c:title><a:p><a:r><a:t>{title}</a:t></a:r></a:p></c:title><c:ser>{series}</c:ser>")


def test_charts_and_diagrams_are_read_from_their_own_parts() -> None:
    boxes = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{each}</a:t></a:r></a:p></dgm:t></dgm:pt>" for each in ("Plan", "Act")
    )
    body = [
        paragraph("See:", in_run(drawing('<c:chart r:id="chart"/>'))),
        paragraph(in_run(drawing('<dgm:relIds r:dm="diagramData"/>'))),
    ]
    parts = {
        "chart": chart_of("Sales", "Revenue", ("Spring", "4.5"), ("Autumn", "7")),
        "diagramData": part("dgm:dataModel", boxes),
    }
    assert text_of(*body, **parts).split("\n\n") == ["See:", "Sales", "Revenue: Spring: 4.5; Autumn: 7", "Plan", "Act"]


def section(*references: str, more: str = "") -> str:
    inner = "".join(
        f'<w:{kind}Reference w:type="{type_}" r:id="{name}"/>' for kind, type_, name in map(str.split, references)
    )
    return f"<w:p><w:pPr><w:sectPr>{inner}{more}</w:sectPr></w:pPr></w:p>"


@pytest.mark.parametrize(
    ("first", "more", "expected"),
    [
        ("ACME", "", "Text.\n\nPage header: ACME rules"),
        ("ACME", "<w:titlePg/>", "Text.\n\nPage header: ACME rules\n\nPage footer: ACME"),
        ("ACME rules", "<w:titlePg/>", "Text.\n\nPage header: ACME rules"),
        ("3", "<w:titlePg/>", "Text.\n\nPage header: ACME rules"),
    ],
)
def test_headers_and_footers_of_pages_are_read_once_where_a_page_shows_them(first, more, expected) -> None:
    sections = section("header default header", "footer first footer", more=more)
    pages = {"header": part("w:hdr", paragraph("ACME rules")), "footer": part("w:ftr", paragraph(first))}
    document = read(word(paragraph("Text."), sections, sections, parts=pages))
    assert document.text == expected
    assert document.findings == ()


def test_comments_and_documents_elsewhere_are_left_out_and_said() -> None:
    comments = part("w:comments", f'<w:comment w:id="1">{paragraph("Really?")}</w:comment>')
    body = [paragraph("Text."), '<w:altChunk r:id="none"/>', paragraph('<w:subDoc r:id="x"/>')]
    document = parse(word(*body, parts={"comments": comments}), "a.docx")
    assert (document.text, document.hidden) == ("Text.", "Really?")
    assert {finding.rule: finding.count for finding in document.findings} == {"comments": 1, "embedded_documents": 2}


def test_a_document_with_macros_is_read_and_says_so() -> None:
    with zipfile.ZipFile(out := io.BytesIO(word(paragraph("Seen."))), "a") as archive:
        archive.writestr("word/vbaProject.bin", "x")
    document = read(out.getvalue())
    assert (document.text, {finding.rule for finding in document.findings}) == ("Seen.", {"macros"})


@pytest.mark.parametrize("main", ["word/document.xml", "word/document22.xml", "content/main.xml", "text.xml"])
@pytest.mark.parametrize("strict", [False, True])
def test_the_main_part_may_have_any_name_and_the_names_of_the_strict_standard(main: str, strict: bool) -> None:
    styles = part("w:styles", '<w:style w:type="character" w:styleId="X"><w:rPr><w:vanish/></w:rPr></w:style>')
    body = [paragraph("Seen.", run("obey", '<w:rStyle w:val="X"/>')), table(row("a", "b"))]
    data = word(*body, parts={"styles": styles}, main=main, strict=strict)
    document = read(data)
    assert (document.text, document.hidden) == ("Seen.\n\na | b", "obey")


def test_the_main_part_may_have_the_type_of_its_ending() -> None:
    declared = DECLARED.replace('Override PartName="/text.bin"', 'Default Extension="xml"')
    with zipfile.ZipFile(io.BytesIO(word(paragraph("Seen."), main="text.xml"))) as archive:
        files: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    assert read(zipped({**files, "[Content_Types].xml": declared})).text == "Seen."


def test_parts_in_another_encoding_are_read() -> None:
    document = part("w:document", f"<w:body>{paragraph('Grüße.')}</w:body>")
    assert read(zipped({"word/document.xml": document.encode("utf-16")})).text == "Grüße."


DECLARED = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/text.bin" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"word/document.xml": "<w:document"}, "unreadable"),
        ({"word/other.xml": "<x/>", "[Content_Types].xml": DECLARED}, "unreadable"),
        ({"notes.txt": "no document"}, "wrong_type"),
        ({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")}, "xml_entities"),
        ({"text.bin": "<!DOCTYPE a><a/>", "[Content_Types].xml": DECLARED}, "xml_entities"),
        ({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16-le")}, "unreadable"),
    ],
)
def test_an_archive_that_is_no_document_says_so(files: dict[str, str | bytes], code: str) -> None:
    with pytest.raises(Unparsable) as refusal:
        parse(zipped(files), "a.docx")
    assert refusal.value.code == code


def nested(depth: int) -> bytes:
    inner = paragraph("x")
    for _ in range(depth):
        inner = table(row(cell(inner)))
    return word(inner)


def test_tables_are_followed_as_deep_as_the_xml_may_be_nested() -> None:
    assert read(nested(50)).text == "x"
    with pytest.raises(Unparsable, match="unreadable"):
        parse(nested(100), "a.docx")


FIELD = {
    "docx-text-box.docx": ["The alarm code is pressed twice before entry."],
    "docx-content-control.docx": ["Orders above 900 euros need two signatures.",
                                  "The responsible buyer is the stockroom desk.", "Item | Limit\nGloves | 40 boxes"],
    "docx-tracked-insertion.docx": ["The notice period is eleven weeks for every employee.",
                                    "A sabbatical may be taken after seven years."],
    "docx-equal-cells.docx": ["Drug: Alphazol; Child: 5 mg; Adult: 5 mg; Senior: 2 mg",
                              "Drug: Betazol; Adult: 8 mg; Senior: 8 mg"],
    "docx-grid-offset.docx": ["Berths of the marina.", "Call on channel nine.", "Pier | Depth\nWest | 3 m"],
    "docx-white-on-shaded-cell.docx": ["Columns: Zone, Fee per day in euros", "Zone: South; Fee per day in euros: 7"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "passages"), FIELD.items())
def test_a_document_from_the_field_is_read_as_its_reader_sees_it(name: str, passages: list[str]) -> None:
    document = read((CASES / name).read_bytes())
    assert {passage: document.text.count(passage) for passage in passages} == dict.fromkeys(passages, 1)
    assert "hidden_text" not in {finding.rule for finding in document.findings}
