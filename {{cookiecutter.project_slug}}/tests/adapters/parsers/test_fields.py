"""The longest field that the CSV reader takes is one number for all files that a process reads together."""

import csv
from collections.abc import Iterator

import pytest

from app.adapters.parsers.dispatch import parse


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


def test_a_field_longer_than_the_reader_takes_by_itself_comes_through() -> None:
    found = parse(b"a;b\n1;" + b"x" * 200_000 + b"\n", "a.csv")
    assert "x" * 200_000 in found.text


def test_a_small_file_does_not_lower_the_limit_of_a_large_one_that_is_being_read() -> None:
    csv.field_size_limit(5_000_000)
    parse(b"a;b\n1;2\n", "a.csv")
    assert csv.field_size_limit() == 5_000_000
