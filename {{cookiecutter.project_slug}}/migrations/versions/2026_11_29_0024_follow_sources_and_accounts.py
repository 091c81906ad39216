"""Access lists of sources."""

from alembic import op

from app.core.rls import tenant_table

revision = "0024"
down_revision = "0023"
phase = "expand"

ACCESS_RULES = """
    create table source_access_rules (
        tenant_id uuid not null constraint fk_source_access_rules_tenant_id references tenants (id),
        source text not null,
        uri text not null,
        access_groups text[] not null,
        set_at timestamptz not null,
        set_by text not null,
        constraint pk_source_access_rules primary key (tenant_id, source, uri)
    )
"""


def upgrade() -> None:
    op.execute(ACCESS_RULES)
    tenant_table(op, "source_access_rules", "select, insert, delete, update (uri, set_by)")


def downgrade() -> None:
    op.execute("drop table source_access_rules")
