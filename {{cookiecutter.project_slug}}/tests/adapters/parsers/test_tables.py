"""Tables and records become lines that name their fields, whatever the delimiter, the header and what stands above."""

import re

import pytest

from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.formulas import is_formula
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable, WordLoss
from tests.conftest import ROOT

FIELD_CASES = ROOT / "tests" / "data" / "field-cases"
DELIMITERS = {
    "commas in cells of a table with semicolons": ("A, B;C\nd, e;f\ng, h;i\n", "A, B: d, e; C: f"),
    "decimal commas": ("Item;Price\nLamp;1,50\nDesk;2,75\n", "Item: Lamp; Price: 1,50"),
    "decimal commas between tabs": ("Item\tPrice\nLamp\t1,50\nDesk\t2,75\n", "Item: Lamp; Price: 1,50"),
    "tabs": ("Item\tNote\nLamp\ta; b, c\nDesk\td\n", "Item: Lamp; Note: a; b, c"),
    "bars": ("Item|Note\nLamp|a, b\nDesk|c, d\n", "Item: Lamp; Note: a, b"),
    "semicolons in one column": ("Item,Tags\nLamp,a;b\nDesk,c;d\n", "Item: Lamp; Tags: a;b"),
    "quoted delimiters": ('Item;Note\n"a;b;c;d";"x"\n"e;f;g";"y"\n', "Item: a;b;c;d; Note: x"),
    "quotes after blanks": ('Item, Note\nLamp, "a, b"\nDesk, c\n', "Item: Lamp; Note: a, b"),
    "quoted line breaks": ('Item,Note\nLamp,"one\ntwo"\r\nDesk,three\n', "Item: Lamp; Note: one two"),
    "doubled quotes": ('Item,Note\nLamp,"5"" wide, old"\nDesk,x\n', 'Item: Lamp; Note: 5" wide, old'),
    "a named delimiter": ("sep=|\nItem|Note\nLamp|a,b\n", "Item: Lamp; Note: a,b"),
    "a named comma": ('"sep=,"\r\nItem,Note;more\nLamp,a;b\n', "Item: Lamp; Note;more: a;b"),
    "a named tab": ("SEP=\t\nItem\tNote\nLamp\tx\n", "Item: Lamp; Note: x"),
    "one column of prose": ("Question\nHow long, and why?\nWho pays\nWhere\n", "Question: How long, and why?"),
    "a mark before the header": ("\ufeffItem;Note\nLamp;x\n", "Item: Lamp; Note: x"),
    "rows of several lengths": ("a,b,c\n1,2,3\n1,2\n1,2,3,4\n", "a: 1; b: 2; c: 3; 4"),
    "comments among rows": ("Item,Note,Price\nLamp,x,1\n# new, since May\nDesk,y,2\n", "\n# new; since May\n"),
    "a source below": ("Item,Note,Price\nLamp,x,1\nDesk,y,2\nSource: ministry\n", "\nSource: ministry"),
    "empty cells": ("A,B,C\n,x,\ny,,z\n", "B: x\nA: y; C: z"),
    "a header again": ("A,B\nc,d\nA,B\ne,f\n", "A: c; B: d\nA; B\nA: e; B: f"),
}
HEADERS = {
    "names": ("Name,City\nAna,Porto\n", "Name, City"),
    "an index without a name": (",name,age\n0,Ana,31\n1,Bo,44\n", "name, age"),
    "only an index beside it": (",name\n0,Ana\n1,Bo\n", "name"),
    "years": ("Region,2019,2020,2021\nNorth,5,7,9\nSouth,1,2,4\n", "Region, 2019, 2020, 2021"),
    "years without a corner": (",2019,2020\nNorth,5,7\nSouth,1,2\n", "2019, 2020"),
    "years apart": ("Region;1990;2000;2010\nNorth;5,1;7,2;9,3\n", "Region; 1990; 2000; 2010".replace(";", ",")),
    "numbered columns": ("Item,1,2,3\nLamp,4,6,9\nDesk,2,7,1\n", "Item, 1, 2, 3"),
    "numbered answers": ("Item,1,2\nLamp,good,bad\nDesk,bad,good\n", "Item, 1, 2"),
    "months": ("Item,2024-01,2024-02\nLamp,4,6\n", "Item, 2024-01, 2024-02"),
    "quarters": ("Item,Q1,Q2\nLamp,4,6\n", "Item, Q1, Q2"),
    "doubled names": ("Name,Score,Score\nAna,3,4\nBo,5,6\n", "Name, Score, Score"),
    "long questions": (f"Id,{'How happy ' * 12}?\n1,very\n2,not\n", f"Id, {'How happy ' * 12}?"),
    "an empty column": ("Name,,City\nAna,,Porto\nBo,,Lund\n", "Name, City"),
    "a title": ("Stock report\nPrinted on 3 May\n\nTool,Shelf\nSaw,A3\nAxe,B1\n", "Tool, Shelf"),
    "a title in a row": ("Stock report,,\n,,\nTool,Shelf,Count\nSaw,A3,2\nAxe,B1,3\n", "Tool, Shelf, Count"),
    "fields above": ("Printed,3 May\nBy,Bo\n\nTool,Shelf,Count\nSaw,A3,2\nAxe,B1,3\nBit,C1,4\n", "Tool, Shelf, Count"),
    "comments": ("# made by a tool, daily\n# version 2\nTool,Shelf\nSaw,A3\nAxe,B1\n", "Tool, Shelf"),
    "a number sign": ("#,Name,Age\n1,Ana,31\n2,Bo,44\n", "#, Name, Age"),
    "a commented header": ("#id,Name\n1,Ana\n2,Bo\n", "#id, Name"),
}  # fmt: skip
HEADLESS = {
    "numbers": "Ana,31,Porto\nBo,44,Lund\n",
    "dates": "2024-01-02,Ana\n2024-01-03,Bo\n",
    "codes": "A3,Hammer\nB7,Chisel\n",
    "addresses": "ana@example.org,Porto\nbo@example.org,Lund\n",
    "years of lives": "Ana,1950,2001\nBo,1962,2010\n",
    "a value again": "red,small\nblue,small\nred,large\n",
    "sentences": "The lamp is lit.\nThe desk is old.\n",
    "an amount": "Lamp;1 250,00 €\nDesk;90,00 €\n",
}
# Three blanks or a line end stand between two cells.
FORMULAS = r"""
=1+1   =A1   =SUM(A1:A9)   =cmd|' /C calc'!A0   = HYPERLINK("http://x", "y")   =5   =total   =-A1   ='x'!A1
="a"&B2   =IMPORTXML(CONCAT("http://x",A1),"//a")   ＝1+1   =@SUM(1)   ={1,2}   +cmd|' /C calc'!A0
-cmd|'/C calc'!A0   @cmd|' /C calc'!A0   -2+3+cmd|x   +2+5+cmd|' /C calc'!A0   +A1   -B12   +$A$1   -A1*3
+A1:B2   -SUM(A1:A3)   +sum(1,2)   @SUM(1+1)*cmd|' /C calc'!A0   @A1   +HYPERLINK("x")   -(A1+B1)
- SUM(A1:A3)   +-+SUM(1)   -=1+1   +=cmd|x   @IF(A1>0,1,2)   -1+SUM(A1)   +msexcel|'\..\x'!''
-WEBSERVICE(A1)   +'Sheet 1'!A1   +DDE("cmd";"/C calc";"x")   -FOO(1)
"""
NO_FORMULAS = r"""
-5   +5,5 %   -1.5e3   - 5   -   --   ---   +   =   ==   ===   @   +49 30 1234   +1 (555) 010-0199 ext. 12
+49 (0)30 / 1234-5   -1-2   - call the plumber (first floor)   - plumber(s)   -item(s) missing
- max(imum) effort   + two lamps   -2 lamps (old)   @home   @bo please   @bo (first floor)   @10:30
=> see next page   = as above   =) fine   -> next   - A4 paper   -B12 vitamin   +18 only   +/- 3   ±3
- yes|no   -yes|no   a=b   me@example.com   - see SUM(A1) there   -40 °C (night)   +1   '=1+1   - VAT (19 %)
+++   -5 to +3
"""


