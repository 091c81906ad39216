"""Whoever locks shards of a budget one after the other waits for its turn first."""

from alembic import op

revision = "0038"
down_revision = "0037"
phase = "expand"

# The key of app.core.locks.BUDGETS. The windows do not serve: around midnight two days have different ones, and the
# later day collects from those of the day before. The sweep and the two collections of one reservation lock shards in
# an order of their own each; only one of them goes on at a time, and no settlement of several shards beside it.
TURN = "perform pg_advisory_xact_lock(hashtext('budgets'));\n"
SHARED_TURN = TURN.replace("xact_lock(", "xact_lock_shared(")

LOCK = "    for each in select * from budget_windows_of(p_scope, p_day) loop\n"
SWEEP = "    with gone as (\n"
LAPSED = "    if not exists (select from budget_holds where expires_at <= p_at) then return 0; end if;\n"
SETTLE = "        perform 1 from budget_holds h where h.id = any (p_ids) order by h.id for update;\n"

CHANGES = {
    "budget_lock": (LOCK, "    " + TURN + LOCK),
    "budget_sweep": (SWEEP, LAPSED + "    " + TURN + SWEEP),
    "budget_settle": (SETTLE, "        " + SHARED_TURN + SETTLE),
}


def upgrade() -> None:
    for name, (part, other) in CHANGES.items():
        _replace(name, part, other)


def downgrade() -> None:
    for name, (part, other) in CHANGES.items():
        _replace(name, other, part)


def _replace(name: str, part: str, other: str) -> None:
    connection = op.get_bind()
    body = connection.exec_driver_sql(f"select pg_get_functiondef('{name}'::regproc)").scalar()
    if body.count(part) != 1:
        raise RuntimeError(f"{name} has another text than this migration knows: {part}")
    connection.exec_driver_sql(body.replace(part, other).replace("%", "%%"))
