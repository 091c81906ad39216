from typing import Any

from sqlalchemy import Column, ForeignKey, Identity, Index, Table, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import REAL, Boolean, Integer, LargeBinary, Text, UserDefinedType, Uuid

from app.core.columns import Timestamp, one_of, optional, primary_key, required
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
        *required(index_number=Integer, document_id=Uuid, appeared=Integer),
        *optional(gone=Integer),
    ]


indexes = Table(
    "indexes",
    metadata,
    Column("number", Integer, Identity(), primary_key=True),
    *required(id=Uuid, status=Text, embedder=Text, dimensions=Integer, chunker=Text),
    *required(chunker_params=JSONB, text_search=Text, mean_length=REAL, created_at=Timestamp),
    *optional(ready_at=Timestamp),
    Column("analyzer", Text, nullable=False, server_default="plain"),
    UniqueConstraint("id"),
    *one_of(status=("building", "ready", "live", "retired")),
)

index_switches = Table(
    "index_switches",
    metadata,
    *primary_key(id=Uuid),
    Column("from_number", Integer, ForeignKey("indexes.number")),
    Column("to_number", Integer, ForeignKey("indexes.number"), nullable=False),
    *required(switched_at=Timestamp),
)

corpora = Table(
    "corpora",
    metadata,
    *primary_key(tenant_id=Uuid),
    *required(version=Integer),
)

corpus_versions = Table(
    "corpus_versions",
    metadata,
    *primary_key(tenant_id=Uuid, index_number=Integer, version=Integer),
    *required(chunks=Integer),
    Column("at", Timestamp, nullable=False, server_default=func.now()),
)

access_counts = Table(
    "access_counts",
    metadata,
    *primary_key(tenant_id=Uuid, index_number=Integer, access_groups=ARRAY(Text)),
    *required(chunks=Integer),
)

# `versions` and `counts` are a change log: from corpus version versions[i] on, counts[i] chunks contain the term.
term_stats = Table(
    "term_stats",
    metadata,
    *primary_key(tenant_id=Uuid, index_number=Integer, key=Integer),
    *required(count=Integer, versions=ARRAY(Integer), counts=ARRAY(Integer)),
)

indexed_documents = Table(
    "indexed_documents",
    metadata,
    *primary_key(tenant_id=Uuid, document_id=Uuid),
    *required(version=Integer, title=Text, source=Text, uri=Text),
    *required(access_groups=ARRAY(Text), withdrawn=Boolean, text=Text, headings=JSONB),
    Column("flags", ARRAY(Text), nullable=False, server_default="{}"),
)

chunks = Table(
    "chunks",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *_scope_columns(),
    *required(document_version=Integer, ordinal=Integer, start_at=Integer, end_at=Integer),
    *required(headings=ARRAY(Text), text=Text),
    Index("ix_chunks_document_id", "document_id"),
)

# The chunk comes first in these keys, so that a search cannot be planned as a walk through all chunks of a tenant.
chunk_terms = Table(
    "chunk_terms",
    metadata,
    *primary_key(chunk_id=Uuid, tenant_id=Uuid),
    *_scope_columns(),
    *optional(access_groups=ARRAY(Text)),
    *required(keys=ARRAY(Integer), weights=SparseVector),
    Index("ix_chunk_terms_document_id", "document_id"),
)

chunk_vectors = Table(
    "chunk_vectors",
    metadata,
    *primary_key(chunk_id=Uuid, tenant_id=Uuid),
    *_scope_columns(),
    *optional(access_groups=ARRAY(Text)),
    *required(embedding=HalfVector),
    *optional(text_digest=LargeBinary),
    Index("ix_chunk_vectors_document_id", "document_id"),
    Index("ix_chunk_vectors_tenant_id", "tenant_id", "index_number"),
)
