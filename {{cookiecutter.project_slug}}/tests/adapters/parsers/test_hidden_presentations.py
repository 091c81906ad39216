"""What a person does not see on a slide is no text of the presentation, but it is screened."""

import io
import zipfile
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import Unparsable
from tests.adapters.parsers.office_files import relations, text_cells, xlsx, zipped
from tests.adapters.parsers.slides import (
    DRAWINGML,
    NAVY,
    NEARLY_WHITE,
    SAID,
    WHITE,
    Change,
    at,
    background,
    cell,
    coloured,
    in_a_group,
    list_style,
    made,
    mapped,
    moving,
    on_the_layout,
    painted,
    panel,
    placeholder,
    plain,
    properties,
    see_through,
    shape_of,
    shrunk,
    turned_off,
    written,
)

SRGB = '<a:srgbClr val="{}"/>'
GREY = SRGB.format("F4F4F4")
STOPS = "<a:gradFill><a:gsLst><a:gs pos='0'>{}</a:gs><a:gs pos='100000'>{}</a:gs></a:gsLst></a:gradFill>"
SHADOW = '<a:effectLst><a:outerShdw blurRad="1">{}</a:outerShdw></a:effectLst>'
LINK = '<a:hlinkClick xmlns:r="r" r:id="">{}</a:hlinkClick>'