def table(text: str) -> ParsedDocument:
    document = parse(text.encode(), "a.csv")
    assert document.loss is not None
    assert document.loss.lost == {}, text
    return document


@pytest.mark.parametrize(("source", "line"), DELIMITERS.values(), ids=DELIMITERS)
def test_the_delimiter_is_what_cuts_the_rows_alike(source: str, line: str) -> None:
    assert line in table(source).text


@pytest.mark.parametrize(("source", "header"), HEADERS.values(), ids=HEADERS)
def test_a_header_is_known_by_its_shape(source: str, header: str) -> None:
    assert f"Columns: {header}\n" in table(source).text


@pytest.mark.parametrize("source", HEADLESS.values(), ids=HEADLESS)
def test_a_first_row_like_all_others_is_no_header(source: str) -> None:
    text = table(source).text
    assert "Columns" not in text
    assert len(text.splitlines()) == len(source.splitlines())


def test_what_stands_above_a_table_is_kept_and_its_first_line_is_the_title() -> None:
    document = table(HEADERS["a title"][0])
    assert document.title == "Stock report"
    assert document.text.startswith("Stock report\nPrinted on 3 May\n\nColumns: Tool, Shelf\nTool: Saw; Shelf: A3\n")


def test_a_formula_needs_something_that_a_spreadsheet_would_evaluate() -> None:
    formulas = [*re.split(r" {3}|\n", FORMULAS.strip()), "\t=1", "\r\n=1+1"]
    assert [cell for cell in formulas if not is_formula(cell)] == []
    assert [cell for cell in re.split(r" {3}|\n", NO_FORMULAS.strip()) if is_formula(cell)] == []


