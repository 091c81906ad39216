"""Access lists of sources; sessions of the console that are refreshed, and that end at the identity provider."""

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
    for table in ("logout_tokens", "sign_outs", "source_access_rules"):
        op.execute(f"drop table {table}")
