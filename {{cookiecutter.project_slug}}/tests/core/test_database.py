import asyncio
import traceback
from contextlib import AsyncExitStack, suppress
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app.core.database import AS_TENANT, Database, open_database
from app.core.embedded import EmbeddedPostgres, Urls
from app.core.errors import ConnectionsBusy, DatabaseUnavailable, StartRefused
from app.core.revisions import required
from app.core.schema import drift, migrate, verify
from app.wiring import State
from tests.conftest import ROOT
from tests.samples import total

SHORT_TIMEOUT = 0.2
TENANT = "select current_setting('app.tenant_id', true)"


async def test_the_tenant_of_a_transaction_does_not_outlive_it(database: Database, tenant: UUID) -> None:
    async with database.transaction(tenant) as connection:
        assert (await connection.execute(text(TENANT))).scalar() == str(tenant)
    for _ in range(20):
        async with database.transaction(None) as connection:
            assert (await connection.execute(text(TENANT))).scalar() in (None, "")


async def test_a_pipeline_is_one_transaction_of_one_tenant(database: Database, tenant: UUID) -> None:
    async with database.pipeline(tenant) as connection:
        first = await connection.execute("select count(*) from tenants")
        second = await connection.execute("select pg_current_xact_id()")
        third = await connection.execute("select pg_current_xact_id()")
    assert await first.fetchone() == (1,)
    assert await second.fetchone() == await third.fetchone()
    async with database.pool.connection() as connection:
        assert await (await connection.execute("select count(*) from tenants")).fetchone() == (0,)


async def test_a_failed_statement_undoes_the_whole_pipeline(database: Database, tenant: UUID) -> None:
    with pytest.raises(Exception, match="division by zero"):
        async with database.pipeline(tenant) as connection:
            await connection.execute(
                "insert into api_keys (id, tenant_id, name, prefix, digest, roles, groups) "
                "values (gen_random_uuid(), %s, 'x', 'undone', '', '{}', '{}')",
                (tenant,),
            )
            await connection.execute("select 1/0")
    async with database.read(tenant) as connection:
        assert (await connection.execute(text("select count(*) from api_keys"))).scalar() == 0


async def test_an_insert_takes_more_parameters_than_the_driver_remembers(database: Database, tenant: UUID) -> None:
    groups = [f"group-{number}" for number in range(70)]
    columns = "id, tenant_id, name, prefix, digest, roles, groups"
    values = f"gen_random_uuid(), %s, %s, %s, '', '{{}}', array[{', '.join(['%s'] * len(groups))}]"
    statement = f"{AS_TENANT} insert into api_keys ({columns}) select {values} from as_tenant"
    for name in ("first", "100%s"):
        await database.insert(tenant, statement, (tenant, name, name, *groups))
    async with database.read(tenant) as connection:
        rows = await connection.execute(text("select name, groups from api_keys order by name"))
        assert [tuple(row) for row in rows] == [("100%s", groups), ("first", groups)]


@pytest.mark.parametrize("ending", ["fails", "is cancelled", "is left half done"])
async def test_a_connection_of_the_hot_path_comes_back_clean_when_its_work(
    database_urls: Urls, tenant: UUID, ending: str
) -> None:
    opened, begun = await open_database(database_urls.service, 1), asyncio.Event()

    async def take() -> None:
        async with opened._pooled() as connection:
            await connection.execute("begin")
            await connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
            begun.set()
            if ending == "is left half done":
                raise LookupError
            await connection.execute("select 1/0" if ending == "fails" else "select pg_sleep(600)")

    try:
        for _ in range(3):  # more often than there are connections
            begun.clear()
            taking = asyncio.create_task(take())
            await begun.wait()
            if ending == "is cancelled":
                taking.cancel()
            with suppress(psycopg.Error, LookupError, asyncio.CancelledError):
                await taking
            async with opened._pooled() as connection:
                assert await (await connection.execute(TENANT)).fetchone() in ((None,), ("",))
    finally:
        await opened.close()


