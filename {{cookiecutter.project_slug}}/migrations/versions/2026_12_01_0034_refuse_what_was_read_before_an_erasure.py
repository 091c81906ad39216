"""Nothing is stored that was made from text which an erasure has removed since it was read: no answer, no result of an
evaluation and no kept reply. When it was read is told by the database's clock, which all processes share.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
phase = "expand"

# The lock is that of app.privacy.repository.receipts.close: who holds it shared is seen by the search that follows.
# An erasure that closed later than now is from before the database's clock was set back: until that time comes again it
# would refuse every answer of the tenant. app.read_at is set by app.core.database; a transaction that sets none
# has read nothing before it began.
REFUSE = """
create function refuse_erased(p_tenant uuid, p_documents text[]) returns void language plpgsql as $$
declare
    began timestamptz := transaction_timestamp();
    read_at timestamptz := least(began, nullif(current_setting('app.read_at', true), '')::timestamptz);
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('erasures of ' || p_tenant, 0));
    if exists (
        select from privacy_requests r
        where r.tenant_id = p_tenant and r.closed_at between read_at and clock_timestamp()
          and (r.selector <> 'document' or r.targets->'documents' ?| p_documents)
    ) then
        raise exception 'erased since it was read'
            using errcode = 'object_not_in_prerequisite_state', constraint = 'erased_meanwhile';
    end if;
end
$$
"""
# A process of the version before sets no app.read_at: the time of its own clock counts, as it did.
ANSWER = """
create or replace function refuse_erased_answer() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('app.read_at', true), '') = '' and new.created_at < transaction_timestamp() then
        perform set_config('app.read_at', new.created_at::text, true);
    end if;
    perform refuse_erased(new.tenant_id, new.documents::text[]);
    return new;
end
$$
"""
RESULT = """
create function refuse_erased_result() returns trigger language plpgsql as $$
begin
    perform refuse_erased(new.tenant_id, array(select jsonb_array_elements_text(new.observed->'documents')));
    return new;
end
$$
"""
REPLY = """
create function refuse_erased_reply() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('app.read_at', true), '') = '' then
        perform set_config('app.read_at', new.created_at::text, true);
    end if;
    perform refuse_erased(new.tenant_id, new.documents::text[]);
    return new;
end
$$
"""
TRIGGERS = (
    "create trigger refuse_erased_result before insert on evaluation_results "
    "for each row execute function refuse_erased_result()",
    "create trigger refuse_erased_reply before update on idempotency_keys "
    "for each row when (old.status is null and new.status is not null) execute function refuse_erased_reply()",
)
BEFORE = """
create or replace function refuse_erased_answer() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('erasures of ' || new.tenant_id, 0));
    if exists (
        select from privacy_requests r
        where r.tenant_id = new.tenant_id and r.closed_at >= new.created_at
          and (r.selector <> 'document'
               or exists (select from unnest(new.documents) id where r.targets->'documents' ? id::text))
    ) then
        raise exception 'erased while it was answered' using errcode = 'object_not_in_prerequisite_state';
    end if;
    return new;
end
$$
"""


def upgrade() -> None:
    for statement in (REFUSE, ANSWER, RESULT, REPLY, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    op.execute(BEFORE)
    op.execute("drop trigger refuse_erased_reply on idempotency_keys")
    op.execute("drop trigger refuse_erased_result on evaluation_results")
    for function in ("refuse_erased_reply()", "refuse_erased_result()", "refuse_erased(uuid, text[])"):
        op.execute(f"drop function {function}")
