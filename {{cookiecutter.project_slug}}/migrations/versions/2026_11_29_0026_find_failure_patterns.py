"""Patterns of failures, vectors of questions, and answers that are to become evaluation cases."""

from alembic import op

from app.core.rls import tenant_table

revision = "0026"
down_revision = "0025"
phase = "expand"

RUNS = """
create table monitoring_runs (
    tenant_id uuid not null,
    kind text not null,
    started_at timestamptz not null,
    constraint pk_monitoring_runs primary key (tenant_id, kind),
    constraint ck_monitoring_runs_kind check (kind in ('failures', 'drift', 'health'))
)
"""
VECTORS = """
create table question_vectors (
    tenant_id uuid not null,
    answer_id uuid not null,
    embedder text not null,
    vector bytea not null,
    constraint pk_question_vectors primary key (tenant_id, answer_id),
    constraint fk_question_vectors_tenant_id_answer_id
        foreign key (tenant_id, answer_id) references answers (tenant_id, id)
)
"""
PATTERNS = """
create table failure_patterns (
    tenant_id uuid not null,
    id uuid not null,
    found_at timestamptz not null,
    rank smallint not null,
    reason text not null,
    rule text not null,
    step text not null,
    degraded boolean not null,
    language text not null,
    answers uuid[] not null,
    failures integer not null,
    before integer not null,
    harm double precision not null,
    growth double precision not null,
    mixed boolean not null,
    constraint pk_failure_patterns primary key (tenant_id, id)
)
"""
CANDIDATES = """
create table case_candidates (
    tenant_id uuid not null,
    answer_id uuid not null,
    reason text not null,
    note text not null,
    proposed_by text not null,
    proposed_at timestamptz not null,
    constraint pk_case_candidates primary key (tenant_id, answer_id),
    constraint fk_case_candidates_tenant_id_answer_id
        foreign key (tenant_id, answer_id) references answers (tenant_id, id)
)
"""
TABLES = {
    "monitoring_runs": "select, insert, update, delete",
    "question_vectors": "select, insert, update, delete",
    "failure_patterns": "select, insert, delete",
    "case_candidates": "select, insert, update, delete",
}


def upgrade() -> None:
    for statement in (RUNS, VECTORS, PATTERNS, CANDIDATES):
        op.execute(statement)
    op.execute("create index ix_failure_patterns_by_rank on failure_patterns (tenant_id, found_at, rank)")
    for table, grants in TABLES.items():
        tenant_table(op, table, grants)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"drop table {table}")
