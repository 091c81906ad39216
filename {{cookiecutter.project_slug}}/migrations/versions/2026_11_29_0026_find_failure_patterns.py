"""Patterns of failures, drift, vectors of questions, and answers that are to become evaluation cases."""

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
REFERENCES = """
create table drift_references (
    tenant_id uuid not null,
    pinned_at timestamptz not null,
    since timestamptz not null,
    until timestamptz not null,
    constraint pk_drift_references primary key (tenant_id, pinned_at),
    constraint ck_drift_references_period check (since < until)
)
"""
CHECKS = """
create table drift_checks (
    tenant_id uuid not null,
    id uuid not null,
    at timestamptz not null,
    signal text not null,
    p double precision not null,
    alpha double precision not null,
    effect double precision not null,
    reference integer not null,
    "window" integer not null,
    drifted boolean not null,
    examples uuid[] not null,
    constraint pk_drift_checks primary key (tenant_id, id)
)
"""
INDEXES = (
    "create index ix_failure_patterns_by_rank on failure_patterns (tenant_id, found_at, rank)",
    "create index ix_drift_checks_by_signal on drift_checks (tenant_id, signal, at)",
)
TABLES = {
    "monitoring_runs": "select, insert, update, delete",
    "question_vectors": "select, insert, update, delete",
    "failure_patterns": "select, insert, delete",
    "case_candidates": "select, insert, update, delete",
    "drift_references": "select, insert",
    "drift_checks": "select, insert, delete",
}


def upgrade() -> None:
    for statement in (RUNS, VECTORS, PATTERNS, CANDIDATES, REFERENCES, CHECKS, *INDEXES):
        op.execute(statement)
    for table, grants in TABLES.items():
        tenant_table(op, table, grants)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"drop table {table}")
