"""Reads what a database holds, of all tenants, as a role that row-level security does not bind."""

from datetime import UTC, datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from app.backup.domain import DatabaseFacts, TableContent
from app.core.errors import StartRefused

TABLES: LiteralString = """
    select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1
"""
# The text of a row depends on the session.
SAME_TEXT: LiteralString = """
    set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex';
    set extra_float_digits = 1
"""
CONTENT: LiteralString = "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from {} t"
REVISIONS: LiteralString = "select string_agg(version_num, ' ' order by version_num) from alembic_version"
AUDIT_HEAD: LiteralString = "select sequence, hash from audit_log order by sequence desc limit 1"
LEDGER: LiteralString = "select coalesce(sum(micro_usd), 0)::bigint from ledger"
MASTER_KEYS: LiteralString = "select distinct master_key from tenant_keys where wrapped is not null order by 1"
NEWEST: dict[str, LiteralString] = {
    "answer": "select max(created_at) from answers",
    "charge": "select max(at) from ledger",
    "upload": "select max(received_at) from document_versions",
    "job": "select max(at) from procrastinate_events",
    "audit line": "select max(at) from audit_log",
}
CHUNK_COUNTS: LiteralString = """
    select v.tenant_id::text, v.index_number, v.chunks, count(c.id)
    from (select distinct on (tenant_id, index_number) * from corpus_versions
          order by tenant_id, index_number, version desc) v
    join indexes i on i.number = v.index_number and i.status in ('ready', 'live')
    left join chunks c on c.tenant_id = v.tenant_id and c.index_number = v.index_number and c.gone is null
    group by 1, 2, 3
"""


def connect(url: str) -> psycopg.Connection:
    """One transaction that sees one moment. Errors: StartRefused, when row-level security binds the role."""
    connection = psycopg.connect(url, prepare_threshold=None)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    row = connection.execute(
        "select rolsuper or rolbypassrls, current_user from pg_roles where rolname = current_user"
    ).fetchone()
    if row and not row[0]:
        connection.close()
        raise StartRefused(
            f"The role {row[1]} does not see the rows of all tenants: name one that does in APP_DATABASE_BACKUP_URL, "
            "made by a superuser with 'create role answers_backup login bypassrls' and 'grant pg_read_all_data'."
        )
    return connection


def export_snapshot(connection: psycopg.Connection) -> str:
    """The name under which pg_dump sees the same moment, as long as this transaction is open."""
    row = connection.execute("select pg_export_snapshot()").fetchone()
    return str(row[0]) if row else ""


def read_facts(connection: psycopg.Connection) -> DatabaseFacts:
    """Errors: StartRefused, for a database without the service's tables."""
    names = [str(name) for (name,) in connection.execute(TABLES)]
    if "alembic_version" not in names:
        raise StartRefused("The database holds no tables of this service; check DATABASE_URL.")
    connection.execute(SAME_TEXT)
    head = connection.execute(AUDIT_HEAD).fetchone()
    return DatabaseFacts(
        revision=str(_one(connection, REVISIONS)),
        server=connection.info.server_version // 10_000,
        tables={name: _content(connection, name) for name in names},
        audit_sequence=int(head[0]) if head else 0,
        audit_hash=str(head[1]) if head else "",
        micro_usd=int(str(_one(connection, LEDGER))),
        newest=_newest(connection),
        master_keys=tuple(str(name) for (name,) in connection.execute(MASTER_KEYS)),
    )


def _one(connection: psycopg.Connection, query: LiteralString) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _content(connection: psycopg.Connection, table: str) -> TableContent:
    [(rows, digest)] = connection.execute(sql.SQL(CONTENT).format(sql.Identifier(table))).fetchall()
    return TableContent(rows=int(rows), digest=str(digest))


def _newest(connection: psycopg.Connection) -> dict[str, datetime]:
    moments = {kind: _one(connection, query) for kind, query in NEWEST.items()}
    return {kind: at.astimezone(UTC) for kind, at in moments.items() if isinstance(at, datetime)}


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [str(name) for (name,) in connection.execute(TABLES)]


def analyse(url: str) -> None:
    """Statistics for the planner, which a backup does not hold."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")


def wrong_indexes(connection: psycopg.Connection) -> list[str]:
    """Indexes of tenants whose newest corpus version counts other chunks than there are."""
    rows = connection.execute(CHUNK_COUNTS)
    return [f"index {number} of tenant {tenant}" for tenant, number, counted, there in rows if counted != there]