UNSEEN: dict[str, tuple[Change, ...]] = {
    "white": (coloured(SRGB.format("FFFFFF")),),
    "nearly white": (coloured(GREY),),
    "system": (coloured('<a:sysClr val="window" lastClr="FFFFFF"/>'),),
    "named": (coloured('<a:prstClr val="white"/>'),),
    "share of light": (coloured('<a:scrgbClr r="100000" g="100000" b="98%"/>'),),
    "hue": (coloured('<a:hslClr hue="0" sat="0" lum="97000"/>'),),
    "theme": (coloured('<a:schemeClr val="bg1"/>'),),
    "theme, darker": (coloured('<a:schemeClr val="bg1"><a:lumMod val="95000"/></a:schemeClr>'),),
    "theme, lighter": (coloured('<a:schemeClr val="tx1"><a:lumMod val="5000"/><a:lumOff val="95000"/></a:schemeClr>'),),
    "tint": (coloured('<a:srgbClr val="000000"><a:tint val="5000"/></a:srgbClr>'),),
    "transparent": (coloured('<a:srgbClr val="000000"><a:alpha val="3000"/></a:srgbClr>'),),
    "transparent on a picture": (
        background(painted("<a:blipFill/>")),
        coloured('<a:srgbClr val="000000"><a:alpha val="0"/></a:srgbClr>'),
    ),
    "no fill": (properties("<a:noFill/>"),),
    "gradient": (properties(STOPS.format(SRGB.format("FFFFFF"), GREY)),),
    "white shadow": (properties(f"<a:solidFill>{GREY}</a:solidFill>{SHADOW.format(GREY)}"),),
    "highlight": (
        properties(
            f"<a:solidFill>{SRGB.format('FFFF00')}</a:solidFill><a:highlight>{SRGB.format('FFFF00')}</a:highlight>"
        ),
    ),
    "link of its own colour": (
        properties(
            f"<a:solidFill>{GREY}</a:solidFill>"
            + LINK.format('<a:extLst><a:ext uri="x"><h:hlinkClr xmlns:h="h" val="tx"/></a:ext></a:extLst>')
        ),
    ),
    "tiny": (properties("", sz="100"),),
    "nearly two points": (properties("", sz="199"),),
    "shrunk to fit": (shrunk("5%"),),
    "shrunk to nothing": (shrunk("0"),),
    "on a white shape": (shape_of(WHITE, NEARLY_WHITE),),
    "on a dark shape": (shape_of(NAVY, RGBColor(0, 0, 70)),),
    "in a shape without fill": (shape_of(None, WHITE),),
    "on a panel": (panel(NAVY), coloured(SRGB.format("000046"))),
    "on a panel of the layout": (on_the_layout(panel(NAVY)), coloured(SRGB.format("000046"))),
    "on a panel that is switched off": (
        on_the_layout(panel(NAVY)),
        turned_off,
        coloured(SRGB.format("FFFFFF")),
    ),
    "in a cell": (cell(WHITE, NEARLY_WHITE),),
    "in a cell of a dark fill": (cell(NAVY, RGBColor(0, 0, 70)),),
    "in a cell without fill": (cell(None, WHITE),),
    "on a dark slide": (
        background(plain("101010")),
        coloured(SRGB.format("000000")),
    ),
    "on a dark layout": (
        background(plain("101010"), "layout"),
        coloured(SRGB.format("000000")),
    ),
    "on a dark master": (
        background('<p:bgRef idx="1001"><a:schemeClr val="tx1"/></p:bgRef>', "master"),
        coloured(SRGB.format("000000")),
    ),
    "on a slide of swapped colours": (mapped, coloured(SRGB.format("000000"))),
    "list style": (list_style(f"<a:solidFill>{GREY}</a:solidFill>"),),
    "list style without fill": (list_style("<a:noFill/>"),),
    "outside, left": (at(-6, 1),),
    "outside, right": (at(10, 1),),
    "outside, above": (at(1, -3),),
    "outside, below": (at(1, 7.5),),
    "in a group outside": (in_a_group(-20),),
    "in a group without size": (in_a_group(1, scale=0),),
    "below another shape": (written, panel(NAVY)),
    "in a shape below another": (shape_of(NAVY, WHITE), panel(WHITE, (0, 2, 9, 4))),
    "no size": (at(1, 1, 0, 0),),
    "no width": (at(1, 1, 0, 1),),
    "no height, cut off": (at(1, 1, 5, 0, vertOverflow="clip"),),
}
SEEN: dict[str, tuple[Change, ...]] = {
    "nothing said": (written,),
    "black": (coloured(SRGB.format("000000")),),
    "grey": (coloured(SRGB.format("A0A0A0")),),
    "theme": (coloured('<a:schemeClr val="tx1"/>'),),
    "theme, much darker": (coloured('<a:schemeClr val="bg1"><a:lumMod val="65000"/></a:schemeClr>'),),
    "shade": (coloured('<a:srgbClr val="FFFFFF"><a:shade val="30000"/></a:srgbClr>'),),
    "a change that is not known": (coloured('<a:srgbClr val="FFFFFF"><a:fancy val="1"/></a:srgbClr>'),),
    "a name that is not known": (coloured('<a:prstClr val="whitish"/>'),),
    "half transparent": (coloured('<a:srgbClr val="000000"><a:alpha val="50000"/></a:srgbClr>'),),
    "outline only": (properties(f"<a:ln><a:solidFill>{SRGB.format('000000')}</a:solidFill></a:ln><a:noFill/>"),),
    "shadow": (properties(f"<a:solidFill>{GREY}</a:solidFill>{SHADOW.format(SRGB.format('000000'))}"),),
    "highlight": (properties(f"<a:solidFill>{GREY}</a:solidFill><a:highlight>{SRGB.format('000080')}</a:highlight>"),),
    "gradient": (properties(STOPS.format(GREY, SRGB.format("000080"))),),
    "picture": (properties("<a:blipFill/>"),),
    "link": (properties(f"<a:solidFill>{GREY}</a:solidFill>{LINK.format('')}"),),
    "small": (properties("", sz="600"),),
    "shrunk to fit": (shrunk("62500"),),
    "on a dark shape": (shape_of(NAVY, WHITE),),
    "on a dark ellipse": (shape_of(NAVY, WHITE, MSO_SHAPE.OVAL),),
    "on a dark panel": (panel(NAVY), coloured(SRGB.format("FFFFFF"))),
    "on a gradient": (panel(None), coloured(SRGB.format("FFFFFF"))),
    "partly on a panel": (panel(NAVY, (0.5, 0.5, 2, 3)), coloured(SRGB.format("FFFFFF"))),
    "on an ellipse": (panel(NAVY, kind=MSO_SHAPE.OVAL), coloured(SRGB.format("FFFFFF"))),
    "on a panel of the layout": (on_the_layout(panel(NAVY)), coloured(SRGB.format("FFFFFF"))),
    "in a dark cell": (cell(NAVY, WHITE),),
    "in a cell of a style": (cell(None, WHITE, "{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}"),),
    "on a dark slide": (
        background(plain("101010")),
        coloured(SRGB.format("FFFFFF")),
    ),
    "on a picture": (background(painted("<a:blipFill/>")), coloured(SRGB.format("FFFFFF"))),
    "on a gradient slide": (background(painted(STOPS.format(GREY, GREY))), coloured(SRGB.format("FFFFFF"))),
    "on a dark master": (
        background('<p:bgRef idx="1001"><a:schemeClr val="tx1"/></p:bgRef>', "master"),
        coloured(SRGB.format("FFFFFF")),
    ),
    "on a slide of swapped colours": (mapped, coloured(SRGB.format("FFFFFF"))),
    "list style of another level": (list_style(f"<a:solidFill>{GREY}</a:solidFill>", level=1),),
    "partly below another shape": (written, panel(NAVY, (0.5, 0.5, 2, 3))),
    "below an ellipse": (written, panel(NAVY, kind=MSO_SHAPE.OVAL)),
    "below a shape of glass": (written, panel(NAVY), see_through),
    "below a shape that moves": (written, panel(NAVY), moving),
    "partly outside": (at(-4, 1),),
    "in a group": (in_a_group(2),),
    "in a small group": (in_a_group(2, scale=0.2),),
    "a line": (at(1, 1, 5, 0),),
    "a box that grows": (lambda slide: written(slide, place=(914400, 914400, 0, 0)),),
}


