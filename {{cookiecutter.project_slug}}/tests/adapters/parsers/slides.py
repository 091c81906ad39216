"""Presentations of one slide, with a text, and changes of it that may hide the text."""

import io
from collections.abc import Callable
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches, Pt

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument

SAID = "Lamps burn all night"
DRAWINGML = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_SPACES = f'xmlns:a="{DRAWINGML}" xmlns:p="{_P}"'
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
    return etree.fromstring(f'<a:solidFill xmlns:a="{DRAWINGML}">{content}</a:solidFill>')


def coloured(content: str) -> Change:
    """A text box whose text has the colour of this XML."""
    return lambda slide: written(slide)._r.get_or_add_rPr().insert(0, fill(content))


def properties(content: str, **attributes: str) -> Change:
    """A text box whose run has these properties."""

    def change(slide: Any) -> None:
        found = written(slide)._r.get_or_add_rPr()
        found.attrib.update(attributes)
        for each in etree.fromstring(f'<x xmlns:a="{DRAWINGML}">{content}</x>'):
            found.append(each)

    return change


def shrunk(share: str) -> Change:
    """A text box whose text is made smaller so that it fits."""

    def change(slide: Any) -> None:
        run = written(slide)
        run.font.size = Pt(18)
        body = run._r.getparent().getparent().bodyPr
        body.clear()
        body.append(etree.fromstring(f'<a:normAutofit xmlns:a="{DRAWINGML}" fontScale="{share}"/>'))

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
        table._tbl.tblPr.find(f"{{{DRAWINGML}}}tableStyleId").text = style
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
        style = f'<a:lstStyle xmlns:a="{DRAWINGML}"><a:lvl1pPr><a:defRPr>{content}</a:defRPr></a:lvl1pPr></a:lstStyle>'
        body = paragraph.getparent()
        for each in body.findall(f"{{{DRAWINGML}}}lstStyle"):
            body.remove(each)
        body.insert(1, etree.fromstring(style))

    return change


def placeholder(of: str, content: str) -> Change:
    """The body of a slide, formatted by the placeholder of its layout or by the styles of its master."""

    def change(slide: Any) -> None:
        slide.placeholders[1].text_frame.text = SAID
        style = f'<a:lvl1pPr xmlns:a="{DRAWINGML}"><a:defRPr>{content}</a:defRPr></a:lvl1pPr>'
        if of == "layout":
            holder = slide.slide_layout.placeholders[1]._element.txBody.find(f"{{{DRAWINGML}}}lstStyle")
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
        for each in body.bodyPr.findall(f"{{{DRAWINGML}}}spAutoFit"):
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
            f'<a:xfrm xmlns:a="{DRAWINGML}"><a:off x="{int(Inches(left))}" y="0"/>'
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
    colour = slide.shapes[-1]._element.find(f".//{{{DRAWINGML}}}srgbClr")
    etree.SubElement(colour, f"{{{DRAWINGML}}}alpha", {"val": "50000"})


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
    etree.SubElement(override, f"{{{DRAWINGML}}}overrideClrMapping", pairs)
