"""What was derived from documents is as closed as they are: which documents, and who may read them now."""

from alembic import op

from app.core.rls import SERVICE_ROLE

revision = "0016"
down_revision = "0015"

# The one rule. A document that was deleted, or is not there, can be read by nobody. Row-level security of the caller
# applies inside, so that a document of another tenant is not there.
RULE = """
create function readable(p_documents uuid[], p_groups text[]) returns boolean
language sql stable parallel safe
return not exists (
    select from unnest(p_documents) wanted(id)
    where not exists (
        select from indexed_documents d
        where d.document_id = wanted.id and not d.withdrawn
          and (d.access_groups = '{}' or d.access_groups && p_groups)
    )
);
"""

DERIVED = ("answers", "actions", "review_items", "ticket_notes")

# A passage that is gone stands for a document that is gone: the nil id, which nobody can read.
ANSWERS = """
update answers a set documents = coalesce((
    select array_agg(distinct coalesce(c.document_id, '00000000-0000-0000-0000-000000000000'))
    from jsonb_array_elements(a.conditions->'evidence') passage
    left join chunks c on c.id = (passage->>0)::uuid
), '{}') where a.status = 'answered' or jsonb_array_length(a.body->'actions') > 0;
update actions set documents = a.documents from answers a where a.id = actions.answer_id;
update review_items i set documents = a.documents from answers a where a.id = i.subject_id;
update review_items i set documents = a.documents from actions a where a.id = i.subject_id;
update ticket_notes n set documents = a.documents from actions a where a.id = n.action_id;
"""


def upgrade() -> None:
    op.execute(RULE)
    op.execute(f"grant execute on function readable(uuid[], text[]) to {SERVICE_ROLE}")
    for table in DERIVED:
        op.execute(f"alter table {table} add column documents uuid[] not null default '{{}}'")
    # The owner sees the rows of all tenants only while row-level security is not forced on it.
    read = ("chunks", *DERIVED)
    for table in read:
        op.execute(f"alter table {table} no force row level security")
    op.execute(ANSWERS)
    for table in read:
        op.execute(f"alter table {table} force row level security")
    op.execute("alter table evaluation_reports add column sources jsonb not null default '{}'")
    # Whose request it was is not known of these, and they are kept for a day only.
    op.execute("truncate idempotency_keys")
    op.execute(
        "alter table idempotency_keys add column key_id uuid not null, "
        "add column documents uuid[] not null default '{}', drop constraint pk_idempotency_keys, "
        "add constraint pk_idempotency_keys primary key (tenant_id, key_id, route, key)"
    )


def downgrade() -> None:
    op.execute("truncate idempotency_keys")
    op.execute(
        "alter table idempotency_keys drop constraint pk_idempotency_keys, "
        "add constraint pk_idempotency_keys primary key (tenant_id, route, key), "
        "drop column key_id, drop column documents"
    )
    op.execute("alter table evaluation_reports drop column sources")
    for table in DERIVED:
        op.execute(f"alter table {table} drop column documents")
    op.execute("drop function readable(uuid[], text[])")
