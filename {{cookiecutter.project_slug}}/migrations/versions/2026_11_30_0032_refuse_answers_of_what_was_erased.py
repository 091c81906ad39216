"""An answer that was begun before an erasure ended is not stored: it may hold what was erased."""

from alembic import op

from app.core.rls import SERVICE_ROLE

revision = "0032"
down_revision = "0031"
phase = "expand"
locks = {"privacy_requests": "it holds a row for each request of a person"}

COLUMN = "alter table privacy_requests add column closed_at timestamptz"
INDEX = "create index ix_privacy_requests_closed_at on privacy_requests (tenant_id, closed_at)"
# The lock is that of app.privacy.repository.receipts.close: who holds it shared is seen by the search that follows.
REFUSE = """
create function refuse_erased_answer() returns trigger language plpgsql as $$
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
TRIGGER = """
create trigger refuse_erased_answer before insert on answers
for each row execute function refuse_erased_answer()
"""


def upgrade() -> None:
    for statement in (COLUMN, INDEX, REFUSE, TRIGGER):
        op.execute(statement)
    op.execute(f"grant update (closed_at) on privacy_requests to {SERVICE_ROLE}")


def downgrade() -> None:
    op.execute("drop trigger refuse_erased_answer on answers")
    op.execute("drop function refuse_erased_answer()")
    op.execute("alter table privacy_requests drop column closed_at")
