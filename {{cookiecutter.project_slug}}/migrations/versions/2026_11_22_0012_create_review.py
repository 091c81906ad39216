"""Answers that a person looks at, the queue of them, and what was decided."""

from alembic import op

from app.core.rls import SERVICE_ROLE, frozen, tenant_table

revision = "0012"
down_revision = "0011"

REVIEWED = """
create table reviewed_answers (
    answer_id uuid constraint pk_reviewed_answers primary key
        constraint fk_reviewed_answers_answer_id references answers (id),
    tenant_id uuid not null,
    rule text not null,
    timing text not null,
    state text not null,
    risk_tier text not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    escalate_at timestamptz,
    decisions smallint not null,
    self_approval boolean not null,
    asker_key uuid not null,
    asker text not null,
    groups text[] not null,
    overlap float8 not null,
    payload bytea not null,
    digest text not null,
    edited boolean not null default false,
    decided_at timestamptz,
    constraint ck_reviewed_answers_timing check (timing in ('before', 'after')),
    constraint ck_reviewed_answers_state check (state in ('held', 'delivered', 'rejected')),
    constraint ck_reviewed_answers_left_before check (timing = 'before' or state = 'delivered'),
    constraint ck_reviewed_answers_decided check (timing = 'after' or (state = 'held') = (decided_at is null)),
    constraint ck_reviewed_answers_digest_fits check (digest = encode(sha256(payload), 'hex'))
);
"""

ITEMS = """
create table review_items (
    id uuid constraint pk_review_items primary key,
    tenant_id uuid not null,
    kind text not null,
    subject_id uuid not null,
    question text not null,
    rule text not null,
    timing text not null,
    risk_tier text not null,
    payload bytea not null,
    digest text not null,
    version integer not null,
    state text not null,
    outcome text,
    needed smallint not null,
    self_approval boolean not null,
    asker text not null,
    groups text[] not null,
    level smallint not null,
    note text not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    escalate_at timestamptz,
    fence bigint not null,
    lease_by text,
    lease_until timestamptz,
    decided_at timestamptz,
    constraint uq_review_items_subject_id_kind unique (subject_id, kind),
    constraint ck_review_items_kind check (kind in ('answer', 'overlap')),
    constraint ck_review_items_state check (state in ('open', 'decided', 'expired')),
    constraint ck_review_items_outcome check (outcome in ('approved', 'edited', 'rejected', 'denied')),
    constraint ck_review_items_ended check ((state = 'open') = (outcome is null and decided_at is null)),
    constraint ck_review_items_leased check ((lease_by is null) = (lease_until is null)),
    constraint ck_review_items_digest_fits check (digest = encode(sha256(payload), 'hex'))
);
create index ix_review_items_by_due on review_items (tenant_id, state, due_at, id);
create index ix_review_items_open on review_items (due_at) where state = 'open';
create table review_decisions (
    id uuid constraint pk_review_decisions primary key,
    tenant_id uuid not null,
    item_id uuid not null constraint fk_review_decisions_item_id references review_items (id),
    subject_id uuid not null,
    kind text not null,
    version integer not null,
    fence bigint not null,
    reviewer text not null,
    decision text not null,
    reason text not null,
    digest text not null,
    at timestamptz not null,
    idempotency_key text not null,
    request bytea not null,
    result jsonb not null,
    constraint uq_review_decisions_item_id_fence unique (item_id, fence),
    constraint uq_review_decisions_item_id_idempotency_key unique (item_id, idempotency_key),
    constraint ck_review_decisions_decision
        check (decision in ('approve', 'edit', 'reject', 'request_changes', 'escalate')),
    constraint ck_review_decisions_named check (reviewer <> '' and reason <> '')
);
create index ix_review_decisions_subject_id on review_decisions (subject_id);
"""

# Which tenants have something whose time has come: the only thing that is asked across tenants.
DUE = """
create function review_due_tenants(moment timestamptz) returns setof uuid
language sql stable security definer set search_path = public, pg_temp
as $$ select distinct i.tenant_id from review_items i
      where i.state = 'open' and (i.due_at <= moment or (i.level = 0 and i.escalate_at <= moment)) $$
"""


def upgrade() -> None:
    op.execute(REVIEWED)
    op.execute(ITEMS)
    frozen(op, "review_decisions")
    tenant_table(op, "reviewed_answers", "select, insert, update (state, payload, digest, edited, decided_at)")
    tenant_table(
        op,
        "review_items",
        "select, insert, update (payload, digest, version, state, outcome, level, note, fence, lease_by, lease_until, "
        "decided_at)",
    )
    tenant_table(op, "review_decisions", "select, insert")
    # review_due_tenants runs as the owner, whom forced row-level security binds like everybody else.
    op.execute("create policy owner_reads on review_items for select to current_user using (true)")
    op.execute(DUE)
    op.execute("revoke all on function review_due_tenants(timestamptz) from public")
    op.execute(f"grant execute on function review_due_tenants(timestamptz) to {SERVICE_ROLE}")


def downgrade() -> None:
    op.execute("drop function review_due_tenants(timestamptz)")
    op.execute("drop table review_decisions, review_items, reviewed_answers")
