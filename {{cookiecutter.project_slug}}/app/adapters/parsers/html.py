import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.adapters.parsers.builder import TextBuilder, squeeze
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
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*(?:0|0?\.0\d*)\s*(?:;|!|$)"
    r"|font-size\s*:\s*(?:0|[01](?:\.\d+)?(?:px|pt)|0?\.[0-3]\d*(?:r?em)?)\s*(?:;|!|$)"
    r"|(?:left|top|right|text-indent|margin-left|margin-top)\s*:\s*-\d{3,}"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    r"|(?:max-)?height\s*:\s*0(?:px)?\s*(?:;|!|$)|transform\s*:\s*scale\(\s*0\s*\)",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?:^|[;\s])color\s*:\s*(?:white|#f[c-f]f[c-f]f[c-f]|#fff|rgba?\(\s*25[0-5][\s,]+25[0-5][\s,]+25[0-5]"
    r"|rgba\([^)]*,\s*0\s*\)|transparent)",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(r"background(?:-color|-image)?\s*:\s*(?!\s*(?:none|white|transparent|#fff))", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]*>")
_RULE = re.compile(r"([^{}]{1,300})\{([^{}]{0,2000})\}")
_SHOWN_ELSEWHERE = re.compile(r"@|:(?!not)")


def parse_html(data: bytes, *, repair: bool) -> ParsedDocument:
    named = _CHARSET.search(data[:4096])
    text, findings = decode(data, repair=repair, declared=named[1].decode("ascii") if named else None)
    tree = LexborHTMLParser(text.replace("\0", " "))
    builder = TextBuilder()
    for finding in findings:
        builder.find(finding)
    page = _Page(builder, _hidden_by_rules(tree))
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


def _hidden_by_rules(tree: LexborHTMLParser) -> frozenset[int]:
    """The nodes that the page's style sheet hides. Rules with states or media queries are ignored."""
    hidden: set[int] = set()
    for style in tree.css("style")[:20]:
        for selector, body in _RULE.findall(re.sub(r"/\*.*?\*/", "", style.text(), flags=re.DOTALL)[:200_000]):
            if _SHOWN_ELSEWHERE.search(selector) or not _HIDING.search(body):
                continue
            try:
                hidden.update(node.mem_id for node in tree.css(selector.strip()))
            except Exception:  # noqa: S112  an unknown selector matches nothing
                continue
    return frozenset(hidden)


class _Page:
    """Walks the tree iteratively, because a page may be nested deeper than the interpreter's stack."""

    def __init__(self, builder: TextBuilder, hidden: frozenset[int]) -> None:
        self.builder = builder
        self.hidden = hidden
        self.furniture = 0
        self.line: list[str] = []
        self.preformatted = 0
        self.gap = "\n\n"

    def walk(self, root: LexborNode) -> None:
        stack: list[tuple[LexborNode, bool, bool]] = [(root, False, False)]
        while stack:
            node, leaving, painted = stack.pop()
            if leaving:
                self._leave(node.tag or "")
                continue
            painted = painted or _paints(node)
            if self._enter(node, painted):
                stack.append((node, True, painted))
                stack.extend((child, False, painted) for child in reversed(list(_children(node))))
        self._flush()

    def _enter(self, node: LexborNode, painted: bool) -> bool:
        """Add the node's own text; returns whether to visit its children."""
        tag = node.tag or ""
        if tag == "-text":
            text = node.text_content or ""
            self.line.append(text if self.preformatted else _BLANKS.sub(" ", text))
        elif tag == "-comment" or node.is_comment_node:
            self.builder.hide(node.comment_content or "")
        elif tag in _NEVER_SHOWN:
            if tag in ("noscript", "template"):
                self.builder.hide(_TAG.sub(" ", node.html or ""))
        elif self._is_hidden(node, painted):
            self.builder.hide(node.text(separator=" "), "text that is not visible to a reader of the page was left out")
        elif tag in _FURNITURE:
            self.furniture += len(squeeze(node.text(separator=" ")))
        else:
            self._open(tag)
            return True
        return False

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
        if text and text != "-":
            self.builder.block(text, self.gap)

    def _is_hidden(self, node: LexborNode, painted: bool) -> bool:
        if node.mem_id in self.hidden:
            return True
        attributes = node.attributes
        if "hidden" in attributes:
            return True
        style = attributes.get("style") or ""
        colour = (attributes.get("color") or "").lower()
        return bool(_HIDING.search(style)) or (
            not painted and (bool(_WHITE.search(style)) or colour in ("white", "#ffffff", "#fff"))
        )


def _paints(node: LexborNode) -> bool:
    if not node.is_element_node:
        return False
    attributes = node.attributes
    return "bgcolor" in attributes or bool(_BACKGROUND.search(attributes.get("style") or ""))


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next
