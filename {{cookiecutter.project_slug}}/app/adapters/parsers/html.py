import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from app.adapters.parsers.builder import TextBuilder
from app.adapters.parsers.css_cascade import applied_declarations
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.html_page import Page
from app.adapters.parsers.html_shadow import with_shadow_trees
from app.adapters.parsers.html_words import text_pieces, visible_words
from app.adapters.parsers.word_loss import Places, with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument
from app.safety.domain.text import Finding

_HEAD = 4096
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9_:.-]+)")
_META = re.compile(rb"<meta\b", re.IGNORECASE)
_CONTROLS = "button[aria-controls], summary[aria-controls], a[aria-controls], [role=button][aria-controls],"
_CONTROLS += " [role=tab][aria-controls], [data-bs-target], [data-target]"


def parse_html(data: bytes, *, repair: bool) -> ParsedDocument:
    document, tree, places = _read(data, repair=repair)
    return with_word_loss(document, places, lambda: text_pieces(tree))


def read_html(data: bytes, *, repair: bool) -> tuple[ParsedDocument, Places]:
    """A page, and its text as it can be counted apart from that."""
    document, _, places = _read(data, repair=repair)
    return document, places


def _read(data: bytes, *, repair: bool) -> tuple[ParsedDocument, LexborHTMLParser, Places]:
    text, findings = decode(data, repair=repair, declared=_declared_encoding(data[:_HEAD]))
    tree = LexborHTMLParser(text.replace("\0", " "))
    builder, applied = TextBuilder(findings), applied_declarations(tree, with_shadow_trees(tree))
    page = Page(builder, applied, frozenset(_opened(tree)), scripted=tree.css_first("script") is not None)
    if tree.root is not None:
        page.walk(tree.root)
    if page.furniture:
        builder.find(Finding("furniture", "navigation and footers were left out", page.furniture))
    title = tree.css_first("head > title, body > title")
    document = builder.build("html", title.text() if title else "", dict(_metadata(tree)))
    return document, tree, lambda: visible_words(tree.root, applied) if tree.root else ()


def _declared_encoding(head: bytes) -> str | None:
    """The label in the page's own `meta` elements, or else in its XML declaration."""
    if _META.search(head):
        for meta in LexborHTMLParser(head.decode("latin-1")).css("meta"):
            attributes = meta.attributes
            if label := (attributes.get("charset") or "").strip():
                return label
            if (attributes.get("http-equiv") or "").strip().lower() == "content-type" and (
                named := _CHARSET.search(attributes.get("content") or "")
            ):
                return named[1]
    declaration = _XML_ENCODING.match(head)
    return declaration[1].decode("ascii") if declaration else None


def _opened(tree: LexborHTMLParser) -> Iterator[str]:
    """The ids of elements that a control of the page shows."""
    for control in tree.css(_CONTROLS):
        for name in ("aria-controls", "data-bs-target", "data-target"):
            yield from (target.removeprefix("#") for target in (control.attributes.get(name) or "").split())


def _metadata(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    names = {"author": "author", "date": "date", "dcterms.modified": "date", "article:modified_time": "date"}
    for node in tree.css("meta[content]"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        if name in names:
            yield names[name], node.attributes.get("content") or ""
    root = tree.css_first("html[lang]")
    if root is not None:
        yield "language", (root.attributes.get("lang") or "")[:2].lower()
