"""Columns and indexes by which answers are found: request, cost, latency, degraded, findings, refusal, feedback. A
review item has its id from the moment at which its answer is stored.

Rows of before are filled in batches, tenant by tenant, because the owner too sees one tenant at a time.
"""

from alembic import op
from sqlalchemy import text

from app.core.rls import SERVICE_ROLE

revision = "0025"
down_revision = "0024"
phase = "expand"

BATCH = 2000
COLUMNS = {
    "request_id": "text",
    "cost_micro_usd": "bigint",
    "latency_ms": "double precision",
    "degraded": "boolean",
    "findings": "smallint",
    "refusal": "text",
    "helpful": "boolean",
}
INDEXES = {
    "ix_answers_by_key": "(tenant_id, key_id, created_at)",
    "ix_answers_by_model": "(tenant_id, model, created_at)",
    "ix_answers_by_trace": "(tenant_id, trace_id)",
    "ix_answers_by_request": "(tenant_id, request_id)",
    "ix_answers_refused": "(tenant_id, created_at) where status = 'refused'",
    "ix_answers_degraded": "(tenant_id, created_at) where degraded",
    "ix_answers_with_findings": "(tenant_id, created_at) where findings > 0",
    "ix_answers_helpful": "(tenant_id, created_at) where helpful",
    "ix_answers_unhelpful": "(tenant_id, created_at) where not helpful",
}
FILL = text(
    """
    with batch as (
        select id from answers where tenant_id = :tenant and id > :after order by id limit :batch
    ), filled as (
        update answers a set
            cost_micro_usd = (body->>'cost_micro_usd')::bigint,
            latency_ms = (body->'timings_ms'->>'total')::float8,
            degraded = (body->>'degraded')::boolean,
            findings = jsonb_array_length(body->'findings'),
            refusal = body->>'refusal',
            helpful = (select f.helpful from feedback f where f.tenant_id = a.tenant_id and f.answer_id = a.id
                       order by f.created_at desc limit 1)
        from batch where a.tenant_id = :tenant and a.id = batch.id
        returning a.id
    )
    select id from filled order by id desc limit 1
    """
)
LINK_REVIEWS = text(
    """
    update reviewed_answers r set review_id = i.id from review_items i
    where r.tenant_id = :tenant and i.tenant_id = r.tenant_id and i.subject_id = r.answer_id and i.kind = 'answer'
    """
)
FIRST = "00000000-0000-0000-0000-000000000000"


def upgrade() -> None:
    op.execute("alter table answers " + ", ".join(f"add column {name} {kind}" for name, kind in COLUMNS.items()))
    op.execute("alter table reviewed_answers add column review_id uuid")
    op.execute(f"grant update (request_id, helpful) on answers to {SERVICE_ROLE}")
    with op.get_context().autocommit_block():
        tenants = [row[0] for row in op.get_bind().execute(text("select privacy_tenants()"))]
        for tenant in tenants:
            _fill(tenant)
        for name, columns in INDEXES.items():
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"create index concurrently {name} on answers {columns}")


def _fill(tenant: object) -> None:
    connection, after = op.get_bind(), FIRST
    connection.execute(text("select set_config('app.tenant_id', :tenant, false)"), {"tenant": str(tenant)})
    connection.execute(LINK_REVIEWS, {"tenant": tenant})
    while after:
        values = {"tenant": tenant, "after": after, "batch": BATCH}
        after = connection.execute(FILL, values).scalar()
    connection.execute(text("select set_config('app.tenant_id', '', false)"))


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"drop index {name}")
    op.execute("alter table reviewed_answers drop column review_id")
    op.execute("alter table answers " + ", ".join(f"drop column {name}" for name in COLUMNS))
