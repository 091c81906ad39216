"""Requests for erasure, legal holds, keys of tenants, and what erasing needs to be allowed to change.

Only what is erased may be changed: columns that hold content, and rows that are nothing else. What was append-only
stays so for the service; functions of the owner take the content out of it.
"""

from pathlib import Path

from alembic import op

from app.core.rls import SERVICE_ROLE, tenant_table

revision = "0019"
down_revision = "0018"

SQL = Path(__file__).parent.parent / "sql" / "0019_erasure.sql"

TABLES = {
    "tenant_keys": "select, insert, update (wrapped, master_key, destroyed_at)",
    "privacy_requests": "select, insert, update (targets, counters, state, blocked_by, ended_at)",
    "legal_holds": "select, insert, update (lifted_by, lifted_at)",
}
FUNCTIONS = (
    "privacy_tenants()",
    "erase_review_decisions(uuid[])",
    "erase_reviewers(uuid[], text)",
    "erase_audit_line(bigint, text, text, text, text, text)",
    "erase_report(text, bytea, timestamptz)",
)
GRANTS = {
    "answers": "update (question, body, conditions, documents, unit, key_id)",
    "answer_failures": "update (unit)",
    "reviewed_answers": "update (asker, groups, webhook)",
    "review_items": "update (question, asker, groups, original, documents)",
    "actions": "update (requester, terms, documents)",
    "tickets": "update (title, text, created_by)",
    "ticket_notes": "update (author), delete",
    "feedback": "delete",
    "api_keys": "update (name, groups)",
    "tenants": "update (name)",
    "evaluation_opinions": "delete",
    "evaluation_results": "delete",
    "blobs": "update (bytes, key_version)",
}


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text(encoding="utf-8").replace("%", "%%"))
    for table, grants in TABLES.items():
        tenant_table(op, table, grants)
    for table, grants in GRANTS.items():
        op.execute(f"grant {grants} on {table} to {SERVICE_ROLE}")
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {SERVICE_ROLE}")


def downgrade() -> None:
    # Encrypted files could not be read without the keys: the tables stay until nothing is encrypted.
    op.execute(
        "do $$ begin if exists (select from blobs where key_version is not null) then "
        "raise exception 'original files are encrypted: run app privacy decrypt first'; end if; end $$"
    )
    for table, grants in GRANTS.items():
        op.execute(f"revoke {grants} on {table} from {SERVICE_ROLE}")
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    op.execute(
        "create or replace function refuse_change() returns trigger language plpgsql as $$ begin "
        "raise exception 'rows of % are never changed or removed', tg_table_name using errcode = "
        "'restrict_violation'; end $$"
    )
    op.execute("alter table evaluation_reports drop constraint ck_evaluation_reports_digest_fits")
    op.execute(
        "alter table evaluation_reports add constraint ck_evaluation_reports_digest_fits "
        "check (digest = encode(sha256(content), 'hex')) not valid"
    )
    op.execute("alter table evaluation_reports drop column erased_at")
    op.execute("alter table blobs drop column key_version")
    op.execute("drop table legal_holds, privacy_requests, tenant_keys")
