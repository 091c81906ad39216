"""A presentation becomes its slides under their titles, with notes, tables, groups, charts and diagrams."""

import io
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument, WordLoss
from tests.adapters.parsers.office_files import open_document, pptx, relations, shape


def saved(presentation: object) -> ParsedDocument:
    out = io.BytesIO()
    presentation.save(out)  # type: ignore[attr-defined]
    return parse(out.getvalue(), "talk.pptx")


def lines(document: ParsedDocument) -> list[str]:
    return [line for line in document.text.split("\n") if line]


def test_slides_are_read_with_all_that_stands_on_them() -> None:
    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[1])
    slide.shapes.title.text = "Opening hours"
    slide.placeholders[1].text = "Monday to Friday\nnine to five"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    slide = talk.slides.add_slide(talk.slide_layouts[5])
    slide.shapes.title.text = "Fees"
    size = (0, 0, Inches(3), Inches(2))
    table = slide.shapes.add_table(3, 2, *size).table
    for row, cells in enumerate([("Item", "Fee"), ("Berth", "48 euros"), ("Crane", "9 euros")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("Sales", (1.5, 2.25))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *size, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Sales by pier"
    group = slide.shapes.add_group_shape().shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Deep in a group"
    hidden = talk.slides.add_slide(talk.slide_layouts[5])
    hidden.shapes.title.text = "Salaries"
    hidden._element.set("show", "0")
    document = saved(talk)
    assert lines(document) == [
        *("Slide 1: Opening hours", "Monday to Friday", "nine to five", "Notes: Say it slowly."),
        *("Slide 2: Fees", "Columns: Item, Fee", "Item: Berth; Fee: 48 euros", "Item: Crane; Fee: 9 euros"),
        *("Sales by pier", "Sales: North: 1.5; South: 2.25", "Deep in a group"),
    ]
    assert [heading.title for heading in document.headings] == ["Slide 1: Opening hours", "Slide 2: Fees"]
    assert (document.title, document.hidden) == ("Opening hours", "Salaries")
    assert {finding.rule for finding in document.findings} == {"hidden_text"}
    assert document.loss is not None
    assert document.loss.lost == {}


def test_a_diagram_is_read_and_its_number_of_the_slide_is_not() -> None:
    frame = (
        '<p:graphicFrame><a:graphic><a:graphicData><d:relIds xmlns:d="d" r:dm="r7"/></a:graphicData></a:graphic>'
        "</p:graphicFrame>"
    )
    point = (
        '<d:dataModel xmlns:d="d" xmlns:a="a"><d:pt><d:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></d:t></d:pt></d:dataModel>'
    )
    number = shape("7", "sldNum").replace("<a:r>", "<a:fld>").replace("</a:r>", "</a:fld>")
    document = parse(
        pptx(
            shape("Steps", "title") + frame + number,
            slide_links=relations(r7="diagramData ../diagrams/data1.xml"),
            diagram=point.format("Call the harbour master"),
        ),
        "a.pptx",
    )
    assert lines(document) == ["Slide 1: Steps", "Call the harbour master"]
    assert document.loss == WordLoss(5, {})


def test_a_choice_and_its_fallback_are_one_text() -> None:
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    both = f"<mc:Choice Requires='p14'>{shape('Lamp')}</mc:Choice><mc:Fallback>{shape('Lamp')}</mc:Fallback>"
    document = parse(pptx(f"<mc:AlternateContent {space}>{both}</mc:AlternateContent>"), "a.pptx")
    assert lines(document) == ["Slide 1", "Lamp"]
    assert document.loss == WordLoss(1, {})


def test_a_shape_that_is_switched_off_is_hidden() -> None:
    document = parse(pptx(shape("Seen") + shape("Unseen").replace('name="x"', 'name="x" hidden="1"')), "a.pptx")
    assert (lines(document), document.hidden) == (["Slide 1", "Seen"], "Unseen")


def page(name: str, body: str, style: str = "") -> str:
    frame = "<draw:frame {}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    title = frame.format('presentation:class="title"', name)
    return f'<draw:page draw:style-name="{style}">{title}{frame.format("", body)}</draw:page>'


def test_an_open_document_presentation_is_read_by_its_slides() -> None:
    style = (
        '<style:style style:name="off"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    )
    body = page("Rules", "The lamp is lit.") + page("Secret", "The code.", "off")
    document = parse(open_document("presentation", body, style), "a.odp")
    assert lines(document) == ["Slide 1: Rules", "The lamp is lit."]
    assert (document.hidden, document.loss) == ("Secret The code.", WordLoss(8, {}))


@pytest.mark.parametrize("ending", ["pptx", "ppsx", "pptm"])
def test_shows_and_presentations_with_macros_are_presentations(ending: str) -> None:
    document = parse(pptx(shape("The lamp is lit."), macros="x"), f"a.{ending}")
    assert "The lamp is lit." in document.text
    assert {finding.rule for finding in document.findings} == {"macros"}


@pytest.mark.parametrize("kind", ["image", "video", "audio", "oleObject"])
def test_content_outside_of_a_presentation_is_named_and_not_fetched(kind: str) -> None:
    links = relations(r7=f"{kind} http://192.0.2.1/x").replace("/>", ' TargetMode="External"/>')
    document = parse(pptx(shape("The lamp is lit."), slide_links=links), "a.pptx")
    assert lines(document) == ["Slide 1", "The lamp is lit."]
    assert {finding.rule for finding in document.findings} == {"external_links"}


@pytest.mark.parametrize("kind", ["slideLayout", "notesSlide", "comments"])
def test_a_part_of_a_slide_that_is_elsewhere_is_not_read(kind: str) -> None:
    links = relations(r7=f"{kind} http://192.0.2.1/x").replace("/>", ' TargetMode="External"/>')
    assert lines(parse(pptx(shape("The lamp is lit."), slide_links=links), "a.pptx")) == ["Slide 1", "The lamp is lit."]


def body(*paragraphs: str) -> str:
    return f"<p:sp><p:nvSpPr><p:nvPr/></p:nvSpPr><p:txBody>{''.join(paragraphs)}</p:txBody></p:sp>"


def said(text: str, properties: str = "", more: str = "") -> str:
    return f"<a:p><a:pPr {properties}>{more}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>"


def auto(text: str, kind: str, level: int = 0, more: str = "") -> str:
    return said(text, f'lvl="{level}"', f'<a:buAutoNum type="{kind}" {more}/>')


def read(*shapes: str, **parts: str) -> list[str]:
    document = parse(pptx(*shapes, **parts), "a.pptx")
    assert document.loss is not None
    assert document.loss.lost == {}
    return lines(document)[1:]


@pytest.mark.parametrize(
    ("kinds", "marks"),
    [
        (["arabicPeriod"] * 2, ["1.", "2."]),
        (["alphaLcParenR"] * 2, ["a)", "b)"]),
        (["romanUcParenBoth"] * 2, ["(I)", "(II)"]),
        (["alphaUcPlain"] * 2, ["A", "B"]),
        (["arabicPeriod", "alphaLcPeriod"], ["1.", "a."]),
        (["circleNumDbPlain"] * 2, ["1.", "2."]),
    ],
)
def test_paragraphs_have_the_numbers_that_the_program_gives_them(kinds: list[str], marks: list[str]) -> None:
    assert read(body(*(auto("Berth", kind) for kind in kinds))) == [f"{mark} Berth" for mark in marks]


def test_numbers_begin_anew_below_another_item_and_after_a_plain_line() -> None:
    period = "arabicPeriod"
    shape = body(
        auto("Ferry", period, more='startAt="3"'),
        *(auto(text, "alphaLcPeriod", 1) for text in ("fare", "seat")),
        auto("Pier", period, more='startAt="3"'),
        auto("lamp", "alphaLcPeriod", 1),
        said("Between."),
        auto("Quay", period),
        said(""),
    )
    assert read(shape) == ["3. Ferry", "a. fare", "b. seat", "4. Pier", "a. lamp", "Between.", "1. Quay"]


def test_words_of_several_runs_raised_digits_and_formulas_are_read() -> None:
    raised = '<a:p><a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r>'
    raised += "<a:r><a:t> berths</a:t></a:r></a:p>"
    lowered = (
        '<a:p><a:r><a:t>H</a:t></a:r><a:r><a:rPr baseline="-25000"/><a:t>2</a:t></a:r><a:r><a:t>O</a:t></a:r></a:p>'
    )
    split = "<a:p><a:r><a:t>Har</a:t></a:r><a:r><a:t>bour mas</a:t></a:r><a:r><a:t>ter</a:t></a:r></a:p>"
    fraction = (
        '<a:p><a:r><a:t>Share: </a:t></a:r><m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math">'
        "<m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath></a:p>"
    )
    assert read(body(raised, lowered, split, fraction)) == ["10⁶ berths", "H2O", "Harbour master", "Share: a/b"]


def test_a_diagram_is_read_in_the_order_of_its_outline() -> None:
    frame = (
        '<p:graphicFrame><a:graphic><a:graphicData><d:relIds xmlns:d="d" r:dm="r7"/></a:graphicData></a:graphic>'
        "</p:graphicFrame>"
    )
    points = "".join(
        f'<d:pt modelId="{name}"><d:t><a:p><a:r><a:t>{name}</a:t></a:r></a:p></d:t></d:pt>'
        for name in ("Third", "First", "Inner", "Second", "Alone")
    )
    links = [("root", "First", 0), ("root", "Third", 2), ("root", "Second", 1), ("First", "Inner", 0)]
    connections = "".join(f'<d:cxn srcId="{a}" destId="{b}" srcOrd="{order}"/>' for a, b, order in links)
    connections += '<d:cxn type="presOf" srcId="Alone" destId="First" srcOrd="0"/>'
    data = f'<d:dataModel xmlns:d="d" xmlns:a="a"><d:pt modelId="root"/>{points}{connections}</d:dataModel>'
    found = read(frame, slide_links=relations(r7="diagramData ../diagrams/data1.xml"), diagram=data)
    assert found == ["First", "Inner", "Second", "Third", "Alone"]


def test_numbers_from_zero_and_levels_that_are_none() -> None:
    zero = 'startAt="0"'
    shape = body(*(auto(text, "arabicPeriod", more=zero) for text in ("ferry", "pier", "lamp")))
    assert read(shape) == ["0. ferry", "1. pier", "2. lamp"]
    odd = body(said("ferry", 'lvl="x"', '<a:buAutoNum type="arabicPeriod" startAt="y"/>'))
    assert read(odd) == ["1. ferry"]


NUMBERED = '<a:lvl{}pPr xmlns:a="{}"><a:buFont typeface="+mj-lt"/><a:buAutoNum type="{}"/></a:lvl{}pPr>'
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"


def style_of(slide: Any, place: str) -> Any:
    """The list style of the body of a slide, of its placeholder, or of the master's placeholder or texts."""
    master = slide.slide_layout.slide_master
    if place == "texts of the master":
        return master._element.find(f"{{{SLIDES}}}txStyles/{{{SLIDES}}}bodyStyle")
    holder = {"shape": slide, "layout": slide.slide_layout, "master": master}[place].placeholders[1]._element
    return holder.find(f"{{{SLIDES}}}txBody/{{{DRAWING}}}lstStyle")


@pytest.mark.parametrize("place", ["shape", "layout", "master", "texts of the master"])
def test_numbers_come_from_the_styles_that_a_text_follows(place: str) -> None:
    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[1])
    slide.shapes.title.text = "Steps"
    slide.placeholders[1].text_frame.text = "Call the pilot\nCheck the lamp\nof the pier\nof the quay\nSet sail\nRest"
    paragraphs = slide.placeholders[1].text_frame.paragraphs
    paragraphs[2].level = paragraphs[3].level = 1
    paragraphs[5]._p.get_or_add_pPr().append(etree.fromstring(f'<a:buNone xmlns:a="{DRAWING}"/>'))
    style = style_of(slide, place)
    for level, kind in ((1, "arabicPeriod"), (2, "alphaLcParenR")):
        for each in style.findall(f"{{{DRAWING}}}lvl{level}pPr"):
            style.remove(each)
        style.insert(level - 1, etree.fromstring(NUMBERED.format(level, DRAWING, kind, level)))
    assert lines(saved(talk)) == [
        *("Slide 1: Steps", "1. Call the pilot", "2. Check the lamp", "a) of the pier", "b) of the quay"),
        *("3. Set sail", "Rest"),
    ]


def test_a_nearer_bullet_takes_the_place_of_the_number_of_the_master() -> None:
    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[1])
    slide.placeholders[1].text_frame.text = "Call the pilot"
    style_of(slide, "master").append(etree.fromstring(NUMBERED.format(1, DRAWING, "arabicPeriod", 1)))
    bullet = f'<a:lvl1pPr xmlns:a="{DRAWING}"><a:buChar char="-"/></a:lvl1pPr>'
    style_of(slide, "layout").append(etree.fromstring(bullet))
    assert lines(saved(talk)) == ["Slide 1", "Call the pilot"]


def test_numbers_of_lists_in_cells_and_notes_are_read() -> None:
    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[6])
    frame = slide.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(2)).table.cell(1, 1).text_frame
    frame.text = "Call the pilot\nSet sail"
    notes = slide.notes_slide.notes_text_frame
    notes.text = "Breathe\nBegin"
    for paragraph in (*frame.paragraphs, *notes.paragraphs):
        number = etree.fromstring(f'<a:buAutoNum xmlns:a="{DRAWING}" type="arabicPeriod"/>')
        paragraph._p.get_or_add_pPr().append(number)
    assert lines(saved(talk)) == ["Slide 1", "1. Call the pilot 2. Set sail", "Notes: 1. Breathe", "2. Begin"]