async def test_a_read_refuses_to_write(database: Database, tenant: UUID) -> None:
    with pytest.raises(Exception, match="read-only"):
        async with database.read(tenant) as connection:
            await connection.execute(text("update api_keys set revoked_at = now()"))


@pytest.mark.parametrize("statement", ["alter table api_keys disable row level security", "drop table api_keys"])
async def test_the_service_cannot_change_tables(database: Database, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="must be owner"):
        async with database.transaction(None) as connection:
            await connection.execute(text(statement))


OWNER_READS = {"chunk_terms", "chunk_vectors"}
"""Read by one function that runs as the owner and takes the tenant from the transaction; see migration 0005."""


async def test_every_table_with_a_tenant_is_under_row_level_security(database: Database) -> None:
    query = (
        "select c.relname, c.relrowsecurity, c.relforcerowsecurity from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' "
        "where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"
    )
    async with database.read(None) as connection:
        rows = (await connection.execute(text(query))).all()
    assert {row.relname for row in rows if not row.relrowsecurity} == set()
    assert {row.relname for row in rows if not row.relforcerowsecurity} == OWNER_READS


def test_tables_in_code_equal_the_migrated_schema(database_urls: Urls) -> None:
    assert drift(database_urls.owner, ROOT) == []


async def test_an_unavailable_database_is_a_503_and_not_a_500(nowhere: Urls) -> None:
    gone = await open_database(nowhere.service, 2)
    with pytest.raises(DatabaseUnavailable):
        async with gone.transaction(None):
            pass
    with pytest.raises(DatabaseUnavailable):
        await gone.ping()
    await gone.close()


