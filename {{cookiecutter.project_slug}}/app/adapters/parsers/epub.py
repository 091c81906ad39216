import re
from collections.abc import Iterator, Sequence
from functools import partial
from posixpath import dirname
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.html import read_html
from app.adapters.parsers.word_loss import with_word_loss
from app.adapters.parsers.xml_parts import Element, Parts, joined, readable
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable

_CONTAINER = "META-INF/container.xml"
_EMPTY_ELEMENT = re.compile(rb"<(title|script|style|a|p|div|span|iframe|textarea|h[1-6])\b([^<>]*?)/>", re.IGNORECASE)
_DECLARATION = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml\b[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([\w.:-]+)")
_LINK = re.compile(rb"<link\b([^<>]{0,2000})>", re.IGNORECASE)
_TARGET = re.compile(rb"\bhref\s*=\s*[\"']([^\"']{1,500})[\"']", re.IGNORECASE)
_MEDIA = re.compile(rb"\bmedia\s*=\s*[\"'][^\"']{0,200}[\"']", re.IGNORECASE)
_IS_SHEET = re.compile(rb"\brel\s*=\s*[\"']?stylesheet\b", re.IGNORECASE)
_MAX_SHEET, _MAX_SHEETS = 200_000, 5
_NOT_TEXT = ("head", "script", "style", "template", "nav", "svg", "math", "footer", "button", "noscript")
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/html+xml"})


def parse_epub(data: bytes, *, repair: bool) -> ParsedDocument:
    with readable():
        book = _Book(Parts(data))
        builder = TextBuilder()
        for name in book.spine():
            chapter, _ = read_html(book.page(name), repair=repair)
            if not chapter.text and not chapter.hidden:
                continue
            title = book.titles.get(name, "")
            if title and chapter.text and not any(_same(title, heading.title) for heading in chapter.headings):
                builder.heading(1, title)
                builder.include(chapter, level=1)
            else:
                builder.include(chapter)
        document = builder.build("epub", book.fact("title"), book.metadata())
        pages = [(name, book.page(name)) for name in book.pages()]
        return with_word_loss(document, partial(_places, pages), lambda: (_all_text(page) for _, page in pages))


class _Book:
    """The package of an e-book: its pages in reading order, their titles by the table of contents, and its facts."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        if "META-INF/encryption.xml" in parts and b"EncryptedKey" in parts.read("META-INF/encryption.xml"):
            raise Unparsable("encrypted", "The e-book is protected against copying.")
        roots = parts.xml(_CONTAINER).iterfind("{*}rootfiles/{*}rootfile") if _CONTAINER in parts else ()
        self.path = next((each.get("full-path", "") for each in roots), "")
        if self.path not in parts:
            raise Unparsable("unreadable", "The e-book does not name its contents.")
        self.package = parts.xml(self.path, document_type=True)
        self.items = {each.get("id", ""): each for each in self.package.iterfind("{*}manifest/{*}item")}
        self.titles = dict(self._titles())

    def spine(self) -> list[str]:
        """The names of the pages, each once."""
        references = self.package.iterfind("{*}spine/{*}itemref")
        items = (self.items.get(each.get("idref", "")) for each in references)
        names = (self._name(item) for item in items if item is not None and item.get("media-type") in _PAGES)
        return [name for name in dict.fromkeys(names) if name in self.parts]

    def pages(self) -> list[str]:
        """The names of all pages but the table of contents, whether they are in the reading order or not."""
        items = (each for each in self.items.values() if each.get("media-type") in _PAGES)
        names = (self._name(item) for item in items if "nav" not in (item.get("properties") or "").split())
        return [name for name in dict.fromkeys(names) if name in self.parts]

    def page(self, name: str) -> bytes:
        """A page as HTML, with the first of its style sheets in it."""
        page, sheets = _as_html(self.parts.read(name)), set[str]()
        if b"\0" in page[:200]:
            return page

        def element(link: re.Match[bytes]) -> bytes:
            target, media = _TARGET.search(link[1]), _MEDIA.search(link[1])
            if target is None or not _IS_SHEET.search(link[1]):
                return b""
            sheet = joined(dirname(name), unquote(target[1].decode("utf-8", "replace")))
            if sheet in sheets or sheet not in self.parts or len(sheets) == _MAX_SHEETS:
                return b""
            sheets.add(sheet)
            return b"<style " + (media[0] if media else b"") + b">" + self._sheet(sheet) + b"</style>"

        return _LINK.sub(element, page)

    def _sheet(self, name: str) -> bytes:
        """A style sheet in ASCII, whatever the encoding of the page is."""
        text = self.parts.read(name)[:_MAX_SHEET].decode("utf-8-sig", "replace")
        return text.replace("</", "").encode("ascii", "replace")

    def fact(self, name: str) -> str:
        return squeeze(next((each.text or "" for each in self.package.iterfind(f"{{*}}metadata/{{*}}{name}")), ""))

    def metadata(self) -> dict[str, str]:
        return {
            "author": self.fact("creator"),
            "date": self.fact("date")[:10],
            "language": self.fact("language")[:2].lower(),
        }

    def _name(self, item: Element) -> str:
        return joined(dirname(self.path), unquote(item.get("href", "").partition("#")[0]))

    def _titles(self) -> Iterator[tuple[str, str]]:
        """The name of each page with its title; entries for a place within a page are left out."""
        for item in self.items.values():
            name = self._name(item)
            if name not in self.parts:
                continue
            folder = dirname(name)
            if item.get("media-type") == "application/x-dtbncx+xml":
                for point in reversed(list(self.parts.xml(name, document_type=True).iter("{*}navPoint"))):
                    source, title = point.find("{*}content"), point.findtext("{*}navLabel/{*}text") or ""
                    if source is not None and "#" not in source.get("src", "#"):
                        yield joined(folder, unquote(source.get("src", ""))), squeeze(title)
            elif "nav" in (item.get("properties") or "").split():
                tree = LexborHTMLParser(_as_html(self.parts.read(name)))
                for link in reversed(tree.css("nav li a[href]")):
                    target = link.attributes.get("href") or "#"
                    if "#" not in target:
                        yield joined(folder, unquote(target)), squeeze(link.text())


def _same(one: str, other: str) -> bool:
    return one.casefold() in other.casefold() or other.casefold() in one.casefold()


def _as_html(page: bytes) -> bytes:
    """XHTML as an HTML parser reads it right: without the XML declaration, and with end tags instead of `/>`."""
    declaration = _DECLARATION.match(page)
    page = _EMPTY_ELEMENT.sub(rb"<\1\2></\1>", page[declaration.end() :] if declaration else page)
    encoding = _ENCODING.search(declaration[0]) if declaration else None
    if encoding and encoding[1].lower() not in (b"utf-8", b"utf8") and b"\0" not in page[:200]:
        return b'<meta charset="' + encoding[1] + b'">' + page
    return page


def _places(pages: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    for name, page in pages:
        _, places = read_html(page, repair=True)
        yield from ((f"page {name}", text) for _, text in places())


def _all_text(page: bytes) -> str:
    """All text of a page by its text nodes alone."""
    tree = LexborHTMLParser(page)
    tree.strip_tags(list(_NOT_TEXT))
    return tree.body.text(separator="\n") if tree.body is not None else ""
