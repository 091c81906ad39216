"""Error budgets from what is stored: sums across tenants, attempts of jobs by day, and releases let through; what came
of answers; scores of live answers; alerts that were sent.
"""

from pathlib import Path

from alembic import op

from app.core.rls import SERVICE_ROLE, frozen, shared_table, tenant_table

revision = "0027"
down_revision = "0026"
phase = "expand"

SQL = Path(__file__).parent.parent / "sql" / "0027_business.sql"

FUNCTION = "error_budget_events(timestamptz, timestamptz, float8)"
SUMMED = ("answers", "answer_failures", "quarantine", "document_versions")


def upgrade() -> None:
    # The function runs as the owner, whom forced row-level security binds like everybody else.
    for table in SUMMED:
        op.execute(f"create policy owner_reads on {table} for select to current_user using (true)")
    op.get_bind().exec_driver_sql(SQL.read_text(encoding="utf-8").replace("%", "%%"))
    frozen(op, "error_budget_exceptions")
    shared_table(op, "error_budget_exceptions", "select, insert")
    shared_table(op, "alert_notices", "select, insert")
    shared_table(op, "job_counts", "select, insert, update")
    tenant_table(op, "business_outcomes", "select, insert, update (amount, at, reported_at, reported_by)")
    tenant_table(op, "online_evaluations", "select, insert")
    op.execute(f"revoke all on function {FUNCTION} from public")
    op.execute(f"grant execute on function {FUNCTION} to {SERVICE_ROLE}")


def downgrade() -> None:
    op.execute(f"drop function {FUNCTION}")
    for table in SUMMED:
        op.execute(f"drop policy owner_reads on {table}")
    op.execute("drop table alert_notices, online_evaluations, business_outcomes, job_counts, error_budget_exceptions")
