"""The audit log, and who approved which release on which evidence. Shared by all tenants."""

from alembic import op

from app.core.rls import CURRENT_TENANT, frozen, shared_table

revision = "0009"
down_revision = "0008"

TABLES = """
create table audit_log (
    sequence bigint constraint pk_audit_log primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    before text,
    after text,
    reason text not null,
    trace_id text not null,
    tenant_id uuid,
    previous text not null,
    hash text not null,
    constraint ck_audit_log_named check (actor <> '' and action <> '' and subject <> '')
);
-- Without a tenant the log is seen whole, because only the whole chain can be verified; that also is how the newest
-- line is found from within a transaction of a tenant.
create function audit_head(out sequence bigint, out hash text) language plpgsql as $$
declare
    tenant text := coalesce(current_setting('app.tenant_id', true), '');
begin
    perform set_config('app.tenant_id', '', true);
    select line.sequence, line.hash into sequence, hash from audit_log line order by line.sequence desc limit 1;
    perform set_config('app.tenant_id', tenant, true);
end $$;
create table approvals (
    id uuid constraint pk_approvals primary key,
    release_id text not null constraint fk_approvals_release_id references releases (id),
    environment text not null,
    kind text not null,
    report text,
    approver text not null,
    role text not null,
    at timestamptz not null,
    expires_at timestamptz,
    reason text not null,
    constraint ck_approvals_kind check (kind in ('approval', 'first_release', 'break_glass')),
    constraint ck_approvals_named check (approver <> '' and reason <> ''),
    constraint ck_approvals_evidence check (
        kind <> 'approval' or (report ~ '^[0-9a-f]{64}$' and expires_at is not null and expires_at > at)
    )
);
create index ix_approvals_release_id on approvals (release_id, at);
create table break_glass_reviews (
    approval_id uuid constraint pk_break_glass_reviews primary key
        constraint fk_break_glass_reviews_approval_id references approvals (id),
    reviewer text not null,
    at timestamptz not null,
    reason text not null,
    constraint ck_break_glass_reviews_named check (reviewer <> '' and reason <> '')
);
"""

FROZEN = ("audit_log", "approvals", "break_glass_reviews")


def upgrade() -> None:
    op.execute(TABLES)
    for table in FROZEN:
        frozen(op, table)
        shared_table(op, table, "select, insert")
    op.execute("alter table audit_log enable row level security")
    op.execute("alter table audit_log force row level security")
    seen = f"tenant_id is null or {CURRENT_TENANT} is null or tenant_id = {CURRENT_TENANT}"
    op.execute(f"create policy tenant_isolation on audit_log using ({seen}) with check ({seen})")


def downgrade() -> None:
    op.execute("drop function audit_head()")
    op.execute("drop table break_glass_reviews, approvals, audit_log")
