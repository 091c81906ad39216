"""Text that a reader of a DOCX cannot see is left out and screened, in every way of hiding it; text that can be seen in
spite of the same means stays.
"""

import io

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.word_files import (
    cell,
    control,
    drawing,
    field,
    paragraph,
    part,
    row,
    run,
    shape,
    table,
    word,
)

NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
)
FILL = "<w14:textFill>{}</w14:textFill>"
SOLID = '<w14:solidFill><w14:srgbClr w14:val="000000">{}</w14:srgbClr></w14:solidFill>'


def make_docx(
    text: str, *, run: str = "", paragraph: str = "", styles: str = "", cell: str = "", row: str = ""
) -> bytes:
    """A document with a visible paragraph, and one with the given properties, in a table if its cell or row has any."""
    document = docx.Document()
    document.add_paragraph("Seen.")
    shown = f'<w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'
    body = f"<w:p {NAMES}><w:pPr>{paragraph}</w:pPr>{shown}</w:p>"
    if cell or row:
        grid = "<w:tblPr/><w:tblGrid><w:gridCol/></w:tblGrid>"
        inner = f"<w:tr><w:trPr>{row}</w:trPr><w:tc><w:tcPr>{cell}</w:tcPr>{body}</w:tc></w:tr>"
        body = f"<w:tbl {NAMES}>{grid}{inner}</w:tbl>"
    document.element.body.insert(1, parse_xml(body))
    for style in parse_xml(f"<w:styles {NAMES}>{styles}</w:styles>"):
        document.styles.element.append(style)
    return saved(document)


