from collections.abc import Iterator
from html import escape

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose
from tests.adapters.parsers.office_files import open_document

_NUMBERS = (
    '<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="{}" '
    'style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="1" '
    'text:display-levels="2"/></text:list-style>'
)
_HIDDEN = '<style:style style:name="off"><style:text-properties text:display="none"/></style:style>'


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose = Prose(seed + number)
        blocks = [prose.random.choice(_BLOCKS)(prose) for _ in range(prose.random.randint(4, 30))]
        body, words = "".join(xml for xml, _ in blocks), " ".join(text for _, text in blocks)
        styles = _HIDDEN + _NUMBERS.format("1")
        yield MadeDocument(f"text-{number}.odt", open_document("text", body, styles), words)


def _heading(prose: Prose) -> tuple[str, str]:
    text = prose.title()
    return f'<text:h text:outline-level="{prose.random.randint(1, 4)}">{text}</text:h>', text


def _paragraph(prose: Prose) -> tuple[str, str]:
    before, inside, after = prose.words(3), prose.words(2), prose.paragraph()
    hidden = f'<text:span text:style-name="off">{prose.words(2)}</text:span>'
    xml = f"{before}<text:s text:c='3'/><text:span>{inside}</text:span><text:tab/>{hidden if prose.chance(0.2) else ''}"
    return f"<text:p>{xml}{after}</text:p>", f"{before} {inside} {after}"


def _list(prose: Prose) -> tuple[str, str]:
    items = [prose.sentence() for _ in range(3)]
    inner = f"<text:list><text:list-item><text:p>{items[2]}</text:p></text:list-item></text:list>"
    xml = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in items[:2])
    return f"<text:list>{xml}<text:list-item>{inner}</text:list-item></text:list>", " ".join(items)


def _table(prose: Prose) -> tuple[str, str]:
    rows = prose.table(prose.random.randint(1, 6), 3)
    cells = (f"<table:table-cell><text:p>{escape(cell)}</text:p></table:table-cell>" for row in rows for cell in row)
    lines = ["".join(next(cells) for _ in row) for row in rows]
    xml = f"<table:table-header-rows><table:table-row>{lines[0]}</table:table-row></table:table-header-rows>"
    xml += "".join(f"<table:table-row>{line}</table:table-row>" for line in lines[1:])
    return f"<table:table>{xml}</table:table>", " ".join(cell for row in rows for cell in row)


def _note(prose: Prose) -> tuple[str, str]:
    text, note = prose.sentence(), prose.sentence()
    xml = f"<text:note-citation>1</text:note-citation><text:note-body><text:p>{note}</text:p></text:note-body>"
    return f"<text:p>{text}<text:note>{xml}</text:note></text:p>", f"{text} 1 {note}"


def _box(prose: Prose) -> tuple[str, str]:
    text, beside = prose.sentence(), prose.sentence()
    frame = f"<draw:frame><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"
    return f"<text:section><text:p>{frame}{beside}</text:p></text:section>", f"{text} {beside}"


def _numbered(prose: Prose) -> tuple[str, str]:
    """Two items, of which the first holds another list, and one that goes on behind a paragraph."""
    first, within, second, between, third = (prose.sentence() for _ in range(5))
    item = "<text:list-item><text:p>{}</text:p>{}</text:list-item>".format
    body = item(first, f"<text:list>{item(within, '')}</text:list>") + item(second, "")
    xml = f'<text:list text:style-name="N">{body}</text:list><text:p>{between}</text:p>'
    xml += f'<text:list text:style-name="N" text:continue-numbering="true">{item(third, "")}</text:list>'
    return xml, f"1 {first} 1.1 {within} 2 {second} {between} 3 {third}"


_BLOCKS = (_heading, _paragraph, _paragraph, _list, _numbered, _table, _note, _box)
