"""A workbook becomes lines in which each cell stands with the name of its column, as a reader sees it."""

import datetime
import io
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Color, Font, GradientFill, PatternFill

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable, WordLoss
from tests.adapters.parsers.office_files import open_document, text_cells, xlsx

DATA = Path(__file__).parents[2] / "data"


def saved(book: Workbook, name: str = "fees.xlsx") -> ParsedDocument:
    out = io.BytesIO()
    book.save(out)
    return parse(out.getvalue(), name)


def lines(document: ParsedDocument) -> list[str]:
    return [line for line in document.text.split("\n") if line]


def rules(document: ParsedDocument) -> set[str]:
    return {finding.rule for finding in document.findings}


def test_values_stand_with_their_columns_as_they_are_shown() -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "Fees 2026"
    sheet.append(["Item", "Fee", "Share", "From", "Paid"])
    sheet.append(["Berth", 48.5, 0.25, datetime.date(2026, 3, 5), True])
    sheet.append(["Crane", 1234.5, 0.125, datetime.datetime(2026, 4, 1, 6, 30), False])
    for row in (2, 3):
        sheet.cell(row, 2).number_format = '#,##0.00 "€"'
        sheet.cell(row, 3).number_format = "0.0%"
    sheet["B2"].comment = Comment("Without tax", "Ann")
    book.create_sheet("Notes").append(["The crane is closed in winter."])
    document = saved(book)
    assert lines(document) == [
        "Fees 2026",
        "Columns: Item, Fee, Share, From, Paid",
        "Item: Berth; Fee: 48.50 €; Share: 25.0%; From: 2026-03-05; Paid: TRUE",
        "Item: Crane; Fee: 1,234.50 €; Share: 12.5%; From: 2026-04-01 06:30; Paid: FALSE",
        "Comment on B2: Without tax",
        "Notes",
        "The crane is closed in winter.",
    ]
    assert [heading.title for heading in document.headings] == ["Fees 2026", "Notes"]
    assert (document.title, document.loss, rules(document)) == ("fees", WordLoss(15, {}), set())


def test_merged_cells_are_filled_and_two_rows_of_names_are_joined() -> None:
    book = Workbook()
    sheet = book.active
    for row in (
        ["Doses of the ward"],
        [],
        ["Drug", "Dose", None, None],
        [None, "Child", "Adult", "Senior"],
        ["Alphazol", 5, 5, 2],
        [None, 6, None, 8],
    ):
        sheet.append(row)
    for area in ("A1:D1", "B3:D3", "A3:A4", "A5:A6"):
        sheet.merge_cells(area)
    assert lines(saved(book))[1:] == [
        "Doses of the ward",
        "Columns: Drug, Dose Child, Dose Adult, Dose Senior",
        "Drug: Alphazol; Dose Child: 5; Dose Adult: 5; Dose Senior: 2",
        "Drug: Alphazol; Dose Child: 6; Dose Senior: 8",
    ]


def test_a_title_above_the_names_and_a_second_table_below_are_told_apart() -> None:
    book = Workbook()
    sheet = book.active
    for row in (
        ["Inventory of the shed"],
        ["Tool", "Shelf", "Count"],
        ["Hammer", "A3", 12],
        ["Saw", None, 3],
        [],
        ["Colour", "Litres"],
        ["Red", 4],
    ):
        sheet.append(row)
    assert lines(saved(book))[1:] == [
        "Inventory of the shed",
        "Columns: Tool, Shelf, Count",
        "Tool: Hammer; Shelf: A3; Count: 12",
        "Tool: Saw; Count: 3",
        "Columns: Colour, Litres",
        "Colour: Red; Litres: 4",
    ]


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ([["Berths", 2024, 2025], ["North", 5, 6]], ["Columns: Berths, 2024, 2025", "Berths: North; 2024: 5; 2025: 6"]),
        ([["Item", "Price", "Price"], ["Rope", 5, 6]], ["Columns: Item, Price", "Item: Rope; Price: 5; Price: 6"]),
        ([[None, "Item", "Fee"], [0, "Rope", 5]], ["Columns: Item, Fee", "0; Item: Rope; Fee: 5"]),
        ([["Rope", 5], ["Saw", 6]], ["Rope; 5", "Saw; 6"]),
        ([["The berth is free."], ["Call the officer."]], ["The berth is free.", "Call the officer."]),
    ],
    ids=["years", "doubled names", "index", "no names", "sentences"],
)
def test_the_names_of_columns_are_told_by_their_shape(rows: list[list[object]], read: list[str]) -> None:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    assert lines(saved(book))[1:] == read