def saved(document: Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def style(name: str, properties: str = "", based: str = "", kind: str = "character") -> str:
    on = f'<w:basedOn w:val="{based}"/>' if based else ""
    return (
        f'<w:style w:type="{kind}" w:styleId="{name}"><w:name w:val="{name}"/>{on}<w:rPr>{properties}</w:rPr></w:style>'
    )


def colour(value: str = "", theme: str = "") -> str:
    return f'<w:color w:val="{value or "auto"}" {theme}/>'


def shade(fill: str, more: str = "", pattern: str = "clear", front: str = "auto") -> str:
    return f'<w:shd w:val="{pattern}" w:color="{front}" w:fill="{fill}" {more}/>'


VANISH, WHITE = "<w:vanish/>", colour("FFFFFF")
X = '<w:rStyle w:val="X"/>'
P = '<w:pStyle w:val="P"/>'
HIDDEN = {
    "vanish": {"run": VANISH},
    "hidden on the web": {"run": "<w:webHidden/>"},
    "a style that vanishes": {"run": X, "styles": style("X", VANISH)},
    "a paragraph style that vanishes": {"paragraph": P, "styles": style("P", VANISH, kind="paragraph")},
    "an inherited style that vanishes": {
        "run": X,
        "styles": style("A", VANISH) + style("B", "", "A") + style("X", "", "B"),
    },
    "a run that vanishes against its style": {"run": X + VANISH, "styles": style("X", '<w:vanish w:val="0"/>')},
    "tiny": {"run": '<w:sz w:val="2"/>'},
    "a style that shrinks": {"run": X, "styles": style("X", '<w:sz w:val="1"/>')},
    "a paragraph style that shrinks": {"paragraph": P, "styles": style("P", '<w:sz w:val="2"/>', kind="paragraph")},
    "an inherited size": {"run": X, "styles": style("A", '<w:sz w:val="2"/>') + style("X", "<w:b/>", "A")},
    "narrowed to nothing": {"run": '<w:w w:val="1"/>'},
    "a style that narrows": {"run": X, "styles": style("X", '<w:w w:val="1"/>')},
    "lines without height": {"paragraph": '<w:spacing w:line="1" w:lineRule="exact"/>'},
    "a row without height": {"row": '<w:trHeight w:val="1" w:hRule="exact"/>'},
    "white": {"run": WHITE},
    "nearly white": {"run": colour("F6F8FA")},
    "a style in white": {"run": X, "styles": style("X", WHITE)},
    "a paragraph style in white": {"paragraph": P, "styles": style("P", WHITE, kind="paragraph")},
    "the theme's background": {"run": colour("000000", 'w:themeColor="background1"')},
    "a tint of the theme's text": {"run": colour("", 'w:themeColor="text1" w:themeTint="05"')},
    "the theme's light colour": {"run": colour("", 'w:themeColor="light1" w:themeShade="F8"')},
    "a style in a theme colour": {"run": X, "styles": style("X", colour("", 'w:themeColor="background1"'))},
    "white on white shading": {"run": WHITE + shade("FFFFFF")},
    "white on white shading of the paragraph": {"run": WHITE, "paragraph": shade("FFFFFF")},
    "white on white shading of the theme": {"run": WHITE + shade("auto", 'w:themeFill="background1"')},
    "white in a white cell": {"run": WHITE, "cell": shade("FEFEFE")},
    "white on a white highlight": {"run": WHITE + '<w:highlight w:val="white"/>'},
    "black on black shading": {"run": colour("050505") + shade("000000")},
    "black on a solid pattern": {"run": colour("000000") + shade("FFFFFF", pattern="solid", front="000000")},
    "yellow on a yellow highlight": {"run": colour("FFFF00") + '<w:highlight w:val="yellow"/>'},
    "no fill": {"run": FILL.format("<w14:noFill/>")},
    "a fill without opacity": {"run": FILL.format(SOLID.format('<w14:alpha w14:val="100000"/>'))},
    "a style without a fill": {"run": X, "styles": style("X", FILL.format("<w14:noFill/>"))},
}
VISIBLE = {
    "automatic": {"run": colour("auto")},
    "light grey": {"run": colour("A6A6A6")},
    "small print": {"run": '<w:sz w:val="10"/>'},
    "narrow": {"run": '<w:w w:val="66"/>'},
    "shown against its style": {"run": X + '<w:vanish w:val="0"/>', "styles": style("X", VANISH)},
    "hidden by both its styles": {
        "run": X,
        "paragraph": P,
        "styles": style("X", VANISH) + style("P", VANISH, kind="paragraph"),
    },
    "a style that is not used": {"styles": style("X", VANISH)},
    "a style based on itself": {"run": X, "styles": style("X", "<w:b/>", "X")},
    "white on dark shading": {"run": WHITE + shade("1F1F1F")},
    "white on dark shading of the paragraph": {"run": WHITE, "paragraph": shade("000080")},
    "white in a dark cell": {"run": WHITE, "cell": shade("365F91")},
    "white on a dark theme colour": {"run": WHITE + shade("auto", 'w:themeFill="text1"')},
    "white on a dark pattern": {"run": WHITE + shade("FFFFFF", pattern="pct80", front="000000")},
    "white on a red highlight": {"run": WHITE + '<w:highlight w:val="red"/>'},
    "the theme's background on dark": {"run": colour("", 'w:themeColor="background1"') + shade("222222")},
    "the theme's accent": {"run": colour("", 'w:themeColor="accent1"')},
    "the theme's text": {"run": colour("FFFFFF", 'w:themeColor="text1"')},
    "exact lines": {"paragraph": '<w:spacing w:line="240" w:lineRule="exact"/>'},
    "at least one": {"paragraph": '<w:spacing w:line="1" w:lineRule="atLeast"/>'},
    "an opaque fill": {"run": FILL.format(SOLID.format(""))},
    "half an opaque fill": {"run": FILL.format(SOLID.format('<w14:alpha w14:val="50000"/>'))},
}


@pytest.mark.parametrize("parts", HIDDEN.values(), ids=HIDDEN)
def test_text_hidden_in_a_document_is_left_out_and_screened(parts: dict[str, str]) -> None:
    document = parse(make_docx("obey me", **parts), "a.docx")
    assert (document.text, document.hidden) == ("Seen.", "obey me")
    assert {finding.rule for finding in document.findings} == {"hidden_text"}


@pytest.mark.parametrize("parts", VISIBLE.values(), ids=VISIBLE)
def test_text_that_can_be_seen_in_a_document_stays(parts: dict[str, str]) -> None:
    document = parse(make_docx("read me", **parts), "a.docx")
    assert (document.text.split("\n\n"), document.hidden) == (["Seen.", "read me"], "")


def test_white_text_on_a_coloured_page_is_read() -> None:
    document = docx.Document(io.BytesIO(make_docx("read me", run=WHITE)))
    document.element.insert(0, parse_xml(f'<w:background {NAMES} w:color="203040"/>'))
    assert parse(saved(document), "a.docx").text == "Seen."
    document.settings.element.append(parse_xml(f"<w:displayBackgroundShape {NAMES}/>"))
    assert "read me" in parse(saved(document), "a.docx").text


def looks(**parts: str) -> str:
    """A style for tables, with the properties of its parts."""
    names = {"first": "firstRow", "band": "band2Horz"}
    inner = "".join(
        f'<w:tblStylePr w:type="{names[name]}">{more}</w:tblStylePr>' for name, more in parts.items() if name in names
    )
    return f'<w:style w:type="table" w:styleId="T"><w:name w:val="T"/>{parts.get("whole", "")}{inner}</w:style>'


def fills(colour: str, run: str = "") -> str:
    return f"<w:rPr>{run}</w:rPr><w:tcPr>{shade(colour)}</w:tcPr>"


def grid(*styled: str, look: str = 'w:firstRow="1"') -> str:
    """Two rows with `one` and `two` in a table with a style, in runs with the given properties."""
    rows = "".join(
        row(cell(f"<w:p>{run(text, more)}</w:p>"), "x") for text, more in zip(("one", "two"), styled, strict=True)
    )
    return table(rows, properties=f'<w:tblStyle w:val="T"/><w:tblLook {look}/>')


IN_TABLES = {
    "white on the dark first row of a style": (grid(WHITE, ""), looks(first=fills("203040")), ""),
    "white below the dark first row": (grid("", WHITE), looks(first=fills("203040")), "two"),
    "white on a first row that the table does not want": (
        grid(WHITE, "", look='w:val="0000"'),
        looks(first=fills("203040")),
        "one",
    ),
    "white on dark bands": (grid("", WHITE, look='w:val="0000"'), looks(band=fills("203040")), ""),
    "white beside dark bands": (grid(WHITE, "", look='w:val="0000"'), looks(band=fills("203040")), "one"),
    "a style in white": (grid("", ""), looks(whole=f"<w:rPr>{WHITE}</w:rPr>"), "one x two x"),
    "a style that vanishes in its first row": (grid("", ""), looks(first=f"<w:rPr>{VANISH}</w:rPr>"), "one x"),
    "a style in white on dark": (grid("", ""), looks(first=fills("203040", WHITE)), ""),
}
BLUE, NONE = '<a:solidFill><a:srgbClr val="203040"/></a:solidFill>', "<a:noFill/>"
SHOWN_BOX = {
    "a dark box": shape(paragraph(run("box", WHITE)), BLUE),
    "a box of the theme": shape(paragraph(run("box", WHITE)), '<a:solidFill><a:schemeClr val="tx2"/></a:solidFill>'),
    "a box with a gradient": shape(paragraph(run("box", WHITE)), "<a:gradFill/>"),
    "a box in a group of shapes": f"<wpg:wgp>{shape(paragraph(run('box', WHITE)), NONE)}</wpg:wgp>",
}
HIDDEN_BOX = {
    "no fill": shape(paragraph(run("box", WHITE)), NONE),
    "nothing said": shape(paragraph(run("box", WHITE))),
    "a white box": shape(paragraph(run("box", WHITE)), '<a:solidFill><a:schemeClr val="bg1"/></a:solidFill>'),
    "black in a black box": shape(paragraph(run("box", colour("000000"))), BLUE.replace("203040", "050505")),
    "black in a box that is black by name": shape(
        paragraph(run("box", colour("000000"))), '<a:solidFill><a:prstClr val="black"/></a:solidFill>'
    ),
    "a box that vanishes": shape(paragraph(run("box", VANISH)), BLUE),
}
OUT_OF_SIGHT = {
    "hidden": {"more": 'hidden="1"'},
    "without size": {"extent": 'cx="0" cy="900000"'},
}


def test_a_row_may_have_a_shading_of_its_own() -> None:
    exception = f"<w:tblPrEx>{shade('203040')}</w:tblPrEx>"
    line = row(cell(paragraph(run("read me", WHITE))), "x").replace("<w:tr>", f"<w:tr>{exception}")
    document = parse(word(table(line, row("a", "b"))), "a.docx")
    assert (document.text, document.hidden) == ("read me | x\na | b", "")


@pytest.mark.parametrize(("body", "styles", "hidden"), IN_TABLES.values(), ids=IN_TABLES)
def test_text_in_a_table_is_judged_by_the_style_that_holds_for_its_cell(body: str, styles: str, hidden: str) -> None:
    document = parse(word(body, parts={"styles": part("w:styles", styles)}), "a.docx")
    assert " ".join(document.hidden.split()) == hidden
    assert document.loss is not None
    assert document.loss.total == 0


@pytest.mark.parametrize("drawn", SHOWN_BOX.values(), ids=SHOWN_BOX)
def test_text_in_a_box_is_seen_on_the_colour_of_the_box(drawn: str) -> None:
    document = parse(word(paragraph("Seen.", f"<w:r>{drawing(drawn)}</w:r>")), "a.docx")
    assert (document.text, document.hidden) == ("Seen.\n\nbox", "")


@pytest.mark.parametrize("drawn", HIDDEN_BOX.values(), ids=HIDDEN_BOX)
def test_text_that_a_box_does_not_show_is_left_out(drawn: str) -> None:
    document = parse(word(paragraph("Seen.", f"<w:r>{drawing(drawn)}</w:r>")), "a.docx")
    assert (document.text, document.hidden) == ("Seen.", "box")
    assert {finding.rule for finding in document.findings} == {"hidden_text"}


@pytest.mark.parametrize("how", OUT_OF_SIGHT.values(), ids=OUT_OF_SIGHT)
def test_a_box_out_of_sight_is_left_out(how: dict[str, str]) -> None:
    drawn = drawing(shape(paragraph("box"), BLUE), kind="anchor", **how)
    assert parse(word(paragraph("Seen.", f"<w:r>{drawn}</w:r>")), "a.docx").hidden == "box"


@pytest.mark.parametrize(("behind", "text"), [("1", "Seen.\n\nread me"), ("0", "Seen.")])
def test_text_over_a_picture_counts_as_visible(behind: str, text: str) -> None:
    picture = drawing("<a:blip/>", kind="anchor").replace("<wp:anchor>", f'<wp:anchor behindDoc="{behind}">')
    body = [paragraph("Seen."), paragraph(f"<w:r>{picture}</w:r>", run("read me", WHITE))]
    assert parse(word(*body), "a.docx").text == text


AROUND = {
    "a control": control,
    "a table": lambda inner: table(row(cell(inner))),
    "a nested table": lambda inner: table(row(cell(table(row(cell(inner)))))),
    "custom XML": lambda inner: f"<w:customXml>{inner}</w:customXml>",
    "a box": lambda inner: paragraph(f"<w:r>{drawing(shape(inner))}</w:r>"),
}
INSIDE = {
    "a run": lambda run: run,
    "an insertion": lambda run: f"<w:ins>{run}</w:ins>",
    "a link": lambda run: f"<w:hyperlink>{run}</w:hyperlink>",
    "a control": control,
    "a field": lambda run: f'<w:fldSimple w:instr="x">{run}</w:fldSimple>',
    "a smart tag": lambda run: f"<w:smartTag>{run}</w:smartTag>",
    "an equation": lambda run: f"<m:oMath>{run.replace('w:r>', 'm:r>')}</m:oMath>",
}


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_hidden_text_is_found_in_every_container(around, inside) -> None:
    inner = paragraph("Seen. ", inside(run("obey me", VANISH)), inside(run(" and me", WHITE)))
    document = parse(word(around(inner)), "a.docx")
    assert (document.text, document.hidden) == ("Seen.", "obey me and me")


def test_page_numbers_of_a_table_of_contents_are_seen() -> None:
    number = field("PAGEREF x", "3").replace("<w:rPr>", "<w:rPr><w:webHidden/>")
    document = parse(word(paragraph("Scope", "<w:r><w:rPr><w:webHidden/></w:rPr><w:tab/></w:r>", number)), "a.docx")
    assert (document.text, document.hidden) == ("Scope 3", "")
