from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.database import metadata

blobs = Table(
    "blobs",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("access_groups", ARRAY(Text), nullable=False),
    Column("version", Integer, nullable=False),
    Column("live_version", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("deleted_at", DateTime(timezone=True)),
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
    Column("document_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("access_groups", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("released", ARRAY(Text), nullable=False),
    Column("copy_of", Text, nullable=False),
    Column("kind", Text),
    Column("title", Text),
    Column("language", Text),
    Column("characters", Integer),
    Column("findings", JSONB, nullable=False),
    Column("signature", ARRAY(BigInteger)),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("received_by", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_document_versions_document"),
    CheckConstraint(
        "status in ('received', 'processing', 'published', 'quarantined', 'superseded', 'discarded', 'deleted')",
        name="status",
    ),
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
        "document_id",
        unique=True,
        postgresql_where=text("status = 'published'"),
    ),
    Index("ix_document_versions_blob", "tenant_id", "sha256"),
)

# Rows and not an array: under row-level security only leakproof operators, such as equality, may use an index.
document_bands = Table(
    "document_bands",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("band", Integer, primary_key=True),
    Column("document_id", Uuid, primary_key=True),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_document_bands_document"),
    Index("ix_document_bands_document", "document_id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("duplicate_of", Uuid),
    Column("findings", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("decision", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("note", Text),
    ForeignKeyConstraint(
        ["document_id", "version"],
        ["document_versions.document_id", "document_versions.version"],
        name="fk_quarantine_version",
    ),
    CheckConstraint("decision in ('released', 'discarded', 'deleted', 'superseded')", name="decision"),
    CheckConstraint(
        "(decision is null) = (decided_at is null) and (decision is null) = (decided_by is null)", name="who_and_when"
    ),
    Index("uq_quarantine_open", "document_id", "version", unique=True, postgresql_where=text("decision is null")),
    Index("ix_quarantine_by_time", "tenant_id", "created_at", "id"),
)
