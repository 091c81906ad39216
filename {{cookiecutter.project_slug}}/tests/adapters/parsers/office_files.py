"""Workbooks, presentations, OpenDocument files and e-books for tests."""

import io
import zipfile
from collections.abc import Mapping, Sequence

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = " ".join(
    f'xmlns:{name}="{_ODF}:{uri}:1.0"'
    for name, uri in {
        **{"office": "office", "text": "text", "table": "table", "style": "style", "draw": "drawing"},
        **{"presentation": "presentation", "fo": "xsl-fo-compatible"},
    }.items()
)

_NAMES = {
    **{"macros": "vbaProject.bin", "links": "worksheets/_rels/sheet1.xml.rels", "orphan": "worksheets/sheet9.xml"},
    **{"slide_links": "slides/_rels/slide1.xml.rels", "notes": "notesSlides/notesSlide1.xml"},
    **{"orphan_slide": "slides/slide9.xml", "diagram": "diagrams/data1.xml", "chart": "charts/chart1.xml"},
}


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def relations(**targets: str) -> str:
    """A part of relationships: the id, with the kind and the target apart by a blank."""
    pairs = ((name, *target.split(" ", 1)) for name, target in targets.items())
    each = "".join(f'<Relationship Id="{i}" Type="{RELATIONSHIPS}/{kind}" Target="{t}"/>' for i, kind, t in pairs)
    return f'<Relationships xmlns="{_PACKAGE}">{each}</Relationships>'


def _content_types(main: str, kind: str) -> str:
    return f'<Types xmlns="{_TYPES}"><Override PartName="/{main}" ContentType="{kind}"/></Types>'


def xlsx(
    rows: str,
    *,
    main: str = "xl/workbook.xml",
    sheets: str = "",
    prolog: str = "",
    after: str = "",
    properties: str = "",
    **parts: str,
) -> bytes:
    """A workbook of one sheet. sheets: more of them; after: what follows the cells; properties: of the workbook; parts:
    more, by short names.
    """
    folder = main.rpartition("/")[0]
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    sheets = f'<sheets><sheet name="Fees" sheetId="1" r:id="r1"/>{sheets}</sheets>'
    return zipped(
        {
            "[Content_Types].xml": _content_types(main, kind),
            main: f'<workbook xmlns="{_SHEET}" xmlns:r="{RELATIONSHIPS}">{properties}{sheets}</workbook>',
            f"{folder}/_rels/{main.rpartition('/')[2]}.rels": relations(
                r1="worksheet worksheets/sheet1.xml",
                r2="sharedStrings strings.xml",
                r3="styles styles.xml",
                r4="theme theme.xml",
            ),
            f"{folder}/worksheets/sheet1.xml": f'{prolog}<worksheet xmlns="{_SHEET}">'
            f"<sheetData>{rows}</sheetData>{after}</worksheet>",
            **{f"{folder}/{_NAMES.get(name, name + '.xml')}": content for name, content in parts.items()},
        }
    )


def text_cells(*rows: Sequence[str]) -> str:
    """Rows of cells with texts in them."""
    cells = ("".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in row) for row in rows)
    return "".join(f"<row>{each}</row>" for each in cells)


def pptx(*slides: str, prolog: str = "", **parts: str) -> bytes:
    """A presentation with these shapes on its slides; parts: others, by their short name."""
    kind = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    main = "ppt/presentation.xml"
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in numbers)
    space = f'xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}" xmlns:r="{RELATIONSHIPS}"'
    return zipped(
        {
            "[Content_Types].xml": _content_types(main, kind),
            main: f"<p:presentation {space}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(**{f"r{n}": f"slide slides/slide{n}.xml" for n in numbers}),
            **{
                f"ppt/slides/slide{n}.xml": f"{prolog}<p:sld {space}><p:cSld>"
                f"<p:spTree>{slide}</p:spTree></p:cSld></p:sld>"
                for n, slide in zip(numbers, slides, strict=True)
            },
            **{f"ppt/{_NAMES.get(name, name + '.xml')}": content for name, content in parts.items()},
        }
    )


def shape(text: str, placeholder: str = "") -> str:
    kind = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else "<p:nvPr/>"
    words = f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>"
    return f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x"/>{kind}</p:nvSpPr>{words}</p:sp>'


def open_document(kind: str, body: str, automatic: str = "", prolog: str = "", **parts: str) -> bytes:
    """kind: text, spreadsheet or presentation."""
    content = (
        f"{prolog}<office:document-content {_SPACES}><office:automatic-styles>{automatic}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    more = {f"{name}.xml": text.replace("SPACES", _SPACES) for name, text in parts.items()}
    return zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content, **more})


def epub(
    pages: Mapping[str, str],
    titles: Mapping[str, str] = {},
    prolog: str = "",
    spine: Sequence[str] = (),
    head: str = "",
    sheet: str = "",
) -> bytes:
    """An e-book of these bodies of pages; titles: of the table of contents. spine: the pages in reading order. head: of
    every page. sheet: its style sheet, `book/styles/all.css`.
    """
    ids = {name: f"p{number}" for number, name in enumerate(pages)}
    items = "".join(f'<item id="{i}" href="{n}" media-type="application/xhtml+xml"/>' for n, i in ids.items())
    references = "".join(f'<itemref idref="{ids[name]}"/>' for name in spine or pages)
    links = "".join(f'<li><a href="{name}">{title}</a></li>' for name, title in titles.items())
    dublin = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book/all.opf"/></rootfiles></container>',
            "book/all.opf": f'{prolog}<package xmlns="http://www.idpf.org/2007/opf" {dublin}><metadata>'
            "<dc:title>The lamp</dc:title><dc:creator>Ann Keeper</dc:creator><dc:language>en</dc:language></metadata>"
            f'<manifest>{items}<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
            f"</manifest><spine>{references}</spine></package>",
            "book/styles/all.css": sheet,
            "book/nav.xhtml": f"<html><body><nav><ol>{links}</ol></nav></body></html>",
            **{
                f"book/{name}": f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>{head}</head>'
                f"<body>{body}</body></html>"
                for name, body in pages.items()
            },
        }
    )
