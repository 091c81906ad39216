"""Workbooks of two writers: openpyxl, and XlsxWriter for text boxes, rich strings and formulas with values."""

import io
from collections.abc import Iterator
from datetime import date, timedelta

import xlsxwriter
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose = Prose(seed + number)
        data, words = _of_openpyxl(prose) if number % 2 else _of_xlsxwriter(prose)
        yield MadeDocument(f"book-{number}.xlsx", data, " ".join(words))


def _of_openpyxl(prose: Prose) -> tuple[bytes, list[str]]:
    book, words = Workbook(), []
    book.remove(book.active)
    for index in range(prose.random.randint(1, 4)):
        name = f"{prose.words(1)} {index}"
        sheet = book.create_sheet(name)
        if hidden := index > 0 and prose.chance(0.2):
            sheet.sheet_state = "hidden"
        shown: list[str] = [] if hidden else words
        shown.append(name)
        if prose.chance(0.3):
            sheet.append([prose.sentence()])
            sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=4)
            shown.append(sheet["A1"].value)
        names = prose.table(0, 5)[0]
        sheet.append(names)
        top = sheet.max_row
        shown += names
        if prose.chance(0.3):
            for cell in sheet[top]:
                cell.font, cell.fill = Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FF203864")
        for _ in range(prose.random.randint(1, 30)):
            _write_row(prose, sheet, shown)
        if prose.chance(0.3):
            text = prose.sentence()
            sheet.cell(top + 1, 1).comment = Comment(text, "Ann")
            shown.append(text)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue(), words


def _write_row(prose: Prose, sheet: object, shown: list[str]) -> None:
    number, share = round(prose.random.uniform(-5_000, 90_000), 2), prose.random.randint(0, 100)
    day = date(2020, 1, 1) + timedelta(days=prose.random.randint(0, 3_000))
    label, flag = prose.words(2), prose.chance()
    hours, minutes = prose.random.randint(0, 90), prose.random.randint(0, 59)
    took, telephone = (hours * 60 + minutes) / 1440, prose.random.randint(1_000_000, 9_999_999)
    sheet.append([label, number, share / 100, day, flag, took, telephone])  # type: ignore[attr-defined]
    row = sheet.max_row  # type: ignore[attr-defined]
    sheet.cell(row, 2).number_format = "#,##0.00"  # type: ignore[attr-defined]
    sheet.cell(row, 3).number_format = "0%"  # type: ignore[attr-defined]
    sheet.cell(row, 6).number_format = "[h]:mm"  # type: ignore[attr-defined]
    sheet.cell(row, 7).number_format = "000-0000"  # type: ignore[attr-defined]
    if prose.chance(0.1):
        sheet.row_dimensions[row].hidden = True  # type: ignore[attr-defined]
    else:
        shown += [label, f"{number:,.2f}", f"{share}%", day.isoformat(), "TRUE" if flag else "FALSE"]
        shown += [f"{hours}:{minutes:02}", f"{telephone // 10_000}-{telephone % 10_000:04}"]


def _of_xlsxwriter(prose: Prose) -> tuple[bytes, list[str]]:
    out, words = io.BytesIO(), []
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_numbers": False})
    bold, euros = book.add_format({"bold": True}), book.add_format({"num_format": '0.0 "EUR"'})
    for index in range(prose.random.randint(1, 3)):
        name = f"{prose.words(1)} {index}"
        sheet = book.add_worksheet(name)
        table = prose.table(prose.random.randint(2, 40), prose.random.randint(2, 7))
        words += [name, *(cell for row in table for cell in row)]
        left = prose.random.randint(0, 3)
        for place, row in enumerate(table, prose.random.randint(0, 4)):
            sheet.write_row(place, left, row)
        below = place + 2
        rich = prose.words(2), prose.words(1)
        sheet.write_rich_string(below, 0, rich[0] + " ", bold, rich[1])
        sheet.write_formula(below, 1, "=1+1", euros, prose.random.randint(1, 900))
        sheet.write_formula(below + 1, 0, '="a"', None, text := prose.words(3))
        words += [*rich, text]
        if prose.chance(0.4):
            sheet.insert_textbox(below + 3, 1, box := prose.sentence())
            words.append(box)
        if prose.chance(0.4):
            sheet.merge_range(below + 6, 0, below + 8, 2, merged := prose.sentence())
            words.append(merged)
        if prose.chance(0.3):
            chart = book.add_chart({"type": "column"})
            chart.set_title({"name": (title := prose.title())})
            chart.add_series({"values": [name, 1, 1, 2, 1]})
            sheet.insert_chart(below + 9, 0, chart)
            words.append(title)
    book.close()
    return out.getvalue(), words
