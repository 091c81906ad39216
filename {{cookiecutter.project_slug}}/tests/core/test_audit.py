"""Tampering by the owner of the tables: with the trigger disabled, any statement is possible."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core import audit
from app.core.audit import Act, Broken, Head, Line, Verified
from app.core.database import Database, open_database
from app.core.embedded import Urls
from app.core.telemetry import configure_tracing, current_trace_id, shutdown_tracing, span
from tests.conftest import FreshDatabase

NOW = datetime(2030, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
ALL = "sequence, at, actor, action, subject, before, after, reason, trace_id, tenant_id, previous, hash"


@pytest.fixture(scope="module")
def urls(fresh_database: FreshDatabase) -> Iterator[Urls]:
    """A separate database, because these tests corrupt the log."""
    with fresh_database() as made:
        yield made


@pytest_asyncio.fixture
async def database(urls: Urls) -> AsyncIterator[Database]:
    opened = await open_database(urls.service, 8)
    tamper(urls, "truncate audit_log")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def written(database: Database) -> Head:
    """Write nine lines; returns the exported head."""
    for number in range(1, 10):
        await write(database, f"thing {number}")
    async with database.read(None) as connection:
        head = await audit.head(connection)
    assert head is not None
    return head


def tamper(urls: Urls, *statements: str) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute("alter table audit_log disable trigger audit_log_frozen")
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute("alter table audit_log enable trigger audit_log_frozen")


async def write(database: Database, subject: str, **more: Any) -> int:
    async with database.transaction(None) as connection:
        return await audit.record(connection, Act("ana", "thing.change", subject, **more), NOW)


async def check(database: Database, exported: Head | None = None) -> Verified | Broken:
    async with database.read(None) as connection:
        return await audit.verify(connection, exported)


async def all_lines(database: Database) -> list[Line]:
    async with database.read(None) as connection:
        return [line async for line in audit.lines(connection)]


def forged(line: Line) -> str:
    """The statement that stores a line with a correct hash."""
    hashed = replace(line, hash=line.computed())
    return (
        f"insert into audit_log ({ALL}) values ({hashed.sequence}, '{hashed.at.isoformat()}', '{hashed.actor}', "
        f"'{hashed.action}', '{hashed.subject}', null, null, '{hashed.reason}', '', null, "
        f"'{hashed.previous}', '{hashed.hash}')"
    )


async def test_an_untouched_log_is_verified_up_to_its_head(database: Database, written: Head) -> None:
    assert written.sequence == 9
    assert await check(database) == Verified(9, written)
    assert await check(database, written) == Verified(9, written)


async def test_a_log_that_has_grown_since_still_fits_the_exported_head(database: Database, written: Head) -> None:
    await write(database, "later")
    result = await check(database, written)
    assert isinstance(result, Verified)
    assert result.lines == 10


async def test_an_empty_log_is_verified_and_has_no_head(database: Database) -> None:
    assert await check(database) == Verified(0, None)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'bob'",
        "action = 'thing.keep'",
        "subject = 'thing 55'",
        "before = 'x'",
        "after = 'x'",
        "reason = 'because'",
        "trace_id = 'f'",
        "at = at + interval '1 microsecond'",
        "tenant_id = '01234567-89ab-cdef-0123-456789abcdef'",
        "hash = repeat('a', 64)",
    ],
)
async def test_an_edited_line_is_reported(urls: Urls, database: Database, written: Head, change: str) -> None:
    tamper(urls, f"update audit_log set {change} where sequence = 5")
    result = await check(database)
    assert isinstance(result, Broken)
    assert (result.sequence, result.what.split(":")[0]) == (5, "was edited")


async def test_a_deleted_line_is_reported(urls: Urls, database: Database, written: Head) -> None:
    tamper(urls, "delete from audit_log where sequence = 4")
    assert await check(database) == Broken(4, "is missing: line 5 is the next")


async def test_a_deleted_line_is_reported_when_the_others_are_renumbered(
    urls: Urls, database: Database, written: Head
) -> None:
    shift = "update audit_log set sequence = sequence - {by} where sequence > {over}"
    tamper(
        urls,
        "delete from audit_log where sequence = 4",
        "update audit_log set sequence = sequence + 100 where sequence > 4",
        shift.format(by=101, over=100),
    )
    result = await check(database)
    assert isinstance(result, Broken)
    assert result.sequence == 4


async def test_a_deleted_first_line_is_reported(urls: Urls, database: Database, written: Head) -> None:
    tamper(urls, "delete from audit_log where sequence = 1")
    assert await check(database) == Broken(1, "is missing: line 2 is the next")


@pytest.mark.parametrize("correct_hash", [True, False])
async def test_an_inserted_line_is_reported(urls: Urls, database: Database, written: Head, correct_hash: bool) -> None:
    lines = await all_lines(database)
    inserted = replace(lines[3], sequence=5, subject="never happened", previous=lines[3].hash, hash="")
    statement = forged(inserted)
    if not correct_hash:
        statement = statement.replace(inserted.computed(), "b" * 64)
    tamper(
        urls,
        "update audit_log set sequence = sequence + 100 where sequence >= 5",
        "update audit_log set sequence = sequence - 99 where sequence >= 100",
        statement,
    )
    result = await check(database)
    assert isinstance(result, Broken)
    assert result.sequence == 5


async def test_a_line_forged_after_the_end_is_reported(urls: Urls, database: Database, written: Head) -> None:
    tamper(urls, forged(Line(10, NOW, "eve", "a.b", "c", None, None, "", "", None, "c" * 64, "")))
    assert await check(database) == Broken(10, "does not continue line 9")


async def test_two_swapped_lines_are_reported(urls: Urls, database: Database, written: Head) -> None:
    tamper(
        urls,
        "update audit_log set sequence = 100 where sequence = 3",
        "update audit_log set sequence = 3 where sequence = 6",
        "update audit_log set sequence = 6 where sequence = 100",
    )
    assert await check(database) == Broken(3, "was moved: it was written with another number")


async def test_two_lines_that_continue_the_same_one_are_reported(urls: Urls, database: Database, written: Head) -> None:
    last = (await all_lines(database))[-1]
    tamper(urls, forged(replace(last, sequence=10, subject="at the same time")))
    assert await check(database) == Broken(10, "continues line 8, as line 9 does")


async def test_a_cut_tail_is_found_with_the_exported_head_and_only_with_it(
    urls: Urls, database: Database, written: Head
) -> None:
    tamper(urls, "delete from audit_log where sequence > 6")
    assert isinstance(await check(database), Verified)
    assert await check(database, written) == Broken(7, "is missing: the exported head is line 9")


async def test_a_tail_that_was_cut_and_grown_again_is_found_with_the_exported_head(
    urls: Urls, database: Database, written: Head
) -> None:
    tamper(urls, "delete from audit_log where sequence > 6")
    for number in range(5):
        await write(database, f"instead {number}")
    assert isinstance(await check(database), Verified)
    result = await check(database, written)
    assert isinstance(result, Broken)
    assert (result.sequence, result.what.split(":")[0]) == (9, "is not the line that was exported")


async def test_an_emptied_log_is_found_with_the_exported_head(urls: Urls, database: Database, written: Head) -> None:
    tamper(urls, "truncate audit_log")
    assert await check(database, written) == Broken(1, "is missing: the exported head is line 9")


async def test_appends_at_once_make_one_chain_without_gaps(database: Database) -> None:
    sequences = await asyncio.gather(*(write(database, f"thing {number}") for number in range(60)))
    assert sorted(sequences) == list(range(1, 61))
    result = await check(database)
    assert isinstance(result, Verified)
    assert result.lines == 60


async def test_an_act_that_is_rolled_back_leaves_no_line_and_no_gap(database: Database, written: Head) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction(None) as connection:
            assert await audit.record(connection, Act("ana", "thing.change", "x"), NOW) == 10
            raise RuntimeError
    assert await write(database, "y") == 10
    assert isinstance(await check(database), Verified)


@pytest.mark.parametrize("statement", ["update audit_log set actor = 'x'", "delete from audit_log"])
async def test_the_service_itself_may_not_change_the_log(database: Database, written: Head, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(None) as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement", ["update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"]
)
def test_a_trigger_stops_changes_by_the_owner_of_the_table(urls: Urls, statement: str) -> None:
    with (
        psycopg.connect(urls.owner) as connection,
        pytest.raises(psycopg.errors.RestrictViolation, match="never changed or removed"),
    ):
        connection.execute(statement.encode())


async def test_characters_that_cannot_be_stored_are_replaced(database: Database) -> None:
    await write(database, "a\0b", reason="lone \ud800 surrogate, and ünïcödé")
    assert isinstance(await check(database), Verified)


async def test_a_page_of_a_tenant_holds_its_own_lines_and_none_of_the_service(database: Database) -> None:
    mine, other = uuid4(), uuid4()
    tenants: list[UUID | None] = [None, mine, other, mine, None]
    for number, tenant in enumerate(tenants, 1):
        await write(database, f"thing {number}", tenant_id=tenant)
    async with database.read(mine) as connection:
        newest = await audit.page(connection, 1)
        older = await audit.page(connection, 3, newest[-1].sequence)
    assert [line.sequence for line in newest] == [4]
    assert [line.sequence for line in older] == [2]
    async with database.read(None) as connection:
        assert len(await audit.page(connection, 10)) == 5


async def test_the_lines_of_other_tenants_are_continued_without_being_seen(database: Database) -> None:
    mine, other = uuid4(), uuid4()
    for tenant in (other, mine, other, mine):
        async with database.transaction(tenant) as connection:
            await audit.record(connection, Act("ana", "thing.change", "thing", tenant_id=tenant), NOW)
    async with database.read(mine) as connection:
        assert [line.sequence async for line in audit.lines(connection)] == [2, 4]
        assert (await audit.head(connection) or Head(0, "")).sequence == 4
    assert isinstance(await check(database), Verified)


async def test_a_line_for_another_tenant_is_rejected(database: Database) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(uuid4()) as connection:
            await audit.record(connection, Act("ana", "thing.change", "thing", tenant_id=uuid4()), NOW)


async def test_twenty_thousand_lines_are_verified_in_little_memory(urls: Urls, database: Database) -> None:

    line, rows = Line(0, NOW, "ana", "thing.change", "thing", None, None, "", "", None, "", audit.GENESIS), []
    for number in range(1, 20_001):
        line = replace(line, sequence=number, previous=line.hash)
        line = replace(line, hash=line.computed())
        rows.append(line)
    with psycopg.connect(urls.owner) as owner, owner.cursor().copy(f"copy audit_log ({ALL}) from stdin") as copy:
        for row in rows:
            copy.write_row(tuple(getattr(row, name) for name in ALL.split(", ")))
    del rows
    tracemalloc.start()
    result = await check(database)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(result, Verified)
    assert result.lines == 20_000
    assert most < 12_000_000


async def test_a_line_names_the_trace_in_which_it_was_written(database: Database) -> None:
    configure_tracing("none", 0, "test", "0", None)
    try:
        with span("request"):
            await write(database, "thing")
            trace_id = current_trace_id()
    finally:
        shutdown_tracing()
    (line,) = await all_lines(database)
    assert len(trace_id) == 32
    assert line.trace_id == trace_id
