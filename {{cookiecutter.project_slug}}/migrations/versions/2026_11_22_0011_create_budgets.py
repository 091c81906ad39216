"""Budgets: limits, what was handed out of them, and money held for calls under way."""

from pathlib import Path

from alembic import op

from app.core.rls import shared_table

revision = "0011"
down_revision = "0010"

SQL = Path(__file__).parent.parent / "sql" / "0011_budgets.sql"
TABLES = ("budget_limits", "budget_windows", "budget_purses", "budget_holds")


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text(encoding="utf-8").replace("%", "%%"))
    for table in TABLES:
        shared_table(op, table, "select, insert, update, delete")


def downgrade() -> None:
    for function in (
        "end",
        "settle",
        "hold",
        "lock",
        "collect",
        "sweep",
        "used",
        "standing",
        "windows_of",
    ):
        op.execute(f"drop function budget_{function}")
    op.execute(f"drop table {', '.join(TABLES)}")
