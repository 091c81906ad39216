"""What a person does not see in an OpenDocument file is no text of it, but it is screened."""

import pytest

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument
from tests.adapters.parsers.office_files import open_document

SAID = "Lamps burn all night"
SEEN = "The berth is free"


def style(name: str, family: str, properties: str, parent: str = "") -> str:
    """properties: of the kind of the family unless they say another: `text color="#000000"`."""
    kind, _, written = properties.partition(" ")
    inherits = f'style:parent-style-name="{parent}"' if parent else ""
    return (
        f'<style:style style:name="{name}" style:family="{family}" {inherits}>'
        f"<style:{kind}-properties {written}/></style:style>"
    )


def span(properties: str, *styles: str) -> tuple[str, str]:
    """A text with a style of these properties within a line, and the styles."""
    return f'<text:p>{SEEN}. <text:span text:style-name="s">{SAID}</text:span></text:p>', "".join(
        [style("s", "text", f"text {properties}"), *styles]
    )


def within(paragraph_style: str, span_style: str) -> tuple[str, str]:
    """A text with a style of its own in a paragraph with another."""
    body = f'<text:p text:style-name="p"><text:span text:style-name="s">{SAID}</text:span></text:p>'
    return f"<text:p>{SEEN}.</text:p>{body}", style("p", "paragraph", paragraph_style) + style("s", "text", span_style)


def paragraph(*styles: str) -> tuple[str, str]:
    return f'<text:p>{SEEN}.</text:p><text:p text:style-name="p">{SAID}</text:p>', "".join(styles)


def table(cell: str, colour: str) -> tuple[str, str]:
    """A cell with a text of this colour."""
    cells = "".join(
        f"<table:table-cell{which}><text:p{kind}>{text}</text:p></table:table-cell>"
        for which, kind, text in (("", "", SEEN), (' table:style-name="c"', ' text:style-name="p"', SAID))
    )
    styles = style("c", "table-cell", f"table-cell {cell}") + style("p", "paragraph", f'text fo:color="{colour}"')
    return f"<table:table><table:table-row>{cells}</table:table-row></table:table>", styles


WHITE = 'fo:color="#ffffff"'
UNSEEN = {
    "white": span(WHITE),
    "nearly white": span('fo:color="#f4f4f4"'),
    "tiny": span('fo:font-size="1pt"'),
    "tiny by a share": span('fo:font-size="5%"'),
    "tiny in millimetres": span('fo:font-size="0.3mm"'),
    "narrow": span('style:text-scale="1%"'),
    "transparent": span('fo:color="#000000" loext:opacity="0%" xmlns:loext="l"'),
    "of its background": span('fo:color="#ffff00" fo:background-color="#ffff00"'),
    "style of a paragraph": paragraph(style("p", "paragraph", f"text {WHITE}")),
    "style it is made from": paragraph(
        style("white", "paragraph", f"text {WHITE}"), style("p", "paragraph", "paragraph", "white")
    ),
    "paragraph of a dark background": within('paragraph fo:background-color="#101010"', 'text fo:color="#000000"'),
    "cell": table('fo:background-color="#fefefe"', "#ffffff"),
    "cell without a background": table('fo:background-color="transparent"', "#ffffff"),
    "dark cell": table('fo:background-color="#000040"', "#000046"),
}
VISIBLE = {
    "black": span('fo:color="#000000"'),
    "automatic": span(f'{WHITE} style:use-window-font-color="true"'),
    "small": span('fo:font-size="6pt"'),
    "highlighted": span(f'{WHITE} fo:background-color="#000080"'),
    "half transparent": span('fo:color="#000000" loext:opacity="50%" xmlns:loext="l"'),
    "coloured again": within(f"text {WHITE}", 'text fo:color="#000000"'),
    "with a shadow": span(f'{WHITE} fo:text-shadow="1pt 1pt"'),
    "nearer than its parent": paragraph(
        style("white", "paragraph", f"text {WHITE}"), style("p", "paragraph", 'text fo:color="#000000"', "white")
    ),
    "on a dark paragraph": within('paragraph fo:background-color="#101010"', f"text {WHITE}"),
    "on a picture": (
        f'<text:p text:style-name="p">{SAID}</text:p>',
        style("p", "paragraph", f"text {WHITE}") + style("g", "graphic", 'graphic style:run-through="background"'),
    ),
    "dark cell": table('fo:background-color="#000040"', "#ffffff"),
}


@pytest.mark.parametrize(("body", "styles"), UNSEEN.values(), ids=UNSEEN)
def test_unseen_text_of_an_open_document_is_left_out(body: str, styles: str) -> None:
    document = parse(open_document("text", body, styles), "a.odt")
    assert SEEN in document.text
    assert_hidden(document)


def assert_hidden(document: ParsedDocument) -> None:
    assert SAID not in document.text
    assert document.hidden == SAID
    assert {finding.rule for finding in document.findings} == {"hidden_text"}
    assert document.loss is not None
    assert document.loss.lost == {}


