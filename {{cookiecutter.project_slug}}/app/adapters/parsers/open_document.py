"""OpenDocument: texts and presentations. Sheets are in `open_document_sheets`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html import unescape

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.office import report_embedded_files, report_macros
from app.adapters.parsers.open_document_lists import ItemMarks
from app.adapters.parsers.open_document_looks import UnseenTexts
from app.adapters.parsers.open_document_styles import OpenDocumentVisibility
from app.adapters.parsers.open_document_text import BLOCK_ENDS, HIDDEN, Flow, inline_text
from app.adapters.parsers.word_loss import with_word_loss
from app.adapters.parsers.xml_parts import Element, Parts, attribute, local, readable
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable

_HIDDEN_SLIDES = "hidden slides were left out"
_MACROS = re.compile(r"^(?:Basic|Scripts)/.", re.IGNORECASE)
_HEADERS = re.compile(rb"<style:(header|footer)(?:-left|-first)?\b[^>]*>.*?</style:\1(?:-left|-first)?>", re.DOTALL)
_UNSHOWN = re.compile(
    rb"<(svg:title|svg:desc|dc:creator|dc:date|meta:creator-initials|meta:date-string|text:index-title-template"
    rb"|text:index-entry-span|presentation:[\w-]*-decl)\b[^>]*(?<!/)>.*?</\1>",
    re.DOTALL,
)
_BODY = re.compile(rb"<office:body\b.*</office:body>", re.DOTALL)
_TAG = re.compile(rb"<[^>]*>")


def parse_odt(data: bytes, *, repair: bool) -> ParsedDocument:
    with readable():
        parts, builder = open_parts(data), TextBuilder()
        root = parts.xml("content.xml")
        flow, unseen = Flow(builder, OpenDocumentVisibility(parts, root), _marks(parts, root)), _unseen(parts, root)
        for text in root.iterfind("{*}body/{*}text"):
            builder.hide(unseen.take(text), HIDDEN)
            flow.write(text)
        for line in _page_headers(parts):
            builder.block(line)
        return _built(parts, builder, "odt")


def parse_odp(data: bytes, *, repair: bool) -> ParsedDocument:
    with readable():
        parts, builder = open_parts(data), TextBuilder()
        root = parts.xml("content.xml")
        visibility, marks, unseen = OpenDocumentVisibility(parts, root), _marks(parts, root), _unseen(parts, root)
        for number, page in enumerate(root.iterfind("{*}body/{*}presentation/{*}page"), 1):
            if visibility.hides_page(page):
                builder.hide(" ".join(map(inline_text, page.iter("{*}p"))), _HIDDEN_SLIDES)
            else:
                builder.hide(unseen.take(page), HIDDEN)
                _write_page(Flow(builder, visibility, marks), page, number)
        return _built(parts, builder, "odp")


def _marks(parts: Parts, root: Element) -> dict[Element, str]:
    styles = [parts.xml("styles.xml")] if "styles.xml" in parts else []
    return ItemMarks([*styles, root], root).marks


def _unseen(parts: Parts, root: Element) -> UnseenTexts:
    return UnseenTexts([*([parts.xml("styles.xml")] if "styles.xml" in parts else []), root])


def parse_ods(data: bytes, *, repair: bool) -> ParsedDocument:
    from app.adapters.parsers.open_document_sheets import write_sheets

    with readable():
        parts, builder = open_parts(data), TextBuilder()
        write_sheets(builder, parts)
        return replace(_built(parts, builder, "ods"), title=_facts(parts)[0])


def open_parts(data: bytes) -> Parts:
    parts = Parts(data)
    manifest = parts.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in parts else b""
    if b"encryption-data" in manifest:
        raise Unparsable("encrypted", "The document is protected by a password.")
    if "content.xml" not in parts:
        raise Unparsable("unreadable", "The document has no content.")
    return parts


def _write_page(flow: Flow, page: Element, number: int) -> None:
    titles = [frame for frame in page.iter("{*}frame") if attribute(frame, "class") == "title"]
    title = squeeze(" ".join(inline_text(each) for frame in titles for each in frame.iter("{*}p")))
    for frame in titles:
        if (parent := frame.getparent()) is not None:
            parent.remove(frame)
    flow.builder.heading(1, f"Slide {number}: {title}" if title else f"Slide {number}")
    for child in page:
        if local(child) == "notes":
            notes = "\n".join(filter(None, map(squeeze, map(inline_text, child.iter("{*}p")))))
            flow.builder.block(f"Notes: {notes}" if notes else "")
        else:
            flow.write_element(child)


def _page_headers(parts: Parts) -> list[str]:
    """The headers and footers of pages, each once."""
    if "styles.xml" not in parts:
        return []
    pages = parts.xml("styles.xml").iterfind("{*}master-styles/{*}master-page/*")
    found = (
        inline_text(each)
        for page in pages
        if local(page).startswith(("header", "footer"))
        for each in page.iter("{*}p")
    )
    return list(dict.fromkeys(filter(None, map(squeeze, found))))


def _built(parts: Parts, builder: TextBuilder, kind: str) -> ParsedDocument:
    report_macros(builder, sum(bool(_MACROS.match(name)) for name in parts.names))
    report_embedded_files(builder, sum(bool(re.match(r"Object \d+/content\.xml$", name)) for name in parts.names))
    title, metadata = _facts(parts)
    return with_word_loss(builder.build(kind, title, metadata), partial(_places, parts, kind))


def _facts(parts: Parts) -> tuple[str, dict[str, str]]:
    if "meta.xml" not in parts:
        return "", {}
    facts = {local(each): each.text or "" for each in parts.xml("meta.xml").iterfind("{*}meta/*")}
    author = facts.get("creator") or facts.get("initial-creator", "")
    metadata = {"author": author, "date": facts.get("date", "")[:10], "language": facts.get("language", "")[:2].lower()}
    return squeeze(facts.get("title", ""))[:300], metadata


def _places(parts: Parts, kind: str) -> Iterator[tuple[str, str]]:
    """All text of the file without its tags."""
    for body in _BODY.findall(parts.read("content.xml")):
        yield "body", _untagged(body)
    if kind == "odt" and "styles.xml" in parts:
        lines = dict.fromkeys(_untagged(match[0]) for match in _HEADERS.finditer(parts.read("styles.xml")))
        yield from (("header or footer", line) for line in lines)


def _untagged(part: bytes) -> str:
    spaced = BLOCK_ENDS.sub(b" ", _UNSHOWN.sub(b"", part))
    return unescape(_TAG.sub(b"", spaced).decode("utf-8", "replace"))