@pytest.mark.parametrize("changes", UNSEEN.values(), ids=UNSEEN)
def test_what_a_person_does_not_see_is_left_out(changes: tuple[Change, ...]) -> None:
    document = made(*changes)
    assert SAID not in document.text
    assert document.hidden == SAID
    assert {finding.rule for finding in document.findings} == {"hidden_text"}
    assert document.loss is not None
    assert document.loss.lost == {}


@pytest.mark.parametrize("changes", SEEN.values(), ids=SEEN)
def test_what_a_person_sees_is_read(changes: tuple[Change, ...]) -> None:
    document = made(*changes)
    assert SAID in document.text
    assert (document.hidden, document.findings) == ("", ())


@pytest.mark.parametrize("of", ["layout", "master"])
@pytest.mark.parametrize("hides", [True, False])
def test_texts_in_placeholders_look_as_their_layout_and_master_say(of: str, hides: bool) -> None:
    document = made(placeholder(of, f"<a:solidFill>{GREY if hides else SRGB.format('000080')}</a:solidFill>"), layout=1)
    assert (SAID in document.text, document.hidden) == (not hides, SAID if hides else "")


def test_a_placeholder_stands_where_its_layout_says() -> None:
    def outside(slide: Any) -> None:
        slide.placeholders[1].text_frame.text = SAID
        holder = slide.slide_layout.placeholders[1]
        holder.left, holder.top, holder.width, holder.height = (Inches(each) for each in (-20, 1, 5, 1))

    assert made(outside, layout=1).hidden == SAID


def test_a_title_that_nobody_sees_is_no_heading() -> None:
    def titled(slide: Any) -> None:
        slide.shapes.title.text = SAID
        slide.shapes.title.text_frame.paragraphs[0].runs[0].font.color.rgb = WHITE

    document = made(titled, layout=5)
    assert ([each.title for each in document.headings], document.hidden) == (["Slide 1"], SAID)


