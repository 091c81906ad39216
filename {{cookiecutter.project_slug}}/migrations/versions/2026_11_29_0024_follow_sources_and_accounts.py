"""Access lists of sources; provisioned accounts; sessions that are refreshed and that end at the identity provider."""

from pathlib import Path

from alembic import op

from app.core.rls import SERVICE_ROLE, shared_table, tenant_table

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

FOLDER = Path(__file__).parent.parent / "sql"
SESSION_COLUMNS = {
    "provider_session": "text",
    "refresh_token": "bytea",
    "key_version": "integer",
    "refreshed_at": "timestamptz",
    "refresh_claimed_at": "timestamptz",
}
PROVISIONED = {
    "provisioned_users": "select, insert, update",
    "provisioned_groups": "select, insert, update, delete",
    "provisioned_members": "select, insert, delete",
    "provisioned_values": "select, insert, delete",
}
FUNCTIONS = ("console_session(bytea)", "end_provider_sessions(text, text, text)")


def upgrade() -> None:
    op.execute(ACCESS_RULES)
    tenant_table(op, "source_access_rules", "select, insert, delete, update (uri, set_by)")
    for column, kind in SESSION_COLUMNS.items():
        op.execute(f"alter table console_sessions add column {column} {kind}")
    changed = ", ".join(name for name in SESSION_COLUMNS if name != "provider_session")
    op.execute(f"grant update ({changed}) on console_sessions to {SERVICE_ROLE}")
    # end_provider_sessions runs as the owner, whom forced row-level security binds like everybody else.
    op.execute("create policy owner_ends on console_sessions for delete to current_user using (true)")
    op.get_bind().exec_driver_sql((FOLDER / "0024_sign_outs.sql").read_text(encoding="utf-8"))
    op.execute("alter table identities add column link text")
    op.execute("alter table identities add column sources jsonb not null default '[]'")
    op.execute("alter table identities add column suspended_at timestamptz")
    op.execute(f"grant update (link, sources, suspended_at) on identities to {SERVICE_ROLE}")
    op.get_bind().exec_driver_sql((FOLDER / "0024_provisioning.sql").read_text(encoding="utf-8"))
    for table, grants in PROVISIONED.items():
        tenant_table(op, table, grants)
    shared_table(op, "sign_outs", "select, insert, update, delete")
    shared_table(op, "logout_tokens", "select, insert, delete")
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {SERVICE_ROLE}")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    op.execute("drop policy owner_ends on console_sessions")
    for column in SESSION_COLUMNS:
        op.execute(f"alter table console_sessions drop column {column}")
    for column in ("link", "sources", "suspended_at"):
        op.execute(f"alter table identities drop column {column}")
    for table in ("logout_tokens", "sign_outs", "source_access_rules", *reversed(PROVISIONED)):
        op.execute(f"drop table {table}")
