"""Text that a reader of a DOCX cannot see is left out and screened, in every way of hiding it; text that can be seen in
spite of the same means stays.
"""

import io

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml

from app.adapters.parsers.dispatch import parse

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