def test_only_the_unseen_words_of_a_line_are_left_out() -> None:
    def mixed(slide: Any) -> None:
        written(slide, "The berth is ")
        for text, colour in (("never ", WHITE), ("free.", RGBColor(0, 0, 0))):
            run = slide.shapes[-1].text_frame.paragraphs[0].add_run()
            run.text, run.font.color.rgb = text, colour

    document = made(mixed)
    assert (document.text, document.hidden) == ("Slide 1\nThe berth is free.", "never")


@pytest.mark.parametrize(
    "broken", ["slideLayouts/slideLayout7.xml", "slideMasters/slideMaster1.xml", "theme/theme1.xml"]
)
def test_a_layout_that_is_broken_costs_no_words(broken: str) -> None:
    talk = Presentation()
    written(talk.slides.add_slide(talk.slide_layouts[6]))
    out = io.BytesIO()
    talk.save(out)
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    document = parse(zipped(parts | {f"ppt/{broken}": b"<p:sld"}), "a.pptx")
    assert (SAID in document.text, document.hidden) == (True, "")
    with pytest.raises(Unparsable, match="document type"):
        parse(zipped(parts | {f"ppt/{broken}": b"<!DOCTYPE x [<!ENTITY e 'lamp'>]><x>&e;</x>"}), "a.pptx")


def test_more_shapes_than_are_compared_hide_nothing() -> None:
    def crowded(slide: Any) -> None:
        panel(NAVY, (0, 0, 0.1, 0.1))(slide)
        drawn = slide.shapes._spTree[-1]
        for _ in range(301):
            slide.shapes._spTree.append(etree.fromstring(etree.tostring(drawn)))

    assert SAID in made(crowded, coloured(GREY)).text


_SHEETS = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
_THEME = (
    f'<a:theme xmlns:a="{DRAWINGML}"><a:themeElements><a:clrScheme><a:dk1><a:srgbClr val="000000"/></a:dk1>'
    '<a:lt1><a:srgbClr val="FAFAFA"/></a:lt1></a:clrScheme></a:themeElements></a:theme>'
)
_STYLES = (
    '<styleSheet xmlns="x"><fonts><font/></fonts><fills><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="solid"/></fill></fills><cellXfs><xf fillId="{}"/></cellXfs></styleSheet>'
)


@pytest.mark.parametrize(
    ("colour", "shape_fill", "cells", "hidden"),
    [
        ('<a:schemeClr val="bg1"/>', "<a:noFill/>", 0, True),
        ('<a:schemeClr val="bg1"/>', "<a:noFill/>", 1, False),
        ('<a:schemeClr val="bg1"/>', f"<a:solidFill>{SRGB.format('FFFFFF')}</a:solidFill>", 1, True),
        ('<a:schemeClr val="bg1"/>', f"<a:solidFill>{SRGB.format('000080')}</a:solidFill>", 0, False),
        ('<a:schemeClr val="tx1"/>', "<a:noFill/>", 0, False),
    ],
)
def test_text_boxes_of_a_sheet_are_seen_on_their_fill_or_on_the_cells(
    colour: str, shape_fill: str, cells: int, hidden: bool
) -> None:
    drawing = (
        f'<x:wsDr xmlns:x="{_SHEETS}" xmlns:a="{DRAWINGML}"><x:twoCellAnchor><x:sp><x:nvSpPr><x:cNvPr id="1" name="x"/>'
        f"</x:nvSpPr><x:spPr>{shape_fill}</x:spPr><x:txBody><a:p><a:r><a:rPr><a:solidFill>{colour}</a:solidFill>"
        f"</a:rPr><a:t>{SAID}</a:t></a:r></a:p></x:txBody></x:sp></x:twoCellAnchor></x:wsDr>"
    )
    links = relations(r1="drawing ../drawings/drawing1.xml")
    parts = {"drawings/drawing1": drawing, "theme": _THEME, "styles": _STYLES.format(cells), "links": links}
    data = xlsx(text_cells(["The berth is free."]), **parts)
    document = parse(data, "a.xlsx")
    assert document.hidden == (SAID if hidden else "")
