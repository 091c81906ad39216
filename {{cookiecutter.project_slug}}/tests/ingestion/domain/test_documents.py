"""Validation of names, addresses and options of uploads."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingestion.domain.documents import (
    BadCursor,
    BadUpload,
    ContentKey,
    Cursor,
    UnsafeName,
    Upload,
    UploadResult,
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


def test_an_address_has_a_thousand_characters_at_most() -> None:
    assert check_uri("a" * 1000) == "a" * 1000
    with pytest.raises(UnsafeName, match=r"1,000"):
        check_uri("a" * 1001)


def test_a_file_is_unchanged_where_it_is_a_duplicate_of_its_own_document() -> None:
    assert UploadResult("a.md", "wiki", UUID(int=1), duplicate_of=UUID(int=1)).unchanged
    assert not UploadResult("a.md", "wiki", UUID(int=1), duplicate_of=UUID(int=2)).unchanged
    assert not UploadResult("a.md", "wiki", UUID(int=1)).unchanged
    assert not UploadResult("a.md", "wiki").unchanged


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


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_every_place_in_a_list_can_be_written_in_an_address(at: datetime, last: UUID) -> None:
    text = Cursor(at, last).text()
    assert Cursor.parse(text) == Cursor(at, last)
    assert text.replace("-", "").replace("_", "").isalnum()


def test_the_digest_of_a_file_is_of_its_bytes_and_not_of_its_name() -> None:
    assert Upload("a.md", b"words").digest == Upload("b.md", b"words", "docs/b.md").digest == sha256(b"words").digest()


def test_the_same_bytes_for_other_readers_are_another_content() -> None:
    digest = Upload("a.md", b"words").digest
    assert ContentKey(digest, ("staff",)) == ContentKey(digest, ("staff",))
    assert ContentKey(digest, ("staff",)) != ContentKey(digest, ())


@pytest.mark.parametrize("source", ["wiki", "team.docs:2026", "https://wiki/a-b", "two words", "x" * 100])
def test_a_source_has_a_plain_name(source: str) -> None:
    assert upload_options(f" {source} ", None, {}).source == source


def test_metadata_is_kept_short_and_as_text() -> None:
    long = upload_options(None, None, {"k" * 200: "v" * 3000, "year": 2026, "share": 0.5}).metadata
    assert long == {"k" * 100: "v" * 2000, "year": "2026", "share": "0.5"}
    upload_options(None, None, {str(number): number for number in range(50)})
    with pytest.raises(BadUpload, match="at most 50"):
        upload_options(None, None, {str(number): number for number in range(51)})
