import re
from collections.abc import Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.css_cascade import Applied, Declaration, applied_declarations, inline_declarations
from app.adapters.parsers.css_visibility import Style, Styles
from app.adapters.parsers.decoding import decode
from app.ingestion.domain.parsed_document import ParsedDocument
from app.safety.domain.text import Finding

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_BLOCK_TAGS = (
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure form header hr"
    " li main ol p pre section summary table tbody tfoot thead tr ul"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_UNSHOWN_TAGS = "script style noscript template svg math iframe object embed canvas head select"
_NEVER_SHOWN = frozenset(_UNSHOWN_TAGS.split())
_FURNITURE = frozenset({"nav", "footer", "button"})
_ITEMS = frozenset({"li", "tr", "dd", "dt", "thead", "tbody", "tfoot"})
_HEADING = re.compile(r"h([1-6])")
_PRESENTATIONAL = {
    "hidden": ("display", "none"),
    "color": ("color", ""),
    "text": ("color", ""),
    "bgcolor": ("background-color", ""),
    "background": ("background-image", "url(background)"),
}
_BLANKS = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]*>")
_HIDDEN = "text that is not visible to a reader of the page was left out"


def parse_html(data: bytes, *, repair: bool) -> ParsedDocument:
    named = _CHARSET.search(data[:4096])
    text, findings = decode(data, repair=repair, declared=named[1].decode("ascii") if named else None)
    tree = LexborHTMLParser(text.replace("\0", " "))
    builder = TextBuilder(findings)
    page = _Page(builder, applied_declarations(tree))
    if tree.root is not None:
        page.walk(tree.root)
    if page.furniture:
        builder.find(Finding("furniture", "navigation and footers were left out", page.furniture))
    title = tree.css_first("title")
    return builder.build("html", title.text() if title else "", dict(_metadata(tree)))


def _metadata(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    names = {"author": "author", "date": "date", "dcterms.modified": "date", "article:modified_time": "date"}
    for node in tree.css("meta[content]"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        if name in names:
            yield names[name], node.attributes.get("content") or ""
    root = tree.css_first("html[lang]")
    if root is not None:
        yield "language", (root.attributes.get("lang") or "")[:2].lower()


class _Page:
    """Walks the tree iteratively, because a page may be nested deeper than the interpreter's stack."""

    def __init__(self, builder: TextBuilder, applied: Applied) -> None:
        self.builder = builder
        self.applied = applied
        self.styles = Styles()
        self.furniture = 0
        self.line: list[str] = []
        self.unseen: list[str] = []
        self.preformatted = 0
        self.gap = "\n\n"

    def walk(self, root: LexborNode) -> None:
        stack: list[tuple[LexborNode, bool, Style]] = [(root, False, Style())]
        while stack:
            node, leaving, style = stack.pop()
            if leaving:
                self._leave(node.tag or "")
                continue
            if node.is_element_node:
                style = self.styles.of(style, self._declarations(node))
            if self._enter(node, style):
                stack.append((node, True, style))
                stack.extend((child, False, style) for child in reversed(list(_children(node))))
        self._flush()

    def _declarations(self, node: LexborNode) -> tuple[Declaration, ...]:
        attributes = node.attributes
        own = self.applied.get(node.mem_id, ())
        if not attributes:
            return own
        presentational = tuple(_presentational(attributes)) if not _PRESENTATIONAL.keys().isdisjoint(attributes) else ()
        style = attributes.get("style")
        return (*presentational, *own, *(inline_declarations(style) if style else ()))

    def _enter(self, node: LexborNode, style: Style) -> bool:
        """Add the node's own text; returns whether to visit its children."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "", style)
        elif tag == "-comment" or node.is_comment_node:
            self.builder.hide(node.comment_content or "")
        elif tag in _NEVER_SHOWN:
            if tag in ("noscript", "template"):
                self.builder.hide(_TAG.sub(" ", node.html or ""))
        elif style.gone:
            self.builder.hide(node.text(separator=" "), _HIDDEN)
        elif tag in _FURNITURE:
            self.furniture += len(squeeze(node.text(separator=" ")))
        else:
            self._open(tag)
            return True
        return False

    def _text(self, text: str, style: Style) -> None:
        if style.shows_text:
            self.line.append(text if self.preformatted else _BLANKS.sub(" ", text))
        else:
            self.unseen.append(text)

    def _open(self, tag: str) -> None:
        if tag == "br":
            self.line.append("\n")
        elif tag in ("td", "th"):
            if any(part.strip() for part in self.line):
                self.line.append(" | ")
        elif tag in _BLOCKS or _HEADING.fullmatch(tag):
            self._flush()
            self.gap = self.gap if tag in _ITEMS else "\n\n"
            self.preformatted += tag == "pre"
            if tag == "li":
                self.line.append("- ")

    def _leave(self, tag: str) -> None:
        if heading := _HEADING.fullmatch(tag):
            self.builder.heading(int(heading[1]), "".join(self.line))
            self.line.clear()
        elif tag == "pre":
            self.preformatted -= 1
            self.builder.block("".join(self.line))
            self.line.clear()
        elif tag in _BLOCKS:
            self._flush()
            self.gap = "\n" if tag in _ITEMS else "\n\n"

    def _flush(self) -> None:
        lines = [squeeze(line) for line in "".join(self.line).split("\n")]
        text = "\n".join(line for line in lines if line)
        self.line.clear()
        if self.unseen:
            self.builder.hide("".join(self.unseen), _HIDDEN)
            self.unseen.clear()
        if text and text != "-":
            self.builder.block(text, self.gap)


def _presentational(attributes: Mapping[str, str | None]) -> Iterator[Declaration]:
    """Attributes that say how an element presentational, as declarations, which all others override."""
    for name, (tags_name, always) in _PRESENTATIONAL.items():
        if name in attributes:
            yield Declaration(tags_name, always or attributes.get(name) or "", False)


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next
