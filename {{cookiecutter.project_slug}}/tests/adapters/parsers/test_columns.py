"""The columns of tables, which monitoring compares between versions and files."""

import pytest

from app.adapters.parsers.builder import MAX_COLUMNS
from app.adapters.parsers.child_protocol import decoded, encoded
from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.office_files import text_cells, xlsx


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.csv", "article,price\nlamp,12\n", ("article", "price")),
        ("a.csv", ";;\nArticle  no.;price\n1;12\n", ("Article no.", "price")),
        ("a.tsv", "article\tprice\nlamp\t12\n", ("article", "price")),
        ("a.csv", "lamp,12\nrope,3\n", ()),
        ("a.jsonl", '{"b": 1, "a": {"x": 2}}\n{"c": 3, "b": 4}\n', ("b", "a", "c")),
        ("a.jsonl", '{"id": 1, "title": "Lamp", "text": "It is lit."}\n', ("id", "title", "text")),
        ("a.jsonl", '[1, 2]\n"three"\n', ()),
        ("a.md", "| article | price |\n|---|---|\n| lamp | 12 |\n", ()),
    ],
)
def test_the_names_of_columns_come_out_of_the_parser_process(name: str, content: str, columns: tuple[str, ...]) -> None:
    assert decoded(encoded(parse(content.encode(), name))).columns == columns


def test_the_header_of_a_sheet_names_columns() -> None:
    data = xlsx(text_cells(["article", "price"], ["lamp", "twelve"], ["rope", "three"]))
    assert decoded(encoded(parse(data, "a.xlsx"))).columns == ("article", "price")


def test_names_are_shortened_and_not_without_end() -> None:
    fields = ", ".join(f'"{"x" * 300}{number}": 1' for number in range(MAX_COLUMNS + 9))
    assert parse(f"{{{fields}}}".encode(), "a.jsonl").columns == ("x" * 200,)
    fields = ", ".join(f'"field{number}": 1' for number in range(MAX_COLUMNS + 9))
    assert len(parse(f"{{{fields}}}".encode(), "a.jsonl").columns) == MAX_COLUMNS
