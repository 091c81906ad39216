"""Tenants and their API keys. Two narrow functions find a key or a tenant before the tenant is known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.rls import SERVICE_ROLE, tenant_table

revision = "0002"
down_revision = "0001"

FIND_KEY = """
create function find_api_key(wanted text)
returns table (id uuid, tenant_id uuid, name text, digest bytea, roles text[], groups text[])
language sql stable security definer set search_path = public, pg_temp
as $$ select k.id, k.tenant_id, k.name, k.digest, k.roles, k.groups
      from api_keys k where k.prefix = wanted and k.revoked_at is null $$
"""

FIND_TENANT = """
create function find_tenant(wanted text) returns uuid
language sql stable security definer set search_path = public, pg_temp
as $$ select t.id from tenants t where t.name = wanted $$
"""


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("groups", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_api_keys_tenant_id"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    tenant_table(op, "tenants", grants="select, insert", key="id")
    tenant_table(op, "api_keys", grants="select, insert, update (revoked_at)")
    # The functions run as the owner, whom forced row-level security binds like everybody else.
    for table in ("tenants", "api_keys"):
        op.execute(f"create policy owner_reads on {table} for select to current_user using (true)")
    for statement in (FIND_KEY, FIND_TENANT):
        op.execute(statement)
    for function in ("find_api_key(text)", "find_tenant(text)"):
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {SERVICE_ROLE}")


def downgrade() -> None:
    op.execute("drop function find_api_key(text)")
    op.execute("drop function find_tenant(text)")
    op.drop_table("api_keys")
    op.drop_table("tenants")
