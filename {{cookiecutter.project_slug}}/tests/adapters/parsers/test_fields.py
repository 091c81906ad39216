"""The field size limit of the CSV reader is global to the process."""

import csv
from collections.abc import Iterator

import pytest

from app.adapters.parsers.dispatch import parse


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


def test_a_field_longer_than_the_default_limit_is_read() -> None:
    document = parse(b"a;b\n1;" + b"x" * 200_000 + b"\n", "a.csv")
    assert "x" * 200_000 in document.text


def test_a_small_file_does_not_lower_the_limit() -> None:
    csv.field_size_limit(5_000_000)
    parse(b"a;b\n1;2\n", "a.csv")
    assert csv.field_size_limit() == 5_000_000
