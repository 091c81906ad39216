"""What a DOCX is read as: paragraphs, tables of data, and tables that arrange other blocks."""

from dataclasses import dataclass

from app.adapters.parsers.docx.tables import Table
from app.ingestion.domain.parsed_document import ParsedDocument


@dataclass(frozen=True, slots=True)
class Paragraph:
    """level: of a heading; 0 for none. marker: the number or bullet before it. notes: what its marks refer to."""

    text: str
    level: int = 0
    marker: str = ""
    notes: tuple[str, ...] = ()
    is_item: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A table that only arranges other blocks."""

    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of data with the notes of its cells."""

    table: Table
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file of another kind, read at its place."""

    document: ParsedDocument
    notes: tuple[str, ...] = ()


Block = Paragraph | Grid | Layout | Embedded


def flat(block: Block) -> str:
    """A block as a piece of a line."""
    if isinstance(block, Paragraph):
        return f"{block.marker} {block.text}" if block.marker and block.text.strip() else block.text
    if isinstance(block, Layout):
        return " ".join(map(flat, block.blocks))
    if isinstance(block, Embedded):
        return block.document.text
    return "; ".join(block.table.lines())


def notes_of(block: Block) -> tuple[str, ...]:
    if isinstance(block, Layout):
        return tuple(note for inner in block.blocks for note in notes_of(inner))
    return block.notes


def has_text(block: Block) -> bool:
    return bool(flat(block).strip())


def is_layout(rows: list[list[list[Block]]], columns: int) -> bool:
    """One column, or one row of cells of several blocks, or headings or tables in cells of a table with few rows."""
    if columns < 2:
        return True
    cells = [[block for block in blocks if has_text(block)] for row in rows for blocks in row]
    if any(isinstance(block, Paragraph) and block.level for blocks in cells for block in blocks):
        return True
    return len(rows) == 1 and any(len(blocks) > 1 for blocks in cells)
