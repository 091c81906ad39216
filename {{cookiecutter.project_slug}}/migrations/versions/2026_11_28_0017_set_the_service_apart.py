"""What concerns all tenants is set apart from what a tenant may see and set.

A tenant sees the acts of its own in the audit log and no others, and may set limits of its own below those that the
service sets for it.
"""

from pathlib import Path

from alembic import op

from app.core.rls import CURRENT_TENANT, shared_table

revision = "0017"
down_revision = "0016"

FOLDER = Path(__file__).parent.parent / "sql"
ADDED = f"tenant_id is null or {CURRENT_TENANT} is null or tenant_id = {CURRENT_TENANT}"
SEEN = f"{CURRENT_TENANT} is null or tenant_id = {CURRENT_TENANT}"


def upgrade() -> None:
    op.execute(f"alter policy tenant_isolation on audit_log using ({SEEN}) with check ({ADDED})")
    op.execute("drop function budget_standing")
    _run("0017_own_limits.sql")
    shared_table(op, "budget_own_limits", "select, insert, update, delete")


def downgrade() -> None:
    op.execute("drop function budget_standing")
    _run("0017_own_limits_down.sql")
    op.execute(f"alter policy tenant_isolation on audit_log using ({ADDED}) with check ({ADDED})")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FOLDER / name).read_text(encoding="utf-8").replace("%", "%%"))
