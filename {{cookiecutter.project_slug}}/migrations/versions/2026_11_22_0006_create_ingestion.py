"""Documents, their versions, the bytes they came as, and what is held back with its reason."""

from alembic import op

from app.core.rls import tenant_table

revision = "0006"
down_revision = "0005"

TABLES = """
create table blobs (
    tenant_id uuid not null,
    sha256 bytea not null,
    size bigint not null,
    bytes bytea not null,
    constraint pk_blobs primary key (tenant_id, sha256)
);
alter table blobs alter column bytes set storage external;

create table documents (
    id uuid constraint pk_documents primary key,
    tenant_id uuid not null,
    source text not null,
    uri text not null,
    title text not null,
    access_groups text[] not null,
    version integer not null,
    live_version integer,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    constraint ck_documents_deleted check (deleted_at is null or live_version is null),
    constraint ck_documents_live_version check (live_version <= version)
);
create unique index uq_documents_address on documents (tenant_id, source, uri) where deleted_at is null;
create index ix_documents_by_time on documents (tenant_id, created_at, id);

create table document_versions (
    document_id uuid not null constraint fk_document_versions_document references documents (id),
    version integer not null,
    tenant_id uuid not null,
    source text not null,
    name text not null,
    sha256 bytea not null,
    size bigint not null,
    access_groups text[] not null,
    metadata jsonb not null,
    status text not null,
    attempt integer not null,
    released text[] not null,
    copy_of text not null,
    kind text,
    title text,
    language text,
    characters integer,
    findings jsonb not null,
    signature bigint[],
    received_at timestamptz not null,
    received_by text not null,
    ended_at timestamptz,
    constraint pk_document_versions primary key (document_id, version),
    constraint ck_document_versions_status check (
        status in ('received', 'processing', 'published', 'quarantined', 'superseded', 'discarded', 'deleted')
    )
);
create unique index uq_document_versions_content
    on document_versions (tenant_id, source, sha256, access_groups, copy_of)
    where status in ('received', 'processing', 'published');
create unique index uq_document_versions_published on document_versions (document_id) where status = 'published';
create index ix_document_versions_blob on document_versions (tenant_id, sha256);

create table document_bands (
    tenant_id uuid not null,
    band integer not null,
    document_id uuid not null constraint fk_document_bands_document references documents (id),
    constraint pk_document_bands primary key (tenant_id, band, document_id)
);
create index ix_document_bands_document on document_bands (document_id);

create table quarantine (
    id uuid constraint pk_quarantine primary key,
    tenant_id uuid not null,
    document_id uuid not null,
    version integer not null,
    reason text not null,
    detail text not null,
    duplicate_of uuid,
    findings jsonb not null,
    created_at timestamptz not null,
    decision text,
    decided_at timestamptz,
    decided_by text,
    note text,
    constraint fk_quarantine_version foreign key (document_id, version)
        references document_versions (document_id, version),
    constraint ck_quarantine_decision check (decision in ('released', 'discarded', 'deleted', 'superseded')),
    constraint ck_quarantine_who_and_when check (
        (decision is null) = (decided_at is null) and (decision is null) = (decided_by is null)
    )
);
create unique index uq_quarantine_open on quarantine (document_id, version) where decision is null;
create index ix_quarantine_by_time on quarantine (tenant_id, created_at, id);
"""


def upgrade() -> None:
    op.execute(TABLES)
    tenant_table(op, "blobs", "select, insert, delete")
    for table in ("documents", "document_versions", "document_bands", "quarantine"):
        tenant_table(op, table, "select, insert, update, delete")


def downgrade() -> None:
    op.execute("drop table quarantine, document_bands, document_versions, documents, blobs")
