from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from app.backup.domain import UNLOGGED, BackupManifest, DatabaseFacts, TableContent, differences, digest_of_chunks
from app.core.database import metadata
from app.core.errors import StartRefused
from app.identity import tables as _tables  # noqa: F401, it declares the table

AT = datetime(2026, 11, 22, tzinfo=UTC)


def content(rows: int, digest: str = "0") -> TableContent:
    return TableContent(rows=rows, digest=digest)


FACTS = DatabaseFacts(
    revision="0042",
    server=170000,
    tables={"answers": content(1200), "tickets": content(0)},
    audit_sequence=7,
    audit_hash="a" * 64,
    micro_usd=1_500_000,
    newest={"answers": AT},
    master_keys=("one",),
)
MANIFEST = BackupManifest(
    format=1, created_at=AT, service_version="1.0.0", bytes=3, digest=sha256(b"abc").hexdigest(), facts=FACTS
)


def test_a_database_does_not_differ_from_itself_nor_by_its_server_and_keys() -> None:
    assert list(differences(FACTS, FACTS)) == []
    other = FACTS.model_copy(update={"server": 180000, "newest": {}, "master_keys": ()})
    assert list(differences(FACTS, other)) == []
    assert FACTS.rows == 1200


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"revision": "0041"}, "the schema is at 0041 instead of 0042"),
        ({"tables": {"tickets": content(0)}}, "the table answers is missing"),
        ({"tables": {**FACTS.tables, "extra": content(0)}}, "the table extra is new"),
        ({"tables": {**FACTS.tables, "answers": content(1199, "1")}}, "answers has 1,199 rows instead of 1,200"),
        ({"tables": {**FACTS.tables, "answers": content(1200, "1")}}, "answers has other content"),
        ({"micro_usd": 0}, "the ledger adds up to 0 micro-dollars instead of 1,500,000"),
        ({"audit_sequence": 6}, "the audit log ends at line 6 instead of 7"),
        ({"audit_hash": "b" * 64}, "line 7 of the audit log has another hash"),
    ],
)
def test_what_is_not_as_it_was_is_one_clause(change: Mapping[str, Any], clause: str) -> None:
    assert list(differences(FACTS, FACTS.model_copy(update=dict(change)))) == [clause]


def test_rows_that_a_crash_may_take_are_not_compared() -> None:
    before, after = ({"rate_limits": TableContent(rows=rows, digest=str(rows))} for rows in (4, 0))
    facts = FACTS.model_copy(update={"tables": {**FACTS.tables, **before}})
    restored = FACTS.model_copy(update={"tables": {**FACTS.tables, **after}})
    assert list(differences(facts, restored)) == []
    assert {table.name for table in metadata.tables.values() if "unlogged" in table._prefixes} == UNLOGGED


def test_every_difference_is_named_and_tables_in_their_order() -> None:
    other = FACTS.model_copy(update={"tables": {"zebra": content(1)}, "micro_usd": 1, "audit_sequence": 8})
    assert [clause.partition(" is ")[0].partition(" adds ")[0] for clause in differences(FACTS, other)] == [
        "the table answers",
        "the table tickets",
        "the table zebra",
        "the ledger",
        "the audit log ends at line 8 instead of 7",
    ]


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert BackupManifest.parse(MANIFEST.model_dump_json(), "here") == MANIFEST


@pytest.mark.parametrize(
    "text", ["", "null", "{}", "\0", MANIFEST.model_dump_json()[:-1], '{"more": 1, ' + MANIFEST.model_dump_json()[1:]]
)
def test_what_is_no_manifest_is_refused_and_its_place_named(text: str) -> None:
    with pytest.raises(StartRefused, match=r"^/backups/1 is no manifest of a backup that this code can read"):
        BackupManifest.parse(text, "/backups/1")


@pytest.mark.parametrize("number", [0, 2])
def test_another_format_is_refused_with_both_numbers(number: int) -> None:
    text = MANIFEST.model_copy(update={"format": number}).model_dump_json()
    with pytest.raises(StartRefused, match=f"has format {number}, this code reads 1"):
        BackupManifest.parse(text, "here")


@pytest.mark.parametrize("chunks", [[], [b""], [b"abc"], [b"a", b"", b"bc"]])
def test_a_digest_does_not_depend_on_how_the_bytes_come(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert digest_of_chunks(iter(chunks)) == (sha256(whole).hexdigest(), len(whole))
