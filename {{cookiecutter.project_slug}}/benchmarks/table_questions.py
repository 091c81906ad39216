"""Questions whose answer stands in one cell of a table, answered without a model, over four formats.

Run with `python -m benchmarks.table_questions`. A minute.
"""

import argparse
import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from docx import Document
from httpx import AsyncClient
from openpyxl import Workbook

from app.core.logging import configure_logging
from benchmarks.harness import arguments_of, client_of, service, worker, write

DATA = Path(__file__).parent / "data" / "table_questions.json"

Table = Sequence[Sequence[str]]


async def main(embedder: str, short: bool) -> None:
    configure_logging("WARNING", "console")
    data = json.loads(DATA.read_text(encoding="utf-8"))
    questions = data["questions"][:: 10 if short else 1]
    async with service(embedder=embedder) as state, client_of(state) as (client, _):
        async with worker(state):
            files = [("files", (name, file_of(name, rows))) for name, rows in data["tables"].items()]
            (await client.post("/v1/documents", files=files)).raise_for_status()
        outcomes = Counter[str]()
        for question, value in questions:
            outcome = await asked(client, question, value, data["tables"])
            outcomes[outcome] += 1
            if outcome != "row_with_its_header":
                print(outcome, "|", question, flush=True)
        refused = [await asked(client, question, "", {}) for question in data["unanswerable"]]
    result = {"embedder": embedder, "questions": len(questions), **outcomes}
    write(
        "table_questions",
        result | {"unanswerable": len(refused), "unanswerable_refused": refused.count("refused")},
        short,
    )


async def asked(client: AsyncClient, question: str, value: str, tables: dict[str, Table]) -> str:
    """Whether the answer quotes the row of the cell with the name of its column, cited from its file."""
    reply = (await client.post("/v1/answers", json={"question": question})).raise_for_status().json()
    if reply["status"] == "refused":
        return "refused"
    name, header, row, column = next(
        ((name, rows[0], row, row.index(value)) for name, rows in tables.items() for row in rows[1:] if value in row),
        ("", [], [], 0),
    )
    text, cited = reply["text"], {each["uri"] for each in reply["citations"]}
    if not row or value not in text or row[0] not in text or name not in cited:
        return "wrong"
    others = [each[0] for each in tables[name][1:] if each is not row and each[0] in text]
    if others:
        return "with_other_rows"
    return "row_with_its_header" if header[column] in text else "row_without_its_header"


def file_of(name: str, rows: Table) -> bytes:
    make = {"csv": _csv, "xlsx": _xlsx, "html": _html, "docx": _docx}
    return make[name.rpartition(".")[2]](rows)


def _csv(rows: Table) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _xlsx(rows: Table) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(list(row))
    book.save(out)
    return out.getvalue()


def _html(rows: Table) -> bytes:
    lines = [("th" if number == 0 else "td", row) for number, row in enumerate(rows)]
    cells = ("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in lines)
    return f"<!doctype html><title>Table</title><table>{''.join(f'<tr>{each}</tr>' for each in cells)}</table>".encode()


def _docx(rows: Table) -> bytes:
    document, out = Document(), io.BytesIO()
    document.add_paragraph("This page lists what can be ordered.")
    table: Any = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(out)
    return out.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", default="minilm")
    chosen = arguments_of(parser)
    asyncio.run(main(chosen.embedder, chosen.short))
