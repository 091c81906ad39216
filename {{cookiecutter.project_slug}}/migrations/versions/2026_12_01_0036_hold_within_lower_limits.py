"""While a limit that was lowered is exceeded by what is handed out, nothing is held from what lies free in shards."""

from alembic import op

revision = "0036"
down_revision = "0035"
phase = "expand"

# Money that was held when the limit was lowered comes back to its shard when its hold ends. It is collected before the
# next hold, under the lock of the windows.
FREE = "where p.scope = p_scope and p.day = today and p.free >= p_amount\n"
WITHIN = (
    FREE
    + """      and not exists (
          select from budget_standing(p_scope, today, p_limits) s where s.handed_out > s.limit_micro_usd)
"""
)


def upgrade() -> None:
    _replace_hold(FREE, WITHIN)


def downgrade() -> None:
    _replace_hold(WITHIN, FREE)


def _replace_hold(part: str, other: str) -> None:
    connection = op.get_bind()
    body = connection.exec_driver_sql("select pg_get_functiondef('budget_hold'::regproc)").scalar()
    if body.count(part) != 1:
        raise RuntimeError(f"budget_hold has another text than this migration knows: {part}")
    connection.exec_driver_sql(body.replace(part, other).replace("%", "%%"))
