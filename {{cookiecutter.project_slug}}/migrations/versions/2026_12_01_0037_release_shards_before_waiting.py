"""A shard that a reservation does not take money from is not locked while it waits for the windows."""

from alembic import op

revision = "0037"
down_revision = "0036"
phase = "expand"

# A row that another transaction changes between being read and being locked is checked again. One that no longer
# qualifies is not returned, but stays locked, until the subtransaction of a block with an exception handler fails.
CHOICE = "    select p.stripe, p.used_percent, p.free into shard from budget_shards p\n"
BLOCK = CHOICE.replace("    select", "    begin select").replace(" into ", " into strict ")
END = "    order by p.free desc limit 1 for update skip locked;\n"
BLOCK_END = END + "    exception when no_data_found then null; end;\n"


def upgrade() -> None:
    _replace_in_hold({CHOICE: BLOCK, END: BLOCK_END})


def downgrade() -> None:
    _replace_in_hold({BLOCK: CHOICE, BLOCK_END: END})


def _replace_in_hold(parts: dict[str, str]) -> None:
    connection = op.get_bind()
    body = connection.exec_driver_sql("select pg_get_functiondef('budget_hold'::regproc)").scalar()
    for part, other in parts.items():
        if body.count(part) != 1:
            raise RuntimeError(f"budget_hold has another text than this migration knows: {part}")
        body = body.replace(part, other)
    connection.exec_driver_sql(body.replace("%", "%%"))
