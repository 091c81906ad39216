"""Readiness: attestations, waivers, the plans that were written, and the newest run of each regular operation."""

from alembic import op

from app.core.rls import frozen, shared_table

revision = "0028"
down_revision = "0027"
phase = "expand"


def upgrade() -> None:
    op.execute(
        "create table operation_runs (kind text not null, at timestamptz not null, actor text not null, "
        "passed boolean not null, digest text not null, detail text not null, "
        "constraint pk_operation_runs primary key (kind))"
    )
    shared_table(op, "operation_runs", "select, insert, update")
    op.execute(
        "create table readiness_statements (id uuid not null, kind text not null, check_id text not null, "
        "owner text not null, actor text not null, reason text not null, subject text not null, "
        "at timestamptz not null, expires_at timestamptz not null, withdrawn boolean not null, "
        "constraint pk_readiness_statements primary key (id), "
        "constraint ck_readiness_statements_kind check (kind in ('attestation', 'waiver')), "
        "constraint ck_readiness_statements_named check (owner <> '' and actor <> '' and reason <> ''), "
        "constraint ck_readiness_statements_expiry check (withdrawn or expires_at > at))"
    )
    op.execute("create index ix_readiness_statements_check on readiness_statements (kind, check_id, at)")
    shared_table(op, "readiness_statements", "select, insert")
    frozen(op, "readiness_statements")
    op.execute(
        "create table readiness_plans (id uuid not null, at timestamptz not null, actor text not null, "
        "statuses jsonb not null, constraint pk_readiness_plans primary key (id))"
    )
    op.execute("create index ix_readiness_plans_at on readiness_plans (at)")
    shared_table(op, "readiness_plans", "select, insert")
    frozen(op, "readiness_plans")


def downgrade() -> None:
    op.execute("drop table readiness_plans")
    op.execute("drop table readiness_statements")
    op.execute("drop table operation_runs")
