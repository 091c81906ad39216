"""The XML parts of a zipped document, read without entities, document types and anything from outside."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from posixpath import dirname, normpath
from urllib.parse import unquote

from lxml import etree
from lxml.etree import _Element as Element

from app.adapters.parsers.archive import CORRUPT, check_archive
from app.ingestion.domain.parsed_document import Unparsable

__all__ = [
    "Element",
    "Parts",
    "Relationship",
    "attribute",
    "joined",
    "local",
    "parse_xml",
    "raise_for_memory",
    "readable",
]
_SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "remove_comments": True, "remove_pis": True}
_TOO_DEEP = re.compile(r"depth|Excessive")


@contextmanager
def readable() -> Iterator[None]:
    """Errors: Unparsable in place of the errors of the libraries for archives and XML; MemoryError where XML meets the
    limit.
    """
    try:
        yield
    except etree.XMLSyntaxError as error:
        raise_for_memory(error)
        if _TOO_DEEP.search(str(error)):
            raise Unparsable("nested_too_deep", "A part of the document is nested too deeply.") from error
        raise Unparsable("unreadable", "A part of the document is not well-formed XML.") from error
    except (KeyError, *CORRUPT) as error:
        raise Unparsable("unreadable", f"The document cannot be opened ({type(error).__name__}).") from error


def raise_for_memory(error: Exception) -> None:
    """Errors: MemoryError where the parser ran out of memory, which it reports as an error of syntax."""
    if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError from error


def parse_xml(data: bytes, *, document_type: bool = False) -> Element:
    """The root of a part. document_type: may it name one, as old e-books do. Errors: Unparsable, XMLSyntaxError."""
    root = etree.fromstring(data, etree.XMLParser(**_SAFE))
    _refuse_entities(root, document_type=document_type)
    return root


def _refuse_entities(root: Element, *, document_type: bool) -> None:
    information = root.getroottree().docinfo
    declared = list(information.internalDTD.iterentities()) if information.internalDTD is not None else []
    if any(entity.content is None for entity in declared):
        raise Unparsable("external_entity", "The document refers to external content.")
    if declared or (information.doctype and not document_type):
        raise Unparsable("xml_entities", "The document declares a document type or entities, which it never needs.")


class Parts:
    """The parts of a zipped document by name. Errors: Unparsable for an archive that is not safe to unpack."""

    def __init__(self, data: bytes) -> None:
        check_archive(data)
        self._archive = zipfile.ZipFile(BytesIO(data))
        self._names = {name.lower(): name for name in self._archive.namelist()}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    @property
    def names(self) -> list[str]:
        return list(self._names.values())

    def read(self, name: str) -> bytes:
        return self._archive.read(self._names[name.lower()])

    def xml(self, name: str, *, document_type: bool = False) -> Element:
        return parse_xml(self.read(name), document_type=document_type)

    def look(self, name: str) -> Element | None:
        """The root of a part that only says how others look; None where it is missing or broken, which costs no
        words. Errors: Unparsable.
        """
        try:
            return self.xml(name) if name in self else None
        except etree.XMLSyntaxError as error:
            raise_for_memory(error)
            return None

    def elements(self, name: str, *tags: str) -> Iterator[Element]:
        """The elements with these tags one after the other; each is freed when the next one is asked for."""
        with self._archive.open(self._names[name.lower()]) as part:
            checked = False
            found = etree.iterparse(part, events=("end",), tag=tags, **_SAFE)
            for _, element in found:
                if not checked:
                    _refuse_entities(element, document_type=False)
                    checked = True
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            if not checked:
                _refuse_entities(found.root, document_type=False)

    def related(self, name: str) -> dict[str, "Relationship"]:
        """The relationships of an Office part by their id."""
        folder = dirname(name)
        listed = f"{folder}/_rels/{name.rpartition('/')[2]}.rels".lstrip("/")
        if listed not in self:
            return {}
        return {each.get("Id", ""): Relationship(each, folder) for each in self.xml(listed) if each.get("Target")}


class Relationship:
    """kind: the last part of its type, such as `slide`. target: the name of a part; for an external one, an address."""

    def __init__(self, element: Element, folder: str) -> None:
        self.kind = element.get("Type", "").rpartition("/")[2]
        self.external = element.get("TargetMode") == "External"
        target = element.get("Target", "")
        self.target = target if self.external else joined(folder, unquote(target))


def joined(folder: str, target: str) -> str:
    """The name of a part that a part in this folder refers to."""
    return normpath(target if target.startswith("/") else f"{folder}/{target}").lstrip("/")


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """The attribute of that name in whatever namespace."""
    return next((value for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), None)
