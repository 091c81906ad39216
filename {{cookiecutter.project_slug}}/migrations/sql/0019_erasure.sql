-- The data keys of tenants, and under which of them an original file is encrypted; null: it is not.
create table tenant_keys (
    tenant_id uuid not null,
    version integer not null,
    wrapped bytea,
    master_key text not null,
    created_at timestamptz not null,
    destroyed_at timestamptz,
    constraint pk_tenant_keys primary key (tenant_id, version),
    constraint ck_tenant_keys_destroyed check ((wrapped is null) = (destroyed_at is not null))
);
alter table blobs add column key_version integer;

create table privacy_requests (
    id uuid constraint pk_privacy_requests primary key,
    tenant_id uuid not null,
    kind text not null,
    selector text not null,
    subject text not null,
    sealed bytea,
    master_key text not null,
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    targets jsonb not null,
    counters jsonb not null,
    state text not null,
    blocked_by text,
    ended_at timestamptz,
    reapplied boolean not null default false,
    constraint ck_privacy_requests_kind check (kind in ('export', 'erase')),
    constraint ck_privacy_requests_selector
        check (selector in ('subject', 'document', 'conversation', 'asker', 'key', 'tenant')),
    constraint ck_privacy_requests_state check (state in ('running', 'done', 'blocked')),
    constraint ck_privacy_requests_ended check ((state = 'done') = (ended_at is not null)),
    constraint ck_privacy_requests_held check ((state = 'blocked') = (blocked_by is not null))
);
create index ix_privacy_requests_by_time on privacy_requests (tenant_id, requested_at);

create table legal_holds (
    id uuid constraint pk_legal_holds primary key,
    tenant_id uuid not null,
    kind text not null,
    subject_id uuid not null,
    reason text not null,
    placed_by text not null,
    placed_at timestamptz not null,
    lifted_by text,
    lifted_at timestamptz,
    constraint ck_legal_holds_kind check (kind in ('document', 'answer', 'key', 'tenant')),
    constraint ck_legal_holds_lifted check ((lifted_by is null) = (lifted_at is null)),
    constraint ck_legal_holds_named check (reason <> '' and placed_by <> '')
);
create index ix_legal_holds_subject_id on legal_holds (tenant_id, subject_id);

-- Which tenants there are: only the keys, retention and unfinished requests ask across tenants.
create function privacy_tenants() returns setof uuid
language sql stable security definer set search_path = public, pg_temp
as $$ select t.id from tenants t order by t.created_at, t.id $$;

-- A report whose texts were erased keeps its digest, to which approvals are bound, and says since when it does not fit.
alter table evaluation_reports
    add column erased_at timestamptz,
    drop constraint ck_evaluation_reports_digest_fits,
    add constraint ck_evaluation_reports_digest_fits
        check (erased_at is not null or digest = encode(sha256(content), 'hex'));

-- Append-only tables accept one kind of change: an update by the functions below, which run as the owner and name the
-- table. The service itself cannot make it, whatever it sets.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_setting('app.erasing', true) = tg_table_name
       and current_user = (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = tg_relid) then
        return null;
    end if;
    raise exception 'rows of % are never changed or removed', tg_table_name using errcode = 'restrict_violation';
end $$;

create function erase_review_decisions(p_ids uuid[]) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    changed bigint;
begin
    perform set_config('app.erasing', 'review_decisions', true);
    update review_decisions set reason = 'erased', idempotency_key = id::text, request = ''
    where id = any (p_ids) and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
    get diagnostics changed = row_count;
    perform set_config('app.erasing', '', true);
    return changed;
end $$;

create function erase_reviewers(p_ids uuid[], p_pseudonym text) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    changed bigint;
begin
    perform set_config('app.erasing', 'review_decisions', true);
    update review_decisions set reviewer = p_pseudonym
    where id = any (p_ids) and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
    get diagnostics changed = row_count;
    perform set_config('app.erasing', '', true);
    return changed;
end $$;

-- The hash of the line stays. The line that records the erasure holds the digest of what is left (app.core.audit).
create function erase_audit_line(
    p_sequence bigint, p_actor text, p_subject text, p_before text, p_after text, p_reason text
) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform set_config('app.erasing', 'audit_log', true);
    update audit_log set actor = p_actor, subject = p_subject, before = p_before, after = p_after, reason = p_reason
    where sequence = p_sequence;
    perform set_config('app.erasing', '', true);
end $$;

create function erase_report(p_digest text, p_content bytea, p_at timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform set_config('app.erasing', 'evaluation_reports', true);
    update evaluation_reports set content = p_content, erased_at = p_at where digest = p_digest;
    perform set_config('app.erasing', '', true);
end $$;
