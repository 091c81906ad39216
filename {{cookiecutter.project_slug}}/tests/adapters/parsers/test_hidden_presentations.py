"""What a person does not see on a slide is no text of the presentation, but it is screened."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches, Pt

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from tests.adapters.parsers.office_files import relations, text_cells, xlsx, zipped

SAID = "Lamps burn all night"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_SPACES = f'xmlns:a="{_A}" xmlns:p="{_P}"'
WHITE, NAVY, NEARLY_WHITE = RGBColor(255, 255, 255), RGBColor(0, 0, 64), RGBColor(0xF4, 0xF4, 0xF4)

Change = Callable[[Any], None]


def made(*changes: Change, layout: int = 6) -> ParsedDocument:
    """The presentation of one slide, after these changes."""
    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[layout])
    for change in changes:
        change(slide)
    out = io.BytesIO()
    talk.save(out)
    return parse(out.getvalue(), "talk.pptx")


def written(slide: Any, text: str = SAID, place: tuple[int, ...] = (914400, 914400, 4572000, 914400)) -> Any:
    """A new text box; returns its run."""
    paragraph = slide.shapes.add_textbox(*place).text_frame.paragraphs[0]
    run = paragraph.add_run()
    run.text = text
    return run


def fill(content: str) -> Any:
    return etree.fromstring(f'<a:solidFill xmlns:a="{_A}">{content}</a:solidFill>')


def coloured(content: str) -> Change:
    """A text box whose text has the colour of this XML."""
    return lambda slide: written(slide)._r.get_or_add_rPr().insert(0, fill(content))


def properties(content: str, **attributes: str) -> Change:
    """A text box whose run has these properties."""

    def change(slide: Any) -> None:
        found = written(slide)._r.get_or_add_rPr()
        found.attrib.update(attributes)
        for each in etree.fromstring(f'<x xmlns:a="{_A}">{content}</x>'):
            found.append(each)

    return change


def shrunk(share: str) -> Change:
    """A text box whose text is made smaller so that it fits."""

    def change(slide: Any) -> None:
        run = written(slide)
        run.font.size = Pt(18)
        body = run._r.getparent().getparent().bodyPr
        body.clear()
        body.append(etree.fromstring(f'<a:normAutofit xmlns:a="{_A}" fontScale="{share}"/>'))

    return change


def background(content: str, of: str = "slide") -> Change:
    """The background of the slide, its layout or its master."""

    def change(slide: Any) -> None:
        layer = {"slide": slide, "layout": slide.slide_layout, "master": slide.slide_layout.slide_master}[of]
        common = layer._element.cSld
        for each in common.findall(f"{{{_P}}}bg"):
            common.remove(each)
        common.insert(0, etree.fromstring(f"<p:bg {_SPACES}>{content}</p:bg>"))

    return change


def painted(content: str) -> str:
    return f"<p:bgPr>{content}<a:effectLst/></p:bgPr>"


def plain(colour: str) -> str:
    """A background of this colour."""
    return painted(f'<a:solidFill><a:srgbClr val="{colour}"/></a:solidFill>')


def shape_of(colour: RGBColor | None, text_colour: RGBColor, kind: Any = MSO_SHAPE.RECTANGLE) -> Change:
    """A shape with a text in it. colour: of its fill; None for none."""

    def change(slide: Any) -> None:
        shape = slide.shapes.add_shape(kind, Inches(1), Inches(3), Inches(5), Inches(1))
        if colour is None:
            shape.fill.background()
        else:
            shape.fill.solid()
            shape.fill.fore_color.rgb = colour
        run = shape.text_frame.paragraphs[0].add_run()
        run.text = SAID
        run.font.color.rgb = text_colour

    return change


def cell(
    colour: RGBColor | None, text_colour: RGBColor, style: str = "{5940675A-B579-460E-94D1-54222C63F5DA}"
) -> Change:
    def change(slide: Any) -> None:
        table = slide.shapes.add_table(1, 2, Inches(1), Inches(3), Inches(5), Inches(1)).table
        table._tbl.tblPr.find(f"{{{_A}}}tableStyleId").text = style
        run = table.cell(0, 0).text_frame.paragraphs[0].add_run()
        run.text = SAID
        run.font.color.rgb = text_colour
        table.cell(0, 1).text = "Berth"
        if colour is not None:
            table.cell(0, 0).fill.solid()
            table.cell(0, 0).fill.fore_color.rgb = colour

    return change


def list_style(content: str, level: int = 0) -> Change:
    """A text box whose own list style formats the paragraphs of the first level."""

    def change(slide: Any) -> None:
        run = written(slide)
        paragraph = run._r.getparent()
        paragraph.get_or_add_pPr().set("lvl", str(level))
        style = f'<a:lstStyle xmlns:a="{_A}"><a:lvl1pPr><a:defRPr>{content}</a:defRPr></a:lvl1pPr></a:lstStyle>'
        body = paragraph.getparent()
        for each in body.findall(f"{{{_A}}}lstStyle"):
            body.remove(each)
        body.insert(1, etree.fromstring(style))

    return change


def placeholder(of: str, content: str) -> Change:
    """The body of a slide, formatted by the placeholder of its layout or by the styles of its master."""

    def change(slide: Any) -> None:
        slide.placeholders[1].text_frame.text = SAID
        style = f'<a:lvl1pPr xmlns:a="{_A}"><a:defRPr>{content}</a:defRPr></a:lvl1pPr>'
        if of == "layout":
            holder = slide.slide_layout.placeholders[1]._element.txBody.find(f"{{{_A}}}lstStyle")
        else:
            holder = slide.slide_layout.slide_master._element.find(f"{{{_P}}}txStyles/{{{_P}}}bodyStyle")
            holder.remove(holder[0])
        holder.insert(0, etree.fromstring(style))

    return change


def at(left: float, top: float, width: float = 5, height: float = 1, **more: Any) -> Change:
    """A text box at this place, in inches."""

    def change(slide: Any) -> None:
        place = tuple(int(Inches(each)) for each in (left, top, width, height))
        body = written(slide, place=place)._r.getparent().getparent()
        body.bodyPr.attrib.update({"wrap": "square"} | more)
        for each in body.bodyPr.findall(f"{{{_A}}}spAutoFit"):
            body.bodyPr.remove(each)

    return change


def in_a_group(left: float, *, scale: float = 1.0) -> Change:
    """A text box that a group, which stands at this place, holds."""

    def change(slide: Any) -> None:
        run = written(slide)
        shape = run._r.getparent().getparent().getparent()
        group = slide.shapes.add_group_shape()._element
        group.append(shape)
        frame = (
            f'<a:xfrm xmlns:a="{_A}"><a:off x="{int(Inches(left))}" y="0"/>'
            f'<a:ext cx="{int(4572000 * scale)}" cy="{int(914400 * scale)}"/>'
            '<a:chOff x="914400" y="914400"/><a:chExt cx="4572000" cy="914400"/></a:xfrm>'
        )
        properties = group.find(f"{{{_P}}}grpSpPr")
        properties.clear()
        properties.append(etree.fromstring(frame))

    return change


def panel(
    colour: RGBColor | None, place: tuple[float, ...] = (0.5, 0.5, 8, 3), kind: Any = MSO_SHAPE.RECTANGLE
) -> Change:
    """A shape without text, which later ones stand on; without a colour, it has a gradient."""

    def change(slide: Any) -> None:
        shape = slide.shapes.add_shape(kind, *(Inches(each) for each in place))
        if colour is None:
            shape.fill.gradient()
        else:
            shape.fill.solid()
            shape.fill.fore_color.rgb = colour

    return change


def see_through(slide: Any) -> None:
    """The last shape is half transparent."""
    colour = slide.shapes[-1]._element.find(f".//{{{_A}}}srgbClr")
    etree.SubElement(colour, f"{{{_A}}}alpha", {"val": "50000"})


def moving(slide: Any) -> None:
    slide._element.append(etree.fromstring(f"<p:timing {_SPACES}/>"))


def on_the_layout(change: Change) -> Change:
    """As the change makes it, but on the layout of the slide."""

    def moved(slide: Any) -> None:
        change(slide)
        slide.slide_layout.shapes._spTree.append(slide.shapes._spTree[-1])

    return moved


def turned_off(slide: Any) -> None:
    slide._element.set("showMasterSp", "0")


def mapped(slide: Any) -> None:
    """The slide swaps the light colours and the dark ones."""
    pairs = {"bg1": "dk1", "tx1": "lt1", "bg2": "dk2", "tx2": "lt2", "hlink": "hlink", "folHlink": "folHlink"}
    pairs |= {f"accent{n}": f"accent{n}" for n in range(1, 7)}
    override = slide._element.find(f"{{{_P}}}clrMapOvr")
    override.clear()
    etree.SubElement(override, f"{{{_A}}}overrideClrMapping", pairs)


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
    f'<a:theme xmlns:a="{_A}"><a:themeElements><a:clrScheme><a:dk1><a:srgbClr val="000000"/></a:dk1>'
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
        f'<x:wsDr xmlns:x="{_SHEETS}" xmlns:a="{_A}"><x:twoCellAnchor><x:sp><x:nvSpPr><x:cNvPr id="1" name="x"/>'
        f"</x:nvSpPr><x:spPr>{shape_fill}</x:spPr><x:txBody><a:p><a:r><a:rPr><a:solidFill>{colour}</a:solidFill>"
        f"</a:rPr><a:t>{SAID}</a:t></a:r></a:p></x:txBody></x:sp></x:twoCellAnchor></x:wsDr>"
    )
    links = relations(r1="drawing ../drawings/drawing1.xml")
    parts = {"drawings/drawing1": drawing, "theme": _THEME, "styles": _STYLES.format(cells), "links": links}
    data = xlsx(text_cells(["The berth is free."]), **parts)
    document = parse(data, "a.xlsx")
    assert document.hidden == (SAID if hidden else "")
