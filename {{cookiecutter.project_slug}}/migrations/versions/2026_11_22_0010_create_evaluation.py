"""Runs of the evaluation suites, what releases did with each case, and the reports for ever."""

from alembic import op

from app.core.rls import frozen, shared_table, tenant_table

revision = "0010"
down_revision = "0009"

TABLES = """
create table evaluation_reports (
    digest text constraint pk_evaluation_reports primary key,
    content bytea not null,
    created_at timestamptz not null,
    constraint ck_evaluation_reports_digest_fits check (digest = encode(sha256(content), 'hex'))
);
create table evaluation_runs (
    id uuid constraint pk_evaluation_runs primary key,
    release_id text not null constraint fk_evaluation_runs_release_id references releases (id),
    suite text not null,
    suite_digest text not null,
    baseline_id text constraint fk_evaluation_runs_baseline_id references releases (id),
    against text constraint fk_evaluation_runs_against references evaluation_reports (digest),
    actor text not null,
    status text not null,
    done integer not null,
    total integer not null,
    corpus jsonb not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    report text constraint fk_evaluation_runs_report references evaluation_reports (digest),
    verdict text,
    problem text,
    constraint ck_evaluation_runs_status check (status in ('queued', 'running', 'done', 'failed')),
    constraint ck_evaluation_runs_verdict check (verdict in ('PASS', 'FAIL', 'INCONCLUSIVE')),
    constraint ck_evaluation_runs_ended check ((status in ('done', 'failed')) = (ended_at is not null)),
    constraint ck_evaluation_runs_proven check ((status = 'done') = (report is not null and verdict is not null)),
    constraint ck_evaluation_runs_explained check ((status = 'failed') = (problem is not null))
);
create index ix_evaluation_runs_created_at on evaluation_runs (created_at, id);
create table evaluation_opinions (
    tenant_id uuid not null,
    judge text not null,
    subject text not null,
    good boolean,
    at timestamptz not null,
    constraint pk_evaluation_opinions primary key (tenant_id, judge, subject)
);
create table evaluation_results (
    tenant_id uuid not null,
    release_id text not null constraint fk_evaluation_results_release_id references releases (id),
    case_digest text not null,
    corpus_version integer not null,
    observed jsonb not null,
    at timestamptz not null,
    constraint pk_evaluation_results primary key (tenant_id, release_id, case_digest, corpus_version)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    frozen(op, "evaluation_reports")
    shared_table(op, "evaluation_reports", "select, insert")
    shared_table(op, "evaluation_runs", "select, insert, update")
    tenant_table(op, "evaluation_opinions", "select, insert")
    tenant_table(op, "evaluation_results", "select, insert")


def downgrade() -> None:
    op.execute("drop table evaluation_results, evaluation_opinions, evaluation_runs, evaluation_reports")