def test_every_word_of_a_table_is_counted() -> None:
    assert table('Item,Note\nLamp,"oil\nor gas"\n').loss == WordLoss(6, {})


FIELD = {
    "csv-pandas-index.csv": "0; name: Ana; age: 31; city: Porto",
    "csv-comma-in-semicolon-header.csv": "Muster, Ina; Ort, Land, Kontinent: Bern, Schweiz, Europa; Alter: 40",
    "csv-minus-note.csv": "Note: - call the plumber (first floor)\nDay: Tuesday; Note: +1 (555) 010-0199 ext. 12",
    "csv-preamble.csv": "Tool: Hammer; Shelf: A3; Count: 12",
    "jsonl-line-separator.jsonl": "High tide is at nine.\nLow tide is at three.",
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), FIELD.items(), ids=FIELD)
def test_a_table_from_the_field_is_read_whole(name: str, text: str) -> None:
    document = parse((FIELD_CASES / name).read_bytes(), name)
    assert text in document.text
    assert document.findings == ()
    assert document.loss is not None
    assert document.loss.lost == {}


def test_only_line_feeds_end_a_record() -> None:
    lines = ['{"title": "a", "text": "b\u2028c\u0085d\u000b"}', '{"title": "e", "text": "f"}\r', ""]
    document = parse("\n".join(lines).replace("\u000b", "\\u000b").encode(), "a.jsonl")
    assert [heading.title for heading in document.headings] == ["a", "e"]
    assert document.text.startswith("a\n\nb\nc\nd")


def test_the_strings_of_a_record_are_counted_apart_from_its_reader() -> None:
    record = '{"id": "x y", "text": "gr\\u00fcn \\"rot\\"", "text": "blau", "tags": ["a", {"b": "c"}]}'
    assert parse(record.encode(), "a.jsonl").loss == WordLoss(5, {"line 1": 2})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('[\n{"a": 1},\n{"a": 2}\n]\n', "one JSON array"),
        ('\n[{"a": 1}, {"a": 2}]\n', "one JSON array"),
        ('[{"a": 1},\n{"a": 2}]', "one JSON array"),
        ('{\n"a": 1\n}\n', "over several lines"),
        ('{"a": 1}\n{"a": \n', "Line 2 is not valid JSON"),
        ('["a"\n', "Line 1 is not valid JSON"),
    ],
)
def test_a_file_that_is_no_json_lines_is_told_what_to_do(source: str, reason: str) -> None:
    with pytest.raises(Unparsable, match=reason):
        parse(source.encode(), "a.jsonl")


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("a,b,c\n1,2\n3,4,5,6\n", ["Columns: a, b, c", "a: 1; b: 2", "a: 3; b: 4; c: 5; 6"]),
        (
            "Item,Price,Count\nBoat,5\nRope,3,4,in stock\n",
            ["Columns: Item, Price, Count", "Item: Boat; Price: 5", "Item: Rope; Price: 3; Count: 4; in stock"],
        ),
        (
            "Item;Price;Count\nBoat;5;1;x;y\nRope;3\nLamp;4;1;2\n",
            ["Columns: Item, Price, Count", "Item: Boat; Price: 5; Count: 1; x; y"],
        ),
    ],
)
def test_of_rows_of_all_lengths_the_first_names_the_columns(source: str, lines: list[str]) -> None:
    read = [line for line in parse(source.encode(), "a.csv").text.split("\n") if line]
    assert read[0] == lines[0]
    assert set(lines) <= set(read)
