"""The migration that adds the tenant to every key, on databases with rows in every table of tenants."""

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
from psycopg import sql

from app.core.embedded import Urls
from app.core.revisions import revisions
from app.core.schema import migrate
from tests.conftest import ROOT
from tests.core.test_grants import BareServer, server_at

BEFORE = revisions(ROOT)["0022"] or ""
SPACE = UUID(int=7)
SUBJECTS = {
    "action": "actions",
    "answer": "answers",
    "chunk": "chunks",
    "document": "documents",
    "identity": "identities",
    "item": "review_items",
    "ticket": "tickets",
}
TABLES = """
    select relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by relname
"""
COLUMNS = """
    select column_name::text, udt_name::text from information_schema.columns
    where table_schema = 'public' and table_name = %s and is_nullable = 'NO' order by ordinal_position
"""
CHECKS = """
    select conrelid::regclass::text, conname from pg_constraint
    where contype = 'c' and connamespace = 'public'::regnamespace and conname like 'ck\\_%'
"""
POLICIES = "select tablename, policyname, qual, with_check from pg_policies where schemaname = 'public' order by 1, 2"
GRAPH = "create index sx_vectors_1 on chunk_vectors using hnsw ((embedding::halfvec(2)) halfvec_ip_ops)"
FILE = "select relfilenode from pg_class where relname = 'sx_vectors_1'"
BUILDING = "select count(*) from pg_stat_progress_create_index where phase like '%old snapshots'"
UNFINISHED = """
    select (select count(*) from pg_class where relname like 'new\\_%')
        + (select count(*) from pg_index where not indisvalid)
        + (select count(*) from pg_constraint where not convalidated)
"""
PREVIOUS = (
    "insert into identities select * from identities on conflict (id) do nothing",
    "insert into indexed_documents select * from indexed_documents on conflict (document_id) do nothing",
    "insert into feedback select * from feedback on conflict (answer_id, key_id) do nothing",
    "insert into review_items select * from review_items on conflict (subject_id, kind) do nothing",
    "insert into quarantine select * from quarantine on conflict (document_id, version) where decision is null "
    "do nothing",
)


@pytest.fixture
def previous(database_urls: Urls) -> Iterator[BareServer]:
    with server_at(database_urls, BEFORE) as server:
        yield server


def moved(server: BareServer, target: str = "0022") -> None:
    migrate(server.url(server.owner), server.url(server.service), ROOT, target)


def fill(server: BareServer) -> None:
    """Two rows for each of two tenants in every table, with the foreign keys that belong to each other. Checks of
    content are dropped: they are not what is tested.
    """
    with psycopg.connect(server.url()) as connection:
        for table, check in connection.execute(CHECKS).fetchall():
            connection.execute(f"alter table {table} drop constraint {check}".encode())
        connection.execute("set session_replication_role = replica")
        release = connection.execute("insert into releases values ('r', 1, '{}', now()) returning id").fetchone()
        assert release
        for tenant in (uuid4(), uuid4()):
            connection.execute("insert into tenants values (%s, %s, now())", (tenant, str(tenant)))
            for number in (1, 2):
                for (table,) in connection.execute(TABLES).fetchall():
                    add(connection, table, tenant, number)
        connection.execute(GRAPH)


def scalar(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return int(row[0])


def add(connection: psycopg.Connection, table: str, tenant: UUID, number: int) -> None:
    columns = dict(connection.execute(COLUMNS, (table,)).fetchall())
    values = [value_of(table, column, kind, tenant, number) for column, kind in columns.items()]
    statement = sql.SQL("insert into {} ({}) values ({}) on conflict do nothing").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.SQL("%s::" + kind) for kind in columns.values()),
    )
    connection.execute(statement, values)


def value_of(table: str, column: str, kind: str, tenant: UUID, number: int) -> str:
    if column == "tenant_id":
        return str(tenant)
    if column == "release_id":
        return "r"
    subject = SUBJECTS.get(column.removesuffix("_id"), table if column == "id" else column)
    unique = uuid5(SPACE, f"{subject} {tenant} {number}")
    values = {
        "uuid": str(unique),
        "text": f"{column} {unique}",
        "bytea": str(unique),
        "timestamptz": "2026-11-01",
        "bool": "true",
        "jsonb": '{"kept": 1}',
        "halfvec": "[1, 2]",
        "sparsevec": "{1:1}/5",
    }
    return values.get(kind, "{}" if kind.startswith("_") else str(number))


