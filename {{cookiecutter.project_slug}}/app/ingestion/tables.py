from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger, Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, one_of, optional, primary_key, references, required
from app.core.database import metadata

blobs = Table(
    "blobs",
    metadata,
    *primary_key(tenant_id=Uuid, sha256=LargeBinary),
    *required(size=BigInteger, bytes=LargeBinary),
    *optional(key_version=Integer),
)

documents = Table(
    "documents",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(source=Text, uri=Text, title=Text, access_groups=ARRAY(Text), version=Integer),
    *optional(live_version=Integer),
    *required(created_at=Timestamp, updated_at=Timestamp),
    *optional(deleted_at=Timestamp),
    CheckConstraint("deleted_at is null or live_version is null", name="deleted"),
    CheckConstraint("live_version <= version", name="live_version"),
    Index(
        "uq_documents_address", "tenant_id", "source", "uri", unique=True, postgresql_where=text("deleted_at is null")
    ),
    Index("ix_documents_by_time", "tenant_id", "created_at", "id"),
)

document_versions = Table(
    "document_versions",
    metadata,
    *primary_key(tenant_id=Uuid, document_id=Uuid, version=Integer),
    *required(source=Text, name=Text, sha256=LargeBinary, size=BigInteger),
    *required(access_groups=ARRAY(Text), metadata=JSONB),
    *required(status=Text, attempt=Integer, released=ARRAY(Text), copy_of=Text),
    *optional(kind=Text, title=Text, language=Text, characters=Integer),
    *required(findings=JSONB),
    *optional(signature=ARRAY(BigInteger)),
    Column("columns", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *required(received_at=Timestamp, received_by=Text),
    *optional(ended_at=Timestamp),
    references(document_id="documents.id"),
    *one_of(status=("received", "processing", "published", "quarantined", "superseded", "discarded", "deleted")),
    Index(
        "uq_document_versions_content",
        "tenant_id",
        "source",
        "sha256",
        "access_groups",
        "copy_of",
        unique=True,
        postgresql_where=text("status in ('received', 'processing', 'published')"),
    ),
    Index(
        "uq_document_versions_published",
        "tenant_id",
        "document_id",
        unique=True,
        postgresql_where=text("status = 'published'"),
    ),
    Index("ix_document_versions_blob", "tenant_id", "sha256"),
    Index("ix_document_versions_by_time", "tenant_id", "received_at"),
)

source_access_rules = Table(
    "source_access_rules",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *primary_key(source=Text, uri=Text),
    *required(access_groups=ARRAY(Text), set_at=Timestamp, set_by=Text),
)
"""Who may read the documents of a source: at an address, below a folder or, as `*`, all of them."""

# Rows and not an array: under row-level security only leakproof operators, such as equality, may use an index.
document_bands = Table(
    "document_bands",
    metadata,
    *primary_key(tenant_id=Uuid, band=Integer, document_id=Uuid),
    references(document_id="documents.id"),
    Index("ix_document_bands_document", "document_id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(document_id=Uuid, version=Integer, reason=Text, detail=Text),
    *optional(duplicate_of=Uuid),
    *required(findings=JSONB, created_at=Timestamp),
    *optional(decision=Text, decided_at=Timestamp, decided_by=Text, note=Text),
    references(document_id="document_versions.document_id", version="document_versions.version"),
    *one_of(decision=("released", "discarded", "deleted", "superseded")),
    CheckConstraint(
        "(decision is null) = (decided_at is null) and (decision is null) = (decided_by is null)", name="who_and_when"
    ),
    Index(
        "uq_quarantine_open",
        "tenant_id",
        "document_id",
        "version",
        unique=True,
        postgresql_where=text("decision is null"),
    ),
    Index("ix_quarantine_by_time", "tenant_id", "created_at", "id"),
)
