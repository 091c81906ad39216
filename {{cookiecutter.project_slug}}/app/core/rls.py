"""What migrations give to tables, written once: row-level security, grants, rows that never change."""

from typing import Protocol

SERVICE_ROLE = "app_service"
"""The role the application works as: owns nothing, cannot bypass row-level security."""

CURRENT_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"


class Operations(Protocol):
    def execute(self, sqltext: str, /) -> None: ...


def tenant_table(op: Operations, table: str, grants: str, key: str = "tenant_id") -> None:
    """Shows only the rows of the current tenant, to the owner too, and grants the service what it needs."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy tenant_isolation on {table} "
        f"using ({key} = {CURRENT_TENANT}) with check ({key} = {CURRENT_TENANT})"
    )
    shared_table(op, table, grants)


def frozen(op: Operations, table: str) -> None:
    """Lets rows be added, and never changed or removed by anybody. refuse_change() is made with the releases."""
    op.execute(
        f"create trigger {table}_frozen before update or delete or truncate on {table} "
        "for each statement execute function refuse_change()"
    )


def shared_table(op: Operations, table: str, grants: str) -> None:
    """A table that belongs to the service and not to a tenant."""
    op.execute(f"grant {grants} on {table} to {SERVICE_ROLE}")
