"""Actions that models proposed, what has run of them, and the tickets that the shipped ones work on."""

from alembic import op

from app.core.rls import frozen, tenant_table

revision = "0013"
down_revision = "0012"

ACTIONS = """
create table actions (
    id uuid constraint pk_actions primary key,
    tenant_id uuid not null,
    answer_id uuid not null,
    key_id uuid not null,
    requester text not null,
    release_id text not null,
    action text not null,
    risk text not null,
    tainted boolean not null,
    payload bytea not null,
    digest text not null,
    nonce uuid not null,
    state text not null,
    approved_digest text,
    approved_by text,
    edited boolean not null default false,
    reason text not null default '',
    result jsonb,
    terms jsonb,
    created_at timestamptz not null,
    decided_at timestamptz,
    ended_at timestamptz,
    constraint uq_actions_nonce unique (nonce),
    constraint ck_actions_risk check (risk in ('read', 'reversible', 'irreversible')),
    constraint ck_actions_state check (state in ('waiting', 'approved', 'done', 'failed', 'rejected', 'expired')),
    constraint ck_actions_digest_fits check (digest = encode(sha256(payload), 'hex')),
    constraint ck_actions_ended check ((state in ('waiting', 'approved')) = (ended_at is null)),
    constraint ck_actions_waits_for_somebody check (state <> 'waiting' or terms is not null),
    constraint ck_actions_approved check (state not in ('approved', 'done') or approved_digest is not null),
    constraint ck_actions_a_person_approved check (
        state not in ('approved', 'done') or risk = 'read' or approved_by is not null
        or (risk = 'reversible' and not tainted))
);
create index ix_actions_by_key on actions (tenant_id, key_id, action, created_at);
create index ix_actions_by_time on actions (tenant_id, id);
create index ix_actions_answer_id on actions (answer_id);
create table action_runs (
    nonce uuid constraint pk_action_runs primary key,
    tenant_id uuid not null,
    action_id uuid not null constraint fk_action_runs_action_id references actions (id),
    digest text not null,
    at timestamptz not null,
    constraint uq_action_runs_action_id unique (action_id)
);
"""

TICKETS = """
create table tickets (
    id uuid constraint pk_tickets primary key,
    tenant_id uuid not null,
    number integer not null,
    title text not null,
    text text not null,
    status text not null,
    created_at timestamptz not null,
    created_by text not null,
    constraint uq_tickets_tenant_id_number unique (tenant_id, number),
    constraint ck_tickets_status check (status in ('open', 'closed'))
);
create table ticket_notes (
    id uuid constraint pk_ticket_notes primary key,
    tenant_id uuid not null,
    ticket_id uuid not null constraint fk_ticket_notes_ticket_id references tickets (id),
    action_id uuid not null,
    at timestamptz not null,
    author text not null,
    text text not null,
    constraint uq_ticket_notes_action_id unique (action_id)
);
create index ix_ticket_notes_ticket_id on ticket_notes (ticket_id, at);
"""

KINDS = """
alter table review_items drop constraint ck_review_items_kind;
alter table review_items add constraint ck_review_items_kind check (kind in ({kinds})) not valid;
"""


def upgrade() -> None:
    op.execute(ACTIONS)
    frozen(op, "action_runs")
    op.execute(TICKETS)
    changes = "state, payload, digest, approved_digest, approved_by, edited, reason, result, decided_at, ended_at"
    tenant_table(op, "actions", f"select, insert, update ({changes})")
    tenant_table(op, "action_runs", "select, insert")
    tenant_table(op, "tickets", "select, insert, update (status)")
    tenant_table(op, "ticket_notes", "select, insert")
    op.execute(KINDS.format(kinds="'answer', 'overlap', 'action'"))
    op.execute("alter table review_items validate constraint ck_review_items_kind")


def downgrade() -> None:
    # Not validated: what was decided on actions stays on record.
    op.execute(KINDS.format(kinds="'answer', 'overlap'"))
    op.execute("drop table ticket_notes, tickets, action_runs, actions")
