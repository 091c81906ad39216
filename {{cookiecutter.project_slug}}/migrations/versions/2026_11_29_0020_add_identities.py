"""Identities of an identity provider, restrictions of keys, and rate limits that all processes share."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.rls import SERVICE_ROLE, shared_table, tenant_table

revision = "0020"
down_revision = "0019"

FOLDER = Path(__file__).parent.parent / "sql"
FUNCTIONS = (
    "find_api_key(text)",
    "find_console_session(bytea)",
    "store_last_use(uuid[], timestamptz[])",
    "take_requests(uuid, integer, integer, timestamptz)",
)
RESTRICTIONS = ("person", "permissions", "hosts", "requests_per_minute", "expires_at", "last_used_at")


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("groups", ARRAY(sa.Text), nullable=False),
        sa.Column("granted_at", sa.Double, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_identities_tenant_id"),
    )
    tenant_table(op, "identities", "select, insert, update (subject, name, roles, groups, granted_at, revoked_at)")
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("identity_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_console_sessions"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_console_sessions_tenant_id"),
        sa.ForeignKeyConstraint(["identity_id"], ["identities.id"], name="fk_console_sessions_identity_id"),
    )
    tenant_table(op, "console_sessions", "select, insert, update (used_at), delete")
    op.create_table(
        "sign_in_attempts",
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state", name="pk_sign_in_attempts"),
    )
    shared_table(op, "sign_in_attempts", "select, insert, delete")
    op.add_column("api_keys", sa.Column("person", sa.Text))
    op.add_column("api_keys", sa.Column("permissions", ARRAY(sa.Text)))
    op.add_column("api_keys", sa.Column("hosts", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("api_keys", sa.Column("requests_per_minute", sa.Integer))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.execute(f"grant update (person, hosts) on api_keys to {SERVICE_ROLE}")
    # store_last_use runs as the owner, whom forced row-level security binds like everybody else.
    for table in ("api_keys", "identities"):
        op.execute(f"create policy owner_stores_use on {table} for update to current_user using (true)")
    for table in ("identities", "console_sessions"):
        op.execute(f"create policy owner_reads on {table} for select to current_user using (true)")
    op.execute("drop function find_api_key(text)")
    _run("0023_identities.sql")
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {SERVICE_ROLE}")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    for table in ("rate_limits", "console_sessions", "sign_in_attempts"):
        op.execute(f"drop table {table}")
    op.execute("drop policy owner_stores_use on api_keys")
    _run("0023_identities_down.sql")
    op.execute("revoke all on function find_api_key(text) from public")
    op.execute(f"grant execute on function find_api_key(text) to {SERVICE_ROLE}")
    for column in RESTRICTIONS:
        op.drop_column("api_keys", column)
    op.drop_table("identities")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FOLDER / name).read_text(encoding="utf-8").replace("%", "%%"))
