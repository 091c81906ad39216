"""The queue's own tables, as the queue's library ships them."""

from alembic import op
from procrastinate.schema import SchemaManager

from app.core.rls import SERVICE_ROLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema())
    for kind in ("tables", "sequences"):
        names = _names(kind)
        op.execute(f"grant all on {', '.join(names)} to {SERVICE_ROLE}".replace("on ", f"on {kind[:-1]} ", 1))
    op.execute(f"grant select on alembic_version to {SERVICE_ROLE}")


def _names(kind: str) -> list[str]:
    relkind = {"tables": "r", "sequences": "S"}[kind]
    rows = op.get_bind().exec_driver_sql(
        f"select relname from pg_class where relkind = '{relkind}' and relname like 'procrastinate\\_%%'"
    )
    return [row[0] for row in rows]


def downgrade() -> None:
    op.execute(
        "do $$ declare r record; begin "
        "for r in select oid::regprocedure::text as f from pg_proc where proname like 'procrastinate\\_%' loop "
        "execute 'drop function ' || r.f || ' cascade'; end loop; "
        "drop table procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers "
        "cascade; "
        "for r in select oid::regtype::text as t from pg_type "
        "where typname like 'procrastinate\\_%' and typtype in ('e','c') "
        "loop execute 'drop type if exists ' || r.t || ' cascade'; end loop; end $$"
    )
