"""Validation of names, addresses and options of uploads."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.ingestion.domain.documents import (
    BadCursor,
    BadUpload,
    Cursor,
    UnsafeName,
    check_name,
    check_uri,
    upload_options,
)


@pytest.mark.parametrize("name", ["a.md", "Größe der Lampen.pdf", "v1..2.txt", "it's 100% fine.txt", "…"])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../a",
        "a/../b",
        "..\\a",
        "a\x00b",
        "a\nb",
        "..%2Fa",
        "%2fetc%2fpasswd",
        "a%00.md",
        "x" * 256,
        "caf\udce9",
        "\ud800",
        "a\x85b",
    ],
)
def test_an_unsafe_name_is_rejected(name: str) -> None:
    with pytest.raises(UnsafeName):
        check_name(name)


def test_an_address_may_be_a_path() -> None:
    assert check_uri("docs/how-to/rotate.md") == "docs/how-to/rotate.md"
    for uri in ("a\nb", "a\x7fb", "caf\udce9.txt", "x" * 1001):
        with pytest.raises(UnsafeName):
            check_uri(uri)


def test_groups_are_sorted_and_unique_and_none_differs_from_everybody() -> None:
    assert upload_options(None, ["b", "a", "b "], {}).access_groups == ("a", "b")
    assert upload_options(None, [" "], {}).access_groups == ()
    assert upload_options(None, None, {}).access_groups is None
    assert upload_options(None, [], {}).source == "upload"


@pytest.mark.parametrize(
    ("source", "groups", "metadata"),
    [("a\nb", [], {}), ("x" * 101, [], {}), (None, ["two words"], {}), (None, [], {"a": ["list"]})],
)
def test_invalid_options_of_a_batch_are_rejected(source: str | None, groups: list[str], metadata: dict) -> None:
    with pytest.raises(BadUpload):
        upload_options(source, groups, metadata)


def test_characters_that_cannot_be_stored_are_replaced_in_metadata() -> None:
    assert upload_options(None, [], {"ti\ud800tle": "The\0 lamp\udfff"}).metadata == {
        "ti\ufffdtle": "The\ufffd lamp\ufffd"
    }


def test_a_cursor_is_parsed_back() -> None:
    cursor = Cursor(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), UUID(int=7))
    assert Cursor.parse(cursor.text()) == cursor
    for broken in ("", "!!!", "YWJj", cursor.text()[:-6]):
        with pytest.raises(BadCursor):
            Cursor.parse(broken)
