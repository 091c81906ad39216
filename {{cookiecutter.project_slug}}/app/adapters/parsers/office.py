"""What the zipped Office formats have in common: their main part, their facts, and content that acts."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from app.adapters.parsers.builder import TextBuilder
from app.adapters.parsers.content_types import CONTENT_TYPES, office_kind
from app.adapters.parsers.xml_parts import Element, Parts, local
from app.ingestion.domain.parsed_document import Unparsable
from app.safety.domain.text import Finding

_EMBEDDED = frozenset({"oleobject", "package", "control"})
_LINKED = frozenset({"externallinkpath", "oleobject", "subdocument", "frame", "image", "video", "audio"})
_TEMPLATE = "attachedtemplate"
"""Nearly every document names one on the machine of its author."""
_REMOTE = re.compile(r"(?:https?|ftp):|(?:file:)?[\\/]{2}(?![\\/])", re.IGNORECASE)


def office_parts(data: bytes, kind: str) -> tuple[Parts, str]:
    """The parts of an Office file and the name of its main part. Errors: Unparsable."""
    parts = Parts(data)
    found = office_kind(parts.read(CONTENT_TYPES) if CONTENT_TYPES in parts else b"", parts.names)
    if found is None or found[0] != kind or found[1] not in parts:
        raise Unparsable("unreadable", "The file does not name its main part.")
    return parts, found[1]


def core_facts(parts: Parts) -> tuple[str, dict[str, str]]:
    """The title and the metadata that the file says about itself."""
    if "docProps/core.xml" not in parts:
        return "", {}
    facts = {local(each): each.text or "" for each in parts.xml("docProps/core.xml")}
    metadata = {"author": facts.get("creator", ""), "date": facts.get("modified", "")[:10]}
    return facts.get("title", ""), metadata | {"language": facts.get("language", "")[:2].lower()}


def report_active_content(builder: TextBuilder, parts: Parts) -> None:
    """Report macros, embedded files and links to other files: none of them is run, opened or followed."""
    report_macros(builder, count_macros(parts.names))
    report_references(builder, map(parts.xml, relation_parts(parts.names)))


def report_references(builder: TextBuilder, relations: Iterable[Element]) -> None:
    """Report embedded files and links to other files. relations: the roots of `relation_parts`."""
    found = Counter(_references(relations))
    report_embedded_files(builder, found["embedded"])
    if linked := found["linked"]:
        builder.find(Finding("external_links", "content outside the file was not fetched", linked))


def count_macros(names: Iterable[str]) -> int:
    """Among the parts of an Office file."""
    return sum(name.endswith("vbaproject.bin") or "/macrosheets/" in name for name in map(str.lower, names))


def report_macros(builder: TextBuilder, count: int) -> None:
    if count:
        builder.find(Finding("macros", "the file contains macros, which were not run", count))


def report_embedded_files(builder: TextBuilder, count: int) -> None:
    if count:
        builder.find(Finding("embedded_files", "files inside the file were not read", count))


def relation_parts(names: Iterable[str]) -> Iterator[str]:
    """The parts that say what parts refer to. The workbook behind a chart is shown by the chart."""
    return (name for name in names if name.lower().endswith(".rels") and "/charts/" not in name.lower())


def _references(relations: Iterable[Element]) -> Iterator[str]:
    for root in relations:
        for each in root:
            external = each.get("TargetMode") == "External"
            kind = each.get("Type", "").rpartition("/")[2].lower()
            if external and (kind in _LINKED or (kind == _TEMPLATE and _REMOTE.match(each.get("Target", "")))):
                yield "linked"
            elif not external and kind in _EMBEDDED:
                yield "embedded"
