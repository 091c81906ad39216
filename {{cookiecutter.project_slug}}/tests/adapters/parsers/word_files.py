"""Word documents from their XML, so that a test can say exactly what is in them."""

from collections.abc import Mapping

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument
from tests.adapters.parsers.office_files import zipped

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = (
    f'xmlns:w="{W}" xmlns:r="{RELATIONS}" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:wpg="http://schemas.microsoft.com/office/word/2010/wordprocessingGroup" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_ENDINGS: dict[str | bytes, str] = {
    "<html": "html",
    "{\\rtf": "rtf",
    b"PK": "docx",
    "MIME-Version": "mht",
    "Plain": "txt",
}
"""Of a file that stands in a document, by how it begins."""
_STRICT = "http://purl.oclc.org/ooxml/"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*parts: str, properties: str = "") -> str:
    """Parts that are no XML are runs of text."""
    inner = "".join(part if part.startswith("<") else run(part) for part in parts)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{text if text.startswith('<') else paragraph(text)}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    inner = "".join(each if each.startswith("<") else cell(each) if each else cell(paragraph()) for each in cells)
    return f"<w:tr><w:trPr>{properties}</w:trPr>{inner}</w:tr>"


def table(*rows: str, properties: str = "") -> str:
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{''.join(rows)}</w:tbl>"


def control(inner: str) -> str:
    return f"<w:sdt><w:sdtPr/><w:sdtContent>{inner}</w:sdtContent></w:sdt>"


def drawing(inner: str, *, kind: str = "inline", extent: str = 'cx="900000" cy="900000"', more: str = "") -> str:
    data = f'<a:graphic><a:graphicData uri="x">{inner}</a:graphicData></a:graphic>'
    return (
        f'<w:drawing><wp:{kind}><wp:extent {extent}/><wp:docPr id="1" name="x" {more}/>{data}</wp:{kind}></w:drawing>'
    )


def shape(text: str, fill: str = "") -> str:
    return f"<wps:wsp><wps:spPr>{fill}</wps:spPr><wps:txbx><w:txbxContent>{text}</w:txbxContent></wps:txbx></wps:wsp>"


def field(instruction: str, result: str, more: str = "") -> str:
    """A field in its long form."""
    marks = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
    if more:
        marks[0] = f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{more}</w:ffData></w:fldChar></w:r>'
    code = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
    return f"{marks[0]}{code}{marks[1]}{run(result) if result else ''}{marks[2]}"


def word(
    *body: str, parts: Mapping[str, str | bytes] | None = None, main: str = "word/document.xml", strict: bool = False
) -> bytes:
    """A document with a body and further parts: `styles`, `numbering`, `footnotes`, `header`, `chart` and so on.

    The relation of each has the part's kind as its id. strict: with the names of ISO 29500 Strict.
    """
    files: dict[str, str | bytes] = {
        main: f"<w:document {NAMES}><w:body>{''.join(body)}<w:sectPr/></w:body></w:document>"
    }
    folder, _, name = main.rpartition("/")
    relations = []
    for kind, content in (parts or {}).items():
        ending = next((ending for start, ending in _ENDINGS.items() if content[: len(start)] == start), "xml")
        files[f"{folder}/{kind}.{ending}".lstrip("/")] = content
        relations.append(f'<Relationship Id="{kind}" Type="{RELATIONS}/{kind}" Target="{kind}.{ending}"/>')
    files[f"{folder}/_rels/{name}.rels".lstrip("/")] = _related(relations)
    files["_rels/.rels"] = _related([f'<Relationship Id="a" Type="{RELATIONS}/officeDocument" Target="/{main}"/>'])
    types = f'<Override PartName="/{main}" ContentType="{_TYPE.format("document.main")}"/>'
    files["[Content_Types].xml"] = f'<Types xmlns="{_PACKAGE}/content-types">{types}</Types>'
    return zipped({name: _strict(text) if strict and isinstance(text, str) else text for name, text in files.items()})


def part(kind: str, inner: str) -> str:
    """`kind`: the name of its root, such as `w:footnotes`."""
    return f"<{kind} {NAMES}>{inner}</{kind}>"


def _related(relations: list[str]) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(relations)}</Relationships>'


def _strict(text: str) -> str:
    for kind in ("wordprocessingml", "drawingml", "officeDocument"):
        text = text.replace(f"http://schemas.openxmlformats.org/{kind}/2006/", f"{_STRICT}{kind}/")
    return text


def read(data: bytes) -> ParsedDocument:
    """Reads it, and checks that no word is lost."""
    document = parse(data, "a.docx")
    assert document.loss is not None
    assert dict(document.loss.lost) == {}
    return document


def text_of(*body: str, **parts: str) -> str:
    return read(word(*body, parts=parts)).text