def test_what_a_reader_does_not_see_is_hidden_and_reported() -> None:
    book = Workbook()
    sheet = book.active
    for row in (["Item", "Fee", "Cost"], ["Berth", 48, 11], ["Secret", 1, 12], ["Crane", 9, 13], ["white", 7, 14]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet["A5"].font = Font(color="FFFFFFFF")
    sheet["B5"].number_format = ";;;"
    for name, state in (("Salaries", "hidden"), ("Keys", "veryHidden")):
        book.create_sheet(name).append([f"{name} of the boss"])
        book[name].sheet_state = state
    book["Keys"]["A1"].comment = Comment("Confidential", "Ann")
    document = saved(book)
    assert lines(document)[1:] == ["Columns: Item, Fee", "Item: Berth; Fee: 48", "Item: Crane; Fee: 9"]
    assert set(document.hidden.split()) >= {"Secret", "11", "white", "7", "Salaries", "Keys", "Confidential"}
    assert rules(document) == {"hidden_text"}
    assert document.loss == WordLoss(16, {})


NAVY = PatternFill("solid", fgColor="FF000040")


@pytest.mark.parametrize(
    ("font", "fill", "seen"),
    [
        (Font(color="FFF4F4F4"), None, False),
        (Font(color="FF000046"), NAVY, False),
        (Font(color=Color(theme=0)), None, False),
        (Font(color=Color(theme=0, tint=-0.05)), None, False),
        (Font(color=Color(theme=1, tint=0.95)), None, False),
        (Font(color=Color(indexed=9)), None, False),
        (Font(sz=1), None, False),
        (Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FFFEFEFE"), False),
        (Font(color="FFF4F4F4"), NAVY, True),
        (Font(color="FF808080"), None, True),
        (Font(color=Color(theme=0, tint=-0.5)), None, True),
        (Font(color=Color(theme=1)), None, True),
        (Font(color="FFFFFFFF"), PatternFill("darkGrid", fgColor="FF000040"), True),
        (Font(color="FFFFFFFF"), GradientFill(stop=("FFFFFFFF", "FF000040")), True),
        (Font(sz=6), None, True),
    ],
)
def test_a_cell_is_seen_by_the_colours_of_its_letters_and_its_fill(font: Font, fill: object, seen: bool) -> None:
    book = Workbook()
    book.active.append(["The berth is free.", "Secret"])
    book.active["B1"].font = font
    if fill is not None:
        book.active["B1"].fill = fill
    document = saved(book)
    assert ("Secret" in document.text, document.hidden) == (seen, "" if seen else "Secret")


def test_white_text_on_a_filled_cell_is_seen() -> None:
    book = Workbook()
    sheet = book.active
    for row in (["Zone", "Fee"], ["North", 3]):
        sheet.append(row)
    for cell in sheet[1]:
        cell.font, cell.fill = Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FF203864")
    assert "Columns: Zone, Fee" in saved(book).text


def test_the_title_of_a_chart_and_a_formula_without_a_value_are_read_and_reported() -> None:
    book = Workbook()
    sheet = book.active
    for row in (["Month", "Boats"], ["May", 3], ["June", "=B2*2"]):
        sheet.append(row)
    chart = BarChart()
    chart.title = "Boats by month"
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    sheet.add_chart(chart)
    document = saved(book)
    assert "Boats by month" in document.text
    assert "Month: June" in lines(document)
    assert rules(document) == {"uncalculated_cells"}


@pytest.mark.parametrize("main", ["xl/workbook.xml", "xl/book7.xml", "office/main.xml"])
def test_the_main_part_may_have_any_name(main: str) -> None:
    assert "Item: Berth" in parse(xlsx(text_cells(["Item", "Fee"], ["Berth", "a lot"]), main=main), "a.xlsx").text


def test_shared_and_formatted_strings_are_read_without_their_phonetic_reading() -> None:
    strings = '<sst xmlns="x"><si><r><t>Ber</t></r><r><t>th</t></r><rPh><t>bath</t></rPh></si></sst>'
    document = parse(xlsx('<row r="4"><c r="C4" t="s"><v>0</v></c></row>', strings=strings), "a.xlsx")
    assert lines(document) == ["Fees", "Berth"]
    assert document.loss == WordLoss(1, {})


def test_a_workbook_with_macros_and_links_is_read_and_says_so() -> None:
    links = (
        '<Relationships xmlns="x"><Relationship Id="a" Type="t/externalLinkPath" Target="file:///a.xlsx"'
        ' TargetMode="External"/><Relationship Id="b" Type="t/oleObject" Target="x.bin"/></Relationships>'
    )
    document = parse(xlsx(text_cells(["The berth is free."]), macros="x", links=links), "a.xlsm")
    assert rules(document) == {"macros", "external_links", "embedded_files"}
    assert "The berth is free." in document.text


def test_an_old_workbook_is_read_without_its_hidden_sheets() -> None:
    document = parse((DATA / "field-cases" / "xls-fees.xls").read_bytes(), "fees.xls")
    assert lines(document) == ["Fees", "Columns: Item, Fee, From", "Item: Berth; Fee: 48.5; From: 2026-03-05"]
    assert (document.hidden, rules(document)) == ("Hid Boss", {"hidden_text"})


def test_a_sheet_that_is_named_twice_is_read_once() -> None:
    again = '<sheet name="Again" sheetId="2" r:id="r1"/>'
    assert lines(parse(xlsx(text_cells(["The berth is free."]), sheets=again), "a.xlsx")) == [
        "Fees",
        "The berth is free.",
    ]


@pytest.mark.parametrize("rows", ['<row r="5"/><row r="2"/>', '<row r="5"/><row r="5"/>', '<row r="1048577"/>'])
def test_rows_out_of_order_or_beyond_the_last_are_refused(rows: str) -> None:
    with pytest.raises(Unparsable, match="not in order"):
        parse(xlsx(rows), "a.xlsx")


@pytest.mark.parametrize("macros", ["_VBA_PROJECT".encode("utf-16-le"), b"vbaProject.bin"])
def test_an_old_workbook_with_macros_says_so(macros: bytes) -> None:
    data = (DATA / "field-cases" / "xls-fees.xls").read_bytes() + macros
    assert rules(parse(data, "fees.xls")) == {"hidden_text", "macros"}


def ods(rows: str, **more: str) -> ParsedDocument:
    data = open_document("spreadsheet", f'<table:table table:name="Fees">{rows}</table:table>', **more)
    return parse(data, "fees.ods")


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def test_an_open_document_sheet_is_read_as_it_is_shown() -> None:
    spanned = cell("Berth", 'table:number-rows-spanned="2"')
    document = ods(
        f"<table:table-row>{cell('Item')}{cell('Share')}</table:table-row>"
        f"<table:table-row>{spanned}{cell('25 %')}</table:table-row>"
        f"<table:table-row><table:covered-table-cell/>{cell('30 %')}</table:table-row>"
        f'<table:table-row table:visibility="collapse">{cell("Secret")}{cell("1 %")}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
    )
    assert lines(document) == ["Fees", "Columns: Item, Share", "Item: Berth; Share: 25 %", "Item: Berth; Share: 30 %"]
    assert (document.hidden, rules(document), document.loss) == ("Secret 1 %", {"hidden_text"}, WordLoss(7, {}))


def test_a_repeated_row_or_cell_is_written_a_thousand_times_at_most() -> None:
    rows = f'<table:table-row table:number-rows-repeated="5000">{cell("Berth")}</table:table-row>'
    assert lines(ods(rows)).count("Berth") == 1_000
    wide = cell("Berth", 'table:number-columns-repeated="5000"')
    assert ods(f"<table:table-row>{wide}</table:table-row>").text.count("Berth") == 1_000


def test_a_hidden_open_document_sheet_is_hidden() -> None:
    style = '<style:style style:name="t1"><style:table-properties table:display="false"/></style:style>'
    body = (
        f'<table:table table:name="Shown"><table:table-row>{cell("Seen")}</table:table-row></table:table>'
        f'<table:table table:name="Gone" table:style-name="t1"><table:table-row>{cell("Unseen")}</table:table-row>'
        "</table:table>"
    )
    document = parse(open_document("spreadsheet", body, style), "a.ods")
    assert (lines(document), document.hidden) == (["Shown", "Seen"], "Gone Unseen")
