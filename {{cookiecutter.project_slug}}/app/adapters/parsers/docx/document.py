"""Reads a DOCX: its body, and the parts that the body refers to."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.archive import check_archive
from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.docx.blocks import Block, Embedded, Grid, Layout, flat
from app.adapters.parsers.docx.chunks import MAX_CHUNKS, MAX_DEPTH, Read, read_chunk, words_of_chunk
from app.adapters.parsers.docx.colours import Theme
from app.adapters.parsers.docx.formatting import Formatting
from app.adapters.parsers.docx.names import at, is_on, tag
from app.adapters.parsers.docx.numbering import Numbering
from app.adapters.parsers.docx.package import Package, Relation
from app.adapters.parsers.docx.story import Story, Surroundings
from app.adapters.parsers.docx.styles import Styles
from app.adapters.parsers.docx.table_styles import TableStyles
from app.adapters.parsers.docx.visibility import DocxVisibility
from app.adapters.parsers.docx.words import words_in
from app.adapters.parsers.drawings import chart_lines, diagram_lines
from app.adapters.parsers.list_numbers import formatted
from app.adapters.parsers.office import count_macros, relation_parts, report_macros, report_references
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument
from app.safety.domain.text import Finding

_EMBEDDED = "documents that are embedded in this one were left out"
_COMMENTS = "comments of reviewers were left out"
_TRACKED = "tracked changes were read as if they had been accepted"
_NOTES = {tag("w:footnoteReference"): "footnotes", tag("w:endnoteReference"): "endnotes"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LETTER = re.compile(r"[^\W\d_]")


def parse_docx(data: bytes, *, repair: bool) -> ParsedDocument:
    return with_word_loss(*_read(data))


def _read(data: bytes, within: tuple[str, ...] = (), taken: Counter[str] | None = None) -> Read:
    """within: the names of the files around this one, the outermost first. taken: counts the files that were read
    within the outermost one. Errors: Unparsable.
    """
    check_archive(data)
    package = Package(data)
    document = _Document(package, package.main_part(), within, Counter() if taken is None else taken)
    return document.read(), document.visible_words


@dataclass
class _Document:
    """name: of the main part. within, taken: as in `_read`."""

    package: Package
    name: str
    within: tuple[str, ...]
    taken: Counter[str]
    builder: TextBuilder = field(default_factory=TextBuilder)
    relations: dict[str, Relation] = field(init=False)
    root: Any = None
    settings: Any = None
    formatting: Formatting = field(init=False)
    notes: dict[str, "_Notes"] = field(init=False)
    chunks: dict[str, Read | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.package.xml(self.name)
        self.relations = self.package.relations(self.name)
        self.settings = self._root_of("settings")
        styles = Styles(self._root_of("styles"))
        theme_part = next(iter(self._targets("theme")), None)
        theme = Theme.of(self.root, self.settings, self.package.part(theme_part) if theme_part else None)
        visibility = DocxVisibility(styles, TableStyles(styles), theme)
        numbering = Numbering(self._root_of("numbering"), styles.numbering_style)
        self.formatting = Formatting(styles, visibility, numbering)
        self.notes = {kind: _Notes(self, kind) for kind in _NOTES.values()}

    def read(self) -> ParsedDocument:
        for block in self._story(self.root, self.relations).blocks(self.root):
            write(self.builder, block)
        for notes in self.notes.values():
            notes.hide_others()
        self._pages()
        self._comments()
        tracked = sum(1 for _ in self.root.iter(tag("w:ins"), tag("w:del"), tag("w:moveTo"), tag("w:moveFrom")))
        if tracked:
            self.builder.find(Finding("tracked_changes", _TRACKED, tracked))
        report_macros(self.builder, count_macros(self.package.names))
        listed = (self.package.xml(name) for name in relation_parts(self.package.names))
        report_references(self.builder, (root for root in listed if root is not None))
        title, metadata = self._facts()
        return self.builder.build("docx", title, metadata)

    def visible_words(self) -> Iterator[tuple[str, str]]:
        """With their places, read apart from the text."""
        yield from words_in(self.root)
        for kind in ("footnotes", "endnotes", "header", "footer", "chart", "diagramData"):
            for name in self._targets(kind):
                if (root := self.package.xml(name)) is not None:
                    yield from words_in(root, kind)
        for name in self._targets("aFChunk"):
            yield from words_of_chunk(self.chunks.get(name), self.package.part(name) or b"")

    def _story(self, root: Any, relations: dict[str, Relation], concealed: bool = False) -> Story:
        around = Surroundings(
            note=lambda mark: self.notes[_NOTES[mark.tag]].read(mark),
            related=lambda data: self._related(data, relations),
            embedded=lambda node: self._embedded(node, relations),
            hide=(lambda text, detail: self.builder.hide(text)) if concealed else self.builder.hide,
        )
        return Story(root, self.formatting, around, concealed)

    def _embedded(self, node: Any, relations: dict[str, Relation]) -> ParsedDocument | None:
        """The file that a part of the text refers to; None, and a finding, where it is left out."""
        relation = relations.get(node.get(tag("r:id"), ""))
        name = relation.target if relation is not None and relation.kind == "aFChunk" else None
        if name is not None and name not in self.chunks:
            self.chunks[name] = self._chunk(name)
        if name is None or (read := self.chunks[name]) is None:
            self.builder.find(Finding("embedded_documents", _EMBEDDED))
            return None
        return read[0]

    def _chunk(self, name: str) -> Read | None:
        data, within = self.package.part(name), (*self.within, name)
        self.taken["chunks"] += 1
        if not data or self.taken["chunks"] > MAX_CHUNKS or len(within) > MAX_DEPTH:
            return None
        return read_chunk(data, name, lambda inner: _read(inner, within, self.taken))

    def _related(self, data: Any, relations: dict[str, Relation]) -> Iterator[str]:
        """The text of a chart or a diagram that a drawing refers to."""
        for child in data:
            for name, lines in ((tag("r:id"), chart_lines), (tag("r:dm"), diagram_lines)):
                relation = relations.get(child.get(name, ""))
                if relation is not None and relation.kind in ("chart", "diagramData"):
                    root = self.package.xml(relation.target)
                    yield from lines(root) if root is not None else ()

    def _pages(self) -> None:
        """Headers and footers of pages, once each, after the text."""
        seen: set[str] = set()
        for name, kind, shown in self._page_parts():
            if (root := self.package.xml(name)) is None:
                continue
            story = self._story(root, self.package.relations(name), concealed=not shown)
            text = squeeze(" ".join(flat(block) for block in story.blocks(root)))
            if _LETTER.search(text) and text not in seen:
                self.builder.block(f"Page {kind}: {text}")
            else:
                self.builder.hide(text)
            seen.add(text)

    def _page_parts(self) -> Iterator[tuple[str, str, bool]]:
        """Each part with `header` or `footer`, and whether any page shows it."""
        shown: dict[str, bool] = {}
        even = is_on(at(self.settings, "w:evenAndOddHeaders"))
        for section in self.root.iter(tag("w:sectPr")):
            for_type = {"first": is_on(at(section, "w:titlePg")), "even": even}
            for reference in section.iter(tag("w:headerReference"), tag("w:footerReference")):
                relation = self.relations.get(reference.get(tag("r:id"), ""))
                if relation is not None and relation.target is not None:
                    now = for_type.get(reference.get(tag("w:type"), "default"), True)
                    shown[relation.target] = shown.get(relation.target, False) or now
        for kind in ("header", "footer"):
            for name in self._targets(kind):
                yield name, kind, shown.get(name, False)

    def _comments(self) -> None:
        root = self._root_of("comments")
        comments = list(root.iter(tag("w:comment"))) if root is not None else []
        for comment in comments:
            self.builder.hide(" ".join(each.text or "" for each in comment.iter(tag("w:t"))))
        if comments:
            self.builder.find(Finding("comments", _COMMENTS, len(comments)))

    def _facts(self) -> tuple[str, dict[str, str]]:
        relations = self.package.relations("").values()
        name = next((each.target for each in relations if each.kind == "core-properties"), None)
        root = self.package.xml(name)
        if root is None:
            return "", {}
        facts = {each.tag.rpartition("}")[2]: (each.text or "").strip() for each in root if isinstance(each.tag, str)}
        date = _DATE.match(facts.get("modified", ""))
        language = facts.get("language", "")[:2].lower()
        author = facts.get("creator", "")
        return facts.get("title", ""), {"author": author, "date": date[0] if date else "", "language": language}

    def _root_of(self, kind: str) -> Any:
        return next((root for name in self._targets(kind) if (root := self.package.xml(name)) is not None), None)

    def _targets(self, kind: str) -> list[str]:
        targets = (each.target for each in self.relations.values() if each.kind == kind)
        return list(dict.fromkeys(target for target in targets if target is not None))


class _Notes:
    """Footnotes or endnotes, which are read where the text refers to them."""

    def __init__(self, document: _Document, kind: str) -> None:
        self.document, self.kind = document, kind
        root = document._root_of(kind)
        self.unread = {} if root is None else {each.get(tag("w:id"), ""): each for each in root}
        name = next(iter(document._targets(kind)), "")
        self.relations = document.package.relations(name) if name else {}
        self.count = 0

    def read(self, mark: Any) -> tuple[str, str]:
        """The sign and the text of a note; no text when it was read before."""
        note = self.unread.pop(mark.get(tag("w:id"), ""), None)
        if note is None:
            return "", ""
        text = self._text(note, concealed=False)
        if mark.get(tag("w:customMarkFollows")) in ("1", "true", "on"):
            return "*", text
        self.count += 1
        return formatted(self.count, "decimal" if self.kind == "footnotes" else "lowerRoman"), text

    def hide_others(self) -> None:
        """Notes that the text does not refer to are on no page."""
        for note in self.unread.values():
            self.document.builder.hide(" ".join(each.text or "" for each in note.iter(tag("w:t"))))

    def _text(self, note: Any, concealed: bool) -> str:
        story = self.document._story(note, self.relations, concealed)
        return squeeze(" ".join(flat(block) for block in story.blocks(note)))


def write(builder: TextBuilder, block: Block) -> None:
    if isinstance(block, Layout):
        for inner in block.blocks:
            write(builder, inner)
        return
    if isinstance(block, Embedded):
        builder.include(block.document)
    elif isinstance(block, Grid):
        for number, line in enumerate(block.table.lines()):
            builder.block(line, separator="\n" if number else "\n\n")
    elif block.level:
        builder.heading(block.level, flat(block))
    elif block.is_item:
        builder.block(squeeze(flat(block)), separator="\n")
    else:
        builder.block(block.text)
    for note in block.notes:
        builder.block(note, separator="\n")
