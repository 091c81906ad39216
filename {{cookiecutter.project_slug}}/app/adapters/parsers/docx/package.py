"""The parts of an Office Open XML package, found by their relations, whatever their names are."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from lxml import etree

from app.adapters.parsers.archive import CORRUPT, EXTERNAL
from app.adapters.parsers.content_types import CONTENT_TYPES, main_parts
from app.adapters.parsers.xml_parts import raise_for_memory
from app.ingestion.domain.parsed_document import Unparsable

_DTD = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_STRICT = re.compile(rb"(\bxmlns(?::[\w.-]+)?\s*=\s*[\"'])http://purl\.oclc\.org/ooxml/(\w+)/(?=\w)")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class Relation:
    """kind: the end of its type, such as `footnotes`. target: the name of a part; None outside of the package."""

    kind: str
    target: str | None


@dataclass
class Package:
    """Errors: Unparsable for an archive or a part that cannot be read, and for XML that declares entities."""

    data: bytes
    _archive: zipfile.ZipFile = field(init=False)
    _names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        try:
            self._archive = zipfile.ZipFile(BytesIO(self.data))
        except CORRUPT as error:
            raise _unreadable(error) from error
        self._names = {_key(name): name for name in self._archive.namelist()}
        for name in self._archive.namelist():
            if name.endswith((".xml", ".rels")):
                _refuse_entities(self._bytes(name))

    @property
    def names(self) -> list[str]:
        return list(self._names.values())

    def main_part(self) -> str:
        """The name of the part that holds the text of a Word document. Errors: Unparsable when there is none."""
        named = (each.target for each in self.relations("").values() if each.kind == "officeDocument")
        declared = (name for kind, name in main_parts(self.part(CONTENT_TYPES) or b"") if kind == "word")
        for name in (*named, *declared, "word/document.xml"):
            if name is not None and _key(name) in self._names:
                return name
        raise Unparsable("unreadable", "The archive has no part with the text of a document.")

    def part(self, name: str) -> bytes | None:
        """The content of a part; None when there is none of this name."""
        entry = self._names.get(_key(name))
        return None if entry is None else self._bytes(entry)

    def xml(self, name: str | None) -> Any:
        """The root of a part with the names of Strict documents as the common ones; None when it is missing."""
        data = self.part(name) if name else None
        if data is None:
            return None
        try:
            return parse_xml(data)
        except (etree.XMLSyntaxError, UnicodeError) as error:
            raise_for_memory(error)
            raise _unreadable(error) from error

    def relations(self, name: str) -> dict[str, Relation]:
        """The relations of a part by their ids; of the package itself for an empty name."""
        folder, base = posixpath.split(name)
        root = self.xml(posixpath.join(folder, "_rels", f"{base}.rels"))
        return dict(_relations(root, folder)) if root is not None else {}

    def _bytes(self, entry: str) -> bytes:
        try:
            return self._archive.read(entry)
        except CORRUPT as error:
            raise _unreadable(error) from error


def parse_xml(data: bytes) -> Any:
    """Without comments, and without anything from outside of the text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = _DECLARATION.sub("", data.decode("utf-16")).encode()
        _refuse_entities(data)
    if b"purl.oclc.org" in data:
        data = _STRICT.sub(rb"\1http://schemas.openxmlformats.org/\2/2006/", data)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(data, parser)
    if root.getroottree().docinfo.doctype:
        raise Unparsable("xml_entities", "The document declares XML entities, which Word never writes.")
    return root


def _relations(root: Any, folder: str) -> Iterator[tuple[str, Relation]]:
    for each in root.iter("{*}Relationship"):
        kind, target = (each.get("Type") or "").rpartition("/")[2], each.get("Target") or ""
        inside = each.get("TargetMode") != "External"
        name = posixpath.normpath(posixpath.join("/", folder, target.replace("\\", "/"))).lstrip("/")
        yield each.get("Id") or "", Relation(kind, name if inside else None)


def _refuse_entities(part: bytes) -> None:
    if EXTERNAL.search(part):
        raise Unparsable("external_entity", "The document refers to external content.")
    if _DTD.search(part):
        raise Unparsable("xml_entities", "The document declares XML entities, which Word never writes.")


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _unreadable(error: Exception) -> Unparsable:
    return Unparsable("unreadable", f"The document cannot be opened ({type(error).__name__}).")