def contents(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    found = {}
    for (table,) in connection.execute(TABLES).fetchall():
        query = f"select count(*), md5(string_agg(t::text, '' order by t::text)) from {table} t"
        row = connection.execute(query.encode()).fetchone()
        assert row
        found[table] = row
    return found


def test_every_row_policy_and_vector_index_is_what_it_was(previous: BareServer) -> None:
    fill(previous)
    with psycopg.connect(previous.url(), autocommit=True) as admin:
        rows, policies = contents(admin), admin.execute(POLICIES).fetchall()
        graph = admin.execute(FILE).fetchone()
        assert [table for table, (count, _) in rows.items() if count < 2] == []
        moved(previous)
        assert contents(admin) == rows
        assert admin.execute(POLICIES).fetchall() == policies
        assert admin.execute(FILE).fetchone() == graph, "the vectors were indexed anew"
        for statement in PREVIOUS:
            admin.execute(statement.encode())  # of a process of the version before, which is still serving
        moved(previous, BEFORE)
        assert contents(admin) == rows
        assert admin.execute(FILE).fetchone() == graph
        assert admin.execute(POLICIES).fetchall() == policies
        moved(previous)
        assert contents(admin) == rows


def test_rows_are_stored_while_their_new_key_is_built(previous: BareServer) -> None:
    """An old transaction keeps the build waiting, but nobody who writes."""
    fill(previous)
    moving = threading.Thread(target=moved, args=[previous])
    with psycopg.connect(previous.url()) as reader, psycopg.connect(previous.url(), autocommit=True) as admin:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from actions")
        moving.start()
        try:
            while not scalar(admin, BUILDING):
                assert moving.is_alive()
            with psycopg.connect(previous.url()) as writer:
                writer.execute("set lock_timeout = 1")
                writer.execute("update actions set reason = 'written meanwhile'")
        finally:
            reader.rollback()
            moving.join()
        assert scalar(admin, UNFINISHED) == 0
        assert scalar(admin, "select count(*) from actions where reason = 'written meanwhile'") == 4


def test_a_migration_that_was_interrupted_is_run_again(previous: BareServer) -> None:
    fill(previous)
    with psycopg.connect(previous.url(), autocommit=True) as admin:
        admin.execute("create unique index new_pk_answers on answers (tenant_id, id)")
        admin.execute("update pg_index set indisvalid = false where indexrelid = 'new_pk_answers'::regclass")
        admin.execute("create unique index new_pk_tickets on tickets (tenant_id, id)")
        admin.execute(
            "alter table ticket_notes add constraint fk_ticket_notes_tenant_id_ticket_id "
            "foreign key (tenant_id, ticket_id) references tickets (tenant_id, id) not valid"
        )
        admin.execute(
            "alter table legal_holds drop constraint pk_legal_holds, add constraint pk_legal_holds "
            "primary key (tenant_id, id)"
        )
        moved(previous)
        assert scalar(admin, UNFINISHED) == 0


def test_a_reference_to_another_tenants_row_stops_the_migration(previous: BareServer) -> None:
    """As the owner whom row-level security binds, who would otherwise see no rows and find nothing wrong."""
    fill(previous)
    with psycopg.connect(previous.url(), autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update feedback f set answer_id = a.id from answers a where a.tenant_id <> f.tenant_id")
    with pytest.raises(Exception, match="fk_feedback_tenant_id_answer_id"):
        moved(previous)


def test_a_new_database_has_none_of_the_keys_that_the_version_before_needs(database_urls: Urls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        assert connection.execute("select relname from pg_class where relname like 'sx_previous%'").fetchall() == []


def test_two_migrations_at_once_take_turns(previous: BareServer) -> None:
    """A waiting transaction, and an index that is built concurrently, would wait for each other."""
    fill(previous)
    errors: list[BaseException] = []

    def move() -> None:
        try:
            moved(previous)
        except BaseException as error:
            errors.append(error)

    both = [threading.Thread(target=move) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert errors == []
