"""Reads the paragraphs and tables of one part of a DOCX, through every container that Word puts around them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.docx.blocks import Block, Embedded, Paragraph
from app.adapters.parsers.docx.equations import linear
from app.adapters.parsers.docx.fields import Fields, form_value
from app.adapters.parsers.docx.formatting import Formatting
from app.adapters.parsers.docx.grid import GridReader
from app.adapters.parsers.docx.names import REMOVED, UNREAD, at, chosen, tag, text_nodes, value
from app.adapters.parsers.docx.shapes import is_unseen
from app.adapters.parsers.docx.symbols import symbol
from app.adapters.parsers.raised_digits import raise_digits
from app.ingestion.domain.parsed_document import ParsedDocument

HIDDEN = "text that is not visible to a reader of the document was left out"
_CHARACTERS = {
    tag("w:tab"): "\t",
    tag("w:ptab"): "\t",
    tag("w:br"): "\n",
    tag("w:cr"): "\n",
    tag("w:noBreakHyphen"): "-",
}
_BLOCKS = frozenset({tag("w:p"), tag("w:tbl")})
_ELSEWHERE = frozenset({tag("w:altChunk"), tag("w:subDoc")})


@dataclass
class Surroundings:
    """What a story asks its document for. note: the mark and the text of a footnote or endnote; related: the text of a
    drawing that stands in another part; embedded: a file of another kind, None where it is left out; hide: told about
    what is not in the text.
    """

    note: Callable[[Any], tuple[str, str]]
    related: Callable[[Any], Iterator[str]]
    embedded: Callable[[Any], ParsedDocument | None]
    hide: Callable[[str, str], None]


@dataclass
class _Line:
    """A paragraph while it is read. after: the blocks that are anchored in it."""

    paragraph: Any
    shown: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    after: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Story:
    """root: of the part. concealed: everything in it is hidden."""

    root: Any
    formatting: Formatting
    around: Surroundings
    concealed: bool = False
    fields: Fields = field(init=False)
    _carried: str = ""

    def __post_init__(self) -> None:
        self.fields = Fields(self.root)

    def blocks(self, container: Any) -> Iterator[Block]:
        for child in container:
            if child.tag == tag("w:p"):
                yield from self._paragraph(child)
            elif child.tag == tag("w:tbl"):
                yield GridReader(self.blocks, self.formatting, self._remove).read(child)
            elif child.tag == tag("mc:AlternateContent"):
                yield from self.blocks(chosen(child))
            elif child.tag in _ELSEWHERE:
                yield from self._embedded(child)
            elif child.tag in REMOVED:
                self._remove(child)
            elif child.tag not in UNREAD:
                yield from self.blocks(child)

    def _embedded(self, node: Any) -> Iterator[Block]:
        if (document := self.around.embedded(node)) is not None:
            yield Embedded(document)

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        line = _Line(paragraph)
        self._inline(paragraph, line, self.concealed)
        self.around.hide("".join(line.hidden), HIDDEN)
        text, self._carried = self._carried + "".join(line.shown), ""
        if _goes_on(paragraph):
            self._carried = text
        else:
            unseen = not text.strip() and bool(line.hidden)
            marker, is_item = ("", False) if unseen else self._marker(paragraph)
            level = self.formatting.styles.heading_level(paragraph)
            yield Paragraph(text, level, marker, tuple(line.notes), is_item)
        yield from line.after

    def _marker(self, paragraph: Any) -> tuple[str, bool]:
        """Counts an item even when it has no text, as Word does."""
        styles, numbering = self.formatting.styles, self.formatting.numbering
        number, depth, style = styles.list_of(paragraph)
        name = styles.name_of(paragraph)
        if number:
            level = numbering.level_of_style(number, style) if depth is None else depth
            return numbering.marker(number, level), True
        return ("-" if name.startswith("List Bullet") else ""), name.startswith("List")

    def _inline(self, parent: Any, line: _Line, hidden: bool) -> None:
        for child in parent:
            if child.tag == tag("w:t"):
                self._add(child.text or "", line, hidden)
            elif child.tag == tag("w:r"):
                self._run(child, line, hidden)
            elif child.tag in _CHARACTERS:
                self._add(_CHARACTERS[child.tag], line, hidden)
            elif child.tag in REMOVED:
                self._remove(child)
            elif child.tag in _BLOCKS:
                line.after += self.blocks([child])
            elif (read := _INLINE.get(child.tag)) is not None:
                read(self, child, line, hidden)
            elif child.tag not in UNREAD:
                self._inline(child, line, hidden)

    def _run(self, run: Any, line: _Line, hidden: bool) -> None:
        visibility = self.formatting.visibility
        hidden = hidden or visibility.hides(run, line.paragraph, in_field=self.fields.depth > 0)
        start = len(line.shown)
        self._inline(run, line, hidden)
        if value(at(run, "w:rPr", "w:vertAlign")) == "superscript":
            raise_digits(line.shown, start)

    def _add(self, text: str, line: _Line, hidden: bool) -> None:
        if self.fields.in_instruction:
            self.around.hide(text, "")
        else:
            if hidden:
                line.hidden.append(text)
            if not hidden or text.isspace():
                line.shown.append(text)

    def _field(self, mark: Any, line: _Line, hidden: bool) -> None:
        self.fields.pass_mark(mark)
        if shown := form_value(mark):
            (line.hidden if hidden else line.shown).append(shown)

    def _remove(self, tracked: Any) -> None:
        texts = tracked.iter(tag("w:t"), tag("w:delText"))
        self.around.hide("".join(each.text or "" for each in texts), "")

    def _symbol(self, mark: Any, line: _Line, hidden: bool) -> None:
        self._add(symbol(mark.get(tag("w:font"), ""), mark.get(tag("w:char"), "")), line, hidden)

    def _alternatives(self, node: Any, line: _Line, hidden: bool) -> None:
        self._inline(chosen(node), line, hidden)

    def _ruby(self, ruby: Any, line: _Line, hidden: bool) -> None:
        for name, before, after in (("w:rubyBase", "", ""), ("w:rt", "(", ")")):
            part = at(ruby, name)
            if part is not None and any(True for _ in text_nodes(part)):
                self._add(before, line, hidden)
                self._inline(part, line, hidden)
                self._add(after, line, hidden)

    def _equation(self, equation: Any, line: _Line, hidden: bool) -> None:
        self._add(linear(equation, lambda run: self._of_run(run, line, hidden)), line, hidden=False)

    def _of_run(self, run: Any, line: _Line, hidden: bool) -> str:
        """What is seen of a run of an equation; the rest goes to the hidden text of the line."""
        text = "".join(each.text or "" for each in text_nodes(run))
        if hidden or self.formatting.visibility.hides(run, line.paragraph):
            line.hidden.append(text)
            return ""
        return text

    def _note(self, mark: Any, line: _Line, hidden: bool) -> None:
        sign, text = self.around.note(mark)
        if hidden or self.fields.in_instruction:
            self.around.hide(text, "")
        elif text:
            line.shown.append(f"[^{sign}]")
            line.notes.append(f"[^{sign}]: {text}")

    def _elsewhere(self, node: Any, line: _Line, hidden: bool) -> None:
        line.after += self._embedded(node)

    def _drawing(self, node: Any, line: _Line, hidden: bool) -> None:
        before, self.concealed = self.concealed, self.concealed or hidden
        self._shapes(node, line)
        self.concealed = before

    def _shapes(self, node: Any, line: _Line) -> None:
        """Text boxes, texts of drawings and WordArt become blocks of their own after the paragraph."""
        for child in node:
            before = self.concealed
            if child.tag in (tag("wp:inline"), tag("wp:anchor")) or child.tag.startswith(tag("v:")):
                self.concealed = before or is_unseen(child)
            if child.tag == tag("w:txbxContent"):
                line.after += self.blocks(child)
            elif child.tag == tag("mc:AlternateContent"):
                self._shapes(chosen(child), line)
            elif child.tag == tag("a:p"):
                self._drawn("".join(each.text or "" for each in child.iter(tag("a:t"))), line)
            elif child.tag == tag("v:textpath"):
                self._drawn(child.get("string", ""), line)
            else:
                if child.tag == tag("a:graphicData"):
                    for text in self.around.related(child):
                        self._drawn(text, line)
                self.around.hide(child.get("descr", ""), "")
                self._shapes(child, line)
            self.concealed = before

    def _drawn(self, text: str, line: _Line) -> None:
        if self.concealed:
            self.around.hide(text, HIDDEN)
        elif text.strip():
            line.after.append(Paragraph(text))


def _goes_on(paragraph: Any) -> bool:
    """Whether the next paragraph stands in the same line: behind a deleted end, or a large first letter."""
    mark, frame = at(paragraph, "w:pPr", "w:rPr"), at(paragraph, "w:pPr", "w:framePr")
    if frame is not None and frame.get(tag("w:dropCap"), "none") != "none":
        return True
    return any(at(mark, name) is not None for name in ("w:del", "w:moveFrom"))


_INLINE: dict[str, Callable[[Story, Any, _Line, bool], None]] = {
    tag("w:fldChar"): Story._field,
    tag("w:sym"): Story._symbol,
    tag("mc:AlternateContent"): Story._alternatives,
    tag("w:ruby"): Story._ruby,
    tag("m:oMath"): Story._equation,
    tag("m:oMathPara"): Story._equation,
    tag("w:footnoteReference"): Story._note,
    tag("w:endnoteReference"): Story._note,
    tag("w:subDoc"): Story._elsewhere,
    tag("w:altChunk"): Story._elsewhere,
    tag("w:drawing"): Story._drawing,
    tag("w:pict"): Story._drawing,
    tag("w:object"): Story._drawing,
}