@pytest.fixture
def short_pool_timeout(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short time-out for connections, because none becomes free in these tests."""
    monkeypatch.setattr("app.core.database.POOL_SECONDS", SHORT_TIMEOUT)
    monkeypatch.setattr(state.database.pool, "timeout", SHORT_TIMEOUT)
    monkeypatch.setattr(state.database.engine.pool, "_timeout", SHORT_TIMEOUT)


@pytest.mark.usefixtures("short_pool_timeout")
@pytest.mark.parametrize("lane", ["pool", "engine"])
async def test_a_full_pool_is_reported_as_such(database_urls: Urls, lane: str) -> None:
    opened = await open_database(database_urls.service, 2)

    async def take(database: Database, depth: int) -> None:
        if depth == 0:
            await (database.ping() if lane == "pool" else _look(database))
        elif lane == "pool":
            async with database.pipeline(UUID(int=1)):
                await take(database, depth - 1)
        else:
            async with database.transaction(None):
                await take(database, depth - 1)

    await take(opened, 1)
    with pytest.raises(ConnectionsBusy, match="All 2 database connections of this process"):
        await take(opened, 2)
    await take(opened, 1)
    await opened.close()


async def _look(database: Database) -> None:
    async with database.transaction(None) as connection:
        await connection.execute(text("select 1"))


@pytest.mark.usefixtures("short_pool_timeout")
async def test_readiness_reports_a_full_pool(state: State, client: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(state.settings.database_pool):
            await stack.enter_async_context(state.database.pipeline(UUID(int=1)))
        reply = await client.get("/health/ready")
    assert reply.status_code == 503
    assert "database connections of this process are in use" in reply.json()["checks"]["database"]
    assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.usefixtures("short_pool_timeout")
async def test_a_request_without_a_free_connection_gets_connections_busy(
    state: State, client: httpx.AsyncClient
) -> None:
    before = total("app_database_connections_busy_total")
    async with AsyncExitStack() as stack:
        for _ in range(state.settings.database_pool):
            await stack.enter_async_context(state.database.transaction(None))
        reply = await client.get("/v1/documents")
    assert (reply.status_code, reply.json()["code"]) == (503, "connections_busy")
    assert total("app_database_connections_busy_total") == before + 1
    assert reply.headers["retry-after"] == "1"


async def test_a_connection_that_the_server_closed_is_replaced(database_urls: Urls) -> None:
    opened = await open_database(database_urls.service, 1)
    async with opened.transaction(None) as connection:
        worker = await connection.scalar(text("select pg_backend_pid()"))
    async with await psycopg.AsyncConnection.connect(database_urls.owner, autocommit=True) as owner:
        await owner.execute("select pg_terminate_backend(%s, 5000)", (worker,))
    async with opened.transaction(None) as connection:
        assert await connection.scalar(text("select pg_backend_pid()")) != worker
    await opened.close()


async def test_a_start_as_a_role_that_bypasses_row_security_is_refused(database_urls: Urls) -> None:
    with pytest.raises(StartRefused, match="bypass row-level security"):
        await verify(database_urls.owner, ROOT)


async def test_an_older_and_a_newer_schema_are_refused_with_the_command(database_urls: Urls) -> None:
    async with await psycopg.AsyncConnection.connect(database_urls.owner, autocommit=True) as owner:
        found = await (await owner.execute("select version_num from alembic_version")).fetchone()
        assert found
        for other, words in (("0001", "run 'app migrate'"), ("9999", "newer than this code")):
            await owner.execute("update alembic_version set version_num = %s", (other,))
            await owner.execute("update schema_support set revision = 'of ' || revision")
            try:
                with pytest.raises(StartRefused, match=words):
                    await verify(database_urls.service, ROOT)
                if other == "9999":
                    with pytest.raises(StartRefused, match=words):
                        migrate(database_urls.owner, database_urls.service, ROOT)
            finally:
                await owner.execute("update alembic_version set version_num = %s", found)
                await owner.execute("update schema_support set revision = substr(revision, 4)")
    await verify(database_urls.service, ROOT)


def test_a_migration_renames_the_queued_jobs_of_renamed_kinds(embedded: EmbeddedPostgres) -> None:
    name = f"test_{uuid4().hex[:12]}"
    urls = embedded.urls(name)
    queue = "insert into procrastinate_jobs (queue_name, task_name, args) values ('any', %s, '{}')"
    old, new = ("review.take", "review.take_action", "webhooks.tell"), ("review.add_action", "review.add_answer")
    try:
        migrate(urls.owner, urls.service, ROOT, "0017")
        with psycopg.connect(urls.owner) as connection:
            connection.cursor().executemany(queue, [(each,) for each in (*old, "ingestion.process")])
        migrate(urls.owner, urls.service, ROOT)
        with psycopg.connect(urls.owner) as connection:
            names = {row[0] for row in connection.execute("select task_name from procrastinate_jobs")}
        assert names == {*new, "webhooks.send", "ingestion.process"}
    finally:
        embedded.drop(name)


def test_the_schema_migrates_down_to_nothing_and_up_again(embedded: EmbeddedPostgres) -> None:
    name = f"test_{uuid4().hex[:12]}"
    urls = embedded.urls(name)
    try:
        latest = " with ".join(required(ROOT))
        assert migrate(urls.owner, urls.service, ROOT) == (None, latest)
        assert migrate(urls.owner, urls.service, ROOT) == (latest, latest)
        assert migrate(urls.owner, urls.service, ROOT, "base") == (latest, None)
        assert migrate(urls.owner, urls.service, ROOT) == (None, latest)
        with pytest.raises(StartRefused, match="no revision 'nowhere'"):
            migrate(urls.owner, urls.service, ROOT, "nowhere")
    finally:
        embedded.drop(name)


async def test_no_parameter_of_a_failed_statement_is_in_its_traceback(database: Database) -> None:
    """They are texts of users, and tracebacks are logged."""
    said = uuid4().hex
    with pytest.raises(DBAPIError) as failed:
        async with database.transaction(None) as connection:
            await connection.execute(text("select cast(:said as text), 1 / :zero"), {"said": said, "zero": 0})
    assert "division by zero" in str(failed.value)
    assert said not in "".join(traceback.format_exception(failed.value))


async def test_how_long_a_connection_was_waited_for_is_noted(database: Database) -> None:
    database.waits.drain()
    async with database.pipeline(UUID(int=1)) as connection:
        await connection.execute("select 1")
    assert database.waits.drain() > 0
