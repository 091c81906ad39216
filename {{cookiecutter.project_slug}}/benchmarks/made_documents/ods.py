from collections.abc import Iterator

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose
from tests.adapters.parsers.office_files import open_document


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose = Prose(seed + number)
        sheets = [_sheet(prose, f"{prose.words(1)} {index}") for index in range(prose.random.randint(1, 3))]
        body, words = "".join(xml for xml, _ in sheets), " ".join(text for _, text in sheets)
        yield MadeDocument(f"sheets-{number}.ods", open_document("spreadsheet", body), words)


def _sheet(prose: Prose, name: str) -> tuple[str, str]:
    words, lines = [name], []
    for row in prose.table(prose.random.randint(2, 40), 4):
        number = f"{prose.random.randint(1, 9999)},50 €"
        comment = prose.sentence() if prose.chance(0.1) else ""
        hidden = bool(lines) and prose.chance(0.1) and not comment
        cells = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in (*row, number))
        if comment:
            note = f"<office:annotation><text:p>{comment}</text:p></office:annotation>"
            cells += f"<table:table-cell>{note}<text:p>{row[0]}</text:p></table:table-cell>"
            words += [row[0], comment]
        state = ' table:visibility="filter"' if hidden else ""
        lines.append(f"<table:table-row{state}>{cells}</table:table-row>")
        words += [] if hidden else [*row, number]
    lines.append('<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>')
    return f'<table:table table:name="{name}">{"".join(lines)}</table:table>', " ".join(words)