@pytest.mark.parametrize(("body", "styles"), VISIBLE.values(), ids=VISIBLE)
def test_text_that_is_seen_in_an_open_document_is_read(body: str, styles: str) -> None:
    document = parse(open_document("text", body, styles), "a.odt")
    assert SAID in document.text
    assert (document.hidden, document.findings) == ("", ())


@pytest.mark.parametrize(("page", "hidden"), [("", True), ('fo:background-color="#000080"', False)])
def test_white_text_is_seen_where_a_page_has_a_background(page: str, hidden: bool) -> None:
    layout = f"<style:page-layout><style:page-layout-properties {page}/></style:page-layout>"
    automatic = f"<office:automatic-styles>{layout}</office:automatic-styles>"
    styles = f"<office:document-styles SPACES>{automatic}</office:document-styles>"
    body, automatic = span(WHITE)
    document = parse(open_document("text", body, automatic, styles=styles), "a.odt")
    assert document.hidden == (SAID if hidden else "")


def slide(shape: str, of: str, colour: str, *styles: str, before: str = "") -> ParsedDocument:
    """A slide with a text of a colour. shape: the properties of the one around it; of: its kind."""
    text = f'<text:p text:style-name="p">{SAID}</text:p>'
    inner = f"<draw:text-box>{text}</draw:text-box>" if of == "frame" else text
    body = f'<draw:page draw:style-name="d">{before}<draw:{of} draw:style-name="g">{inner}</draw:{of}></draw:page>'
    known = [style("p", "paragraph", f'text fo:color="{colour}"'), *styles]
    known += [style("g", "graphic", f"graphic {shape}")] if shape else []
    return parse(open_document("presentation", body, "".join(known)), "a.odp")


DARK, LIGHT = 'draw:fill="solid" draw:fill-color="#000040"', 'draw:fill="solid" draw:fill-color="#ffffff"'
PANEL = '<draw:rect draw:style-name="b"/>'


@pytest.mark.parametrize(
    ("shape", "of", "colour", "styles", "before"),
    [
        ('draw:fill="none"', "frame", "#ffffff", [], ""),
        ("", "frame", "#fafafa", [], ""),
        (LIGHT, "custom-shape", "#ffffff", [], ""),
        (DARK, "rect", "#000046", [], ""),
        ('draw:fill="none"', "frame", "#000046", [style("d", "drawing-page", f"drawing-page {DARK}")], ""),
    ],
)
def test_unseen_text_of_an_open_slide_is_left_out(
    shape: str, of: str, colour: str, styles: list[str], before: str
) -> None:
    assert_hidden(slide(shape, of, colour, *styles, before=before))


@pytest.mark.parametrize(
    ("shape", "of", "colour", "styles", "before"),
    [
        (DARK, "custom-shape", "#ffffff", [], ""),
        ("", "custom-shape", "#ffffff", [], ""),
        ('draw:fill="gradient"', "rect", "#ffffff", [], ""),
        ('draw:fill="none"', "frame", "#ffffff", [style("d", "drawing-page", f"drawing-page {DARK}")], ""),
        ('draw:fill="none"', "frame", "#ffffff", [style("d", "drawing-page", 'drawing-page draw:fill="bitmap"')], ""),
        ('draw:fill="none"', "frame", "#ffffff", [style("b", "graphic", f"graphic {DARK}")], PANEL),
        ('draw:fill="none"', "frame", "#ffffff", [], "<draw:frame><draw:image/></draw:frame>"),
    ],
)
def test_text_that_is_seen_on_an_open_slide_is_read(
    shape: str, of: str, colour: str, styles: list[str], before: str
) -> None:
    document = slide(shape, of, colour, *styles, before=before)
    assert (SAID in document.text, document.hidden) == (True, "")


@pytest.mark.parametrize(
    ("cell", "more", "hidden"),
    [
        ("", "", True),
        ('<style:table-cell-properties fo:background-color="#000080"/>', "", False),
        ("", '<style:map style:condition="value()>1" style:apply-style-name="x"/>', False),
    ],
)
def test_cells_of_an_open_sheet_are_seen_on_their_background(cell: str, more: str, hidden: bool) -> None:
    styles = (
        f'<style:style style:name="c" style:family="table-cell">{cell}'
        f'<style:text-properties fo:color="#ffffff"/>{more.replace(">1", "&gt;1")}</style:style>'
    )
    number = '<table:table-cell table:style-name="c" office:value="48"><text:p>48</text:p></table:table-cell>'
    rows = f"<table:table-row><table:table-cell><text:p>Berth</text:p></table:table-cell>{number}</table:table-row>"
    document = parse(
        open_document("spreadsheet", f'<table:table table:name="Fees">{rows}</table:table>', styles), "a.ods"
    )
    assert ("48" in document.text, document.hidden) == (not hidden, "48" if hidden else "")
