"""The table budget_purses is called budget_shards, in the functions that use it too."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_FUNCTIONS = sa.text(
    "select pg_get_functiondef(oid) from pg_proc "
    "where pronamespace = current_schema::regnamespace and proname like 'budget\\_%' and prosrc ~ :word"
)


def upgrade() -> None:
    _rename("purse", "shard")


def downgrade() -> None:
    _rename("shard", "purse")


def _rename(old: str, new: str) -> None:
    before, after = f"budget_{old}s", f"budget_{new}s"
    op.rename_table(before, after)
    for name in ("pk_{}", "ck_{}_amounts"):
        op.execute(f"alter table {after} rename constraint {name.format(before)} to {name.format(after)}")
    op.execute(f"alter index ix_{before}_by_day rename to ix_{after}_by_day")
    connection = op.get_bind()
    for definition in connection.scalars(_FUNCTIONS, {"word": old}).all():
        connection.exec_driver_sql(definition.replace(old, new).replace("%", "%%"))
