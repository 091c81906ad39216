"""Answers as they were delivered, what people thought of them, and the requests that must not be carried out twice."""

from alembic import op

from app.core.rls import tenant_table

revision = "0007"
down_revision = "0006"

ANSWERS = """
create table answers (
    id uuid constraint pk_answers primary key,
    tenant_id uuid not null,
    key_id uuid,
    created_at timestamptz not null,
    question text not null,
    status text not null,
    model text not null,
    release_id text not null,
    corpus_version bigint not null,
    trace_id text not null,
    body jsonb not null,
    constraint ck_answers_status check (status in ('answered', 'refused')),
    constraint ck_answers_accounted_for check (release_id <> '' and trace_id <> '')
);
create index ix_answers_by_time on answers (tenant_id, created_at);
"""

FEEDBACK = """
create table feedback (
    id uuid constraint pk_feedback primary key,
    tenant_id uuid not null,
    answer_id uuid not null constraint fk_feedback_answer_id references answers (id),
    key_id uuid not null,
    helpful boolean not null,
    comment text not null,
    created_at timestamptz not null default now(),
    constraint uq_feedback_answer_id_key_id unique (answer_id, key_id)
);
"""

IDEMPOTENCY = """
create table idempotency_keys (
    tenant_id uuid not null,
    route text not null,
    key text not null,
    digest bytea not null,
    claim_id uuid not null,
    claimed_until timestamptz not null,
    created_at timestamptz not null,
    status smallint,
    body bytea,
    constraint pk_idempotency_keys primary key (tenant_id, route, key)
);
create index ix_idempotency_keys_by_time on idempotency_keys (tenant_id, created_at);
"""


def upgrade() -> None:
    op.execute(ANSWERS)
    op.execute(FEEDBACK)
    op.execute(IDEMPOTENCY)
    tenant_table(op, "answers", "select, insert")
    tenant_table(op, "feedback", "select, insert, update (helpful, comment, created_at)")
    tenant_table(op, "idempotency_keys", "select, insert, update, delete")


def downgrade() -> None:
    for table in ("idempotency_keys", "feedback", "answers"):
        op.execute(f"drop table {table}")
