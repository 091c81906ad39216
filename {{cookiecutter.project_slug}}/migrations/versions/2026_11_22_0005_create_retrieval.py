"""Indexes, the documents in them, their chunks as text, as terms and as vectors, and the search over them."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import UserDefinedType

from app.core.rls import CURRENT_TENANT, SERVICE_ROLE, shared_table, tenant_table

revision = "0005"
down_revision = "0004"

SQL = Path(__file__).parent.parent / "sql" / "0005_retrieval.sql"


class Raw(UserDefinedType[str]):
    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def upgrade() -> None:
    _indexes()
    _corpora()
    _documents()
    _chunks()
    for table in ("chunk_terms", "chunk_vectors"):
        _owner_reads(table)
    op.get_bind().exec_driver_sql(SQL.read_text(encoding="utf-8").replace("%", "%%"))
    search = "retrieval_search(int, int, regconfig, text, halfvec, text[], int, real, int, int, int)"
    for function in (search, "retrieval_tenants()"):
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {SERVICE_ROLE}")


def _indexes() -> None:
    op.create_table(
        "indexes",
        sa.Column("number", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("embedder", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("chunker", sa.Text, nullable=False),
        sa.Column("chunker_params", JSONB, nullable=False),
        sa.Column("text_search", sa.Text, nullable=False),
        sa.Column("mean_length", sa.REAL, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("number", name="pk_indexes"),
        sa.UniqueConstraint("id", name="uq_indexes_id"),
        sa.CheckConstraint("status in ('building', 'ready', 'live', 'retired')", name="ck_indexes_status"),
    )
    op.execute("create unique index sx_indexes_live on indexes ((true)) where status = 'live'")
    op.create_table(
        "index_switches",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("from_number", sa.Integer),
        sa.Column("to_number", sa.Integer, nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_switches"),
        sa.ForeignKeyConstraint(["from_number"], ["indexes.number"], name="fk_index_switches_from_number"),
        sa.ForeignKeyConstraint(["to_number"], ["indexes.number"], name="fk_index_switches_to_number"),
    )
    shared_table(op, "indexes", grants="select, insert, update (status, ready_at)")
    shared_table(op, "index_switches", grants="select, insert")


def _corpora() -> None:
    op.create_table(
        "corpora",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_corpora"),
    )
    op.create_table(
        "corpus_versions",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("index_number", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("tenant_id", "index_number", "version", name="pk_corpus_versions"),
    )
    op.create_table(
        "access_counts",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("index_number", sa.Integer, nullable=False),
        sa.Column("access_groups", ARRAY(sa.Text), nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "index_number", "access_groups", name="pk_access_counts"),
    )
    op.create_table(
        "term_stats",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("index_number", sa.Integer, nullable=False),
        sa.Column("key", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("versions", ARRAY(sa.Integer), nullable=False),
        sa.Column("counts", ARRAY(sa.Integer), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "index_number", "key", name="pk_term_stats"),
    )
    op.execute("alter table term_stats set (fillfactor = 80)")
    for table in ("corpora", "corpus_versions", "access_counts", "term_stats"):
        tenant_table(op, table, grants="select, insert, update, delete")
    # retrieval_tenants runs as the owner, whom forced row-level security binds like everybody else.
    op.execute("create policy owner_reads on corpora for select to current_user using (true)")


def _documents() -> None:
    op.create_table(
        "indexed_documents",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("access_groups", ARRAY(sa.Text), nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("headings", JSONB, nullable=False),
        sa.Column("flags", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("document_id", name="pk_indexed_documents"),
    )
    op.create_index("ix_indexed_documents_tenant_id", "indexed_documents", ["tenant_id", "document_id"])
    tenant_table(op, "indexed_documents", grants="select, insert, update, delete")


def _chunks() -> None:
    placed = lambda: [  # noqa: E731  a column object belongs to one table
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("index_number", sa.Integer, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("appeared", sa.Integer, nullable=False),
        sa.Column("gone", sa.Integer),
    ]
    op.create_table(
        "chunks",
        sa.Column("id", sa.Uuid, nullable=False),
        *placed(),
        sa.Column("document_version", sa.Integer, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("start_at", sa.Integer, nullable=False),
        sa.Column("end_at", sa.Integer, nullable=False),
        sa.Column("headings", ARRAY(sa.Text), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
    )
    op.create_table(
        "chunk_terms",
        sa.Column("chunk_id", sa.Uuid, nullable=False),
        *placed(),
        sa.Column("access_groups", ARRAY(sa.Text)),
        sa.Column("keys", ARRAY(sa.Integer), nullable=False),
        sa.Column("weights", Raw("sparsevec"), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name="pk_chunk_terms"),
    )
    op.create_table(
        "chunk_vectors",
        sa.Column("chunk_id", sa.Uuid, nullable=False),
        *placed(),
        sa.Column("access_groups", ARRAY(sa.Text)),
        sa.Column("embedding", Raw("halfvec"), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name="pk_chunk_vectors"),
    )
    for table in ("chunks", "chunk_terms", "chunk_vectors"):
        op.create_index(f"ix_{table}_document_id", table, ["document_id"])
    op.create_index("ix_chunk_vectors_tenant_id", "chunk_vectors", ["tenant_id", "index_number"])
    op.execute("create index sx_chunk_terms_keys on chunk_terms using gin (keys) with (fastupdate = off)")
    # Every candidate is read whole: out of line or compressed values would cost more than the search.
    op.execute("alter table chunk_terms alter keys set storage main, alter weights set storage main")
    op.execute("alter table chunk_vectors alter embedding set storage main")
    for table in ("chunk_terms", "chunk_vectors"):
        op.execute(f"alter table {table} set (toast_tuple_target = 8160, fillfactor = 90)")
    tenant_table(op, "chunks", grants="select, insert, update, delete")


def _owner_reads(table: str) -> None:
    """Row-level security for the service, not for the owner: see retrieval_search."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(
        f"create policy tenant_isolation on {table} "
        f"using (tenant_id = {CURRENT_TENANT}) with check (tenant_id = {CURRENT_TENANT})"
    )
    shared_table(op, table, grants="select, insert, update, delete")


def downgrade() -> None:
    op.execute(
        "do $$ begin execute (select string_agg('drop function if exists ' || oid::regprocedure || ' cascade', '; ') "
        "from pg_proc where proname like 'retrieval\\_%' and pronamespace = 'public'::regnamespace); end $$"
    )
    for table in ("chunk_vectors", "chunk_terms", "chunks", "indexed_documents", "term_stats", "access_counts"):
        op.drop_table(table)
    for table in ("corpus_versions", "corpora", "index_switches", "indexes"):
        op.drop_table(table)
