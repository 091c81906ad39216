from typing import Any

from sqlalchemy import (
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

from app.core.database import metadata


class HalfVector(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "halfvec"


class SparseVector(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "sparsevec"


ischema_names |= {"halfvec": HalfVector, "sparsevec": SparseVector}


def _scope_columns() -> list[Column[Any]]:
    """The columns of every table of chunks. `gone` is null while the chunk is in the newest corpus version."""
    return [
        Column("tenant_id", Uuid, nullable=False),
        Column("index_number", Integer, nullable=False),
        Column("document_id", Uuid, nullable=False),
        Column("appeared", Integer, nullable=False),
        Column("gone", Integer),
    ]


indexes = Table(
    "indexes",
    metadata,
    Column("number", Integer, Identity(), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("chunker", Text, nullable=False),
    Column("chunker_params", JSONB, nullable=False),
    Column("text_search", Text, nullable=False),
    Column("mean_length", REAL, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ready_at", DateTime(timezone=True)),
    UniqueConstraint("id"),
    CheckConstraint("status in ('building', 'ready', 'live', 'retired')", name="status"),
)

index_switches = Table(
    "index_switches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("from_number", Integer, ForeignKey("indexes.number")),
    Column("to_number", Integer, ForeignKey("indexes.number"), nullable=False),
    Column("switched_at", DateTime(timezone=True), nullable=False),
)

corpora = Table(
    "corpora",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
)

corpus_versions = Table(
    "corpus_versions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("index_number", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("chunks", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

access_counts = Table(
    "access_counts",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("index_number", Integer, primary_key=True, autoincrement=False),
    Column("access_groups", ARRAY(Text), primary_key=True),
    Column("chunks", Integer, nullable=False),
)

# `versions` and `counts` are a change log: from corpus version versions[i] on, counts[i] chunks contain the term.
term_stats = Table(
    "term_stats",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("index_number", Integer, primary_key=True, autoincrement=False),
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("versions", ARRAY(Integer), nullable=False),
    Column("counts", ARRAY(Integer), nullable=False),
)

indexed_documents = Table(
    "indexed_documents",
    metadata,
    Column("document_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("access_groups", ARRAY(Text), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("headings", JSONB, nullable=False),
    Column("flags", ARRAY(Text), nullable=False, server_default="{}"),
    Index("ix_indexed_documents_tenant_id", "tenant_id", "document_id"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", Uuid, primary_key=True),
    *_scope_columns(),
    Column("document_version", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start_at", Integer, nullable=False),
    Column("end_at", Integer, nullable=False),
    Column("headings", ARRAY(Text), nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_chunks_document_id", "document_id"),
)

chunk_terms = Table(
    "chunk_terms",
    metadata,
    Column("chunk_id", Uuid, primary_key=True),
    *_scope_columns(),
    Column("access_groups", ARRAY(Text)),
    Column("keys", ARRAY(Integer), nullable=False),
    Column("weights", SparseVector, nullable=False),
    Index("ix_chunk_terms_document_id", "document_id"),
)

chunk_vectors = Table(
    "chunk_vectors",
    metadata,
    Column("chunk_id", Uuid, primary_key=True),
    *_scope_columns(),
    Column("access_groups", ARRAY(Text)),
    Column("embedding", HalfVector, nullable=False),
    Index("ix_chunk_vectors_document_id", "document_id"),
    Index("ix_chunk_vectors_tenant_id", "tenant_id", "index_number"),
)
