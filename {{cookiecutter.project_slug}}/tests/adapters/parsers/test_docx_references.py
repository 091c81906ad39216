"""Files inside of a Word document, and files elsewhere that it refers to, are said and not read."""

import io
import zipfile

import pytest

from tests.adapters.parsers.word_files import RELATIONS, paragraph, read, word

INSIDE, OUTSIDE = "", 'TargetMode="External"'


def document_with(*relations: str) -> bytes:
    """A document whose page header has these relations."""
    root = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(relations)}'
    with zipfile.ZipFile(out := io.BytesIO(word(paragraph("Seen."))), "a") as archive:
        archive.writestr("word/_rels/header1.xml.rels", f"{root}</Relationships>")
    return out.getvalue()


def relation(kind: str, target: str, mode: str) -> str:
    return f'<Relationship Id="x{kind}" Type="{RELATIONS}/{kind}" Target="{target}" {mode}/>'


@pytest.mark.parametrize(
    ("kind", "target", "mode", "rule"),
    [
        ("oleObject", "embeddings/oleObject1.bin", INSIDE, "embedded_files"),
        ("package", "embeddings/table.xlsx", INSIDE, "embedded_files"),
        ("control", "activeX/activeX1.xml", INSIDE, "embedded_files"),
        ("image", "https://example.org/pixel.png", OUTSIDE, "external_links"),
        ("oleObject", "file:///fees.xlsx", OUTSIDE, "external_links"),
        ("subDocument", "chapter.docx", OUTSIDE, "external_links"),
        ("attachedTemplate", "https://example.org/letter.dotm", OUTSIDE, "external_links"),
        ("attachedTemplate", r"\\example.org\letter.dotm", OUTSIDE, "external_links"),
        ("attachedTemplate", "file:///C:/Templates/Normal.dotm", OUTSIDE, None),
        ("hyperlink", "https://example.org/", OUTSIDE, None),
        ("image", "media/image1.png", INSIDE, None),
    ],
)
def test_what_is_embedded_or_elsewhere_is_a_finding(kind: str, target: str, mode: str, rule: str | None) -> None:
    document = read(document_with(relation(kind, target, mode)))
    assert document.text == "Seen."
    assert [finding.rule for finding in document.findings] == ([rule] if rule else [])
