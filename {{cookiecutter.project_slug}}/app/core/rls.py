"""Statements for migrations: row-level security, grants, append-only tables."""

from typing import Protocol

SERVICE_ROLE = "app_service"
"""The application's database role: owns nothing, cannot bypass row-level security."""

CURRENT_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"


class Operations(Protocol):
    def execute(self, sqltext: str, /) -> None: ...


def tenant_table(op: Operations, table: str, grants: str, key: str = "tenant_id") -> None:
    """Restrict a table to the rows of the current tenant, for the owner too, and grant the service its privileges."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy tenant_isolation on {table} "
        f"using ({key} = {CURRENT_TENANT}) with check ({key} = {CURRENT_TENANT})"
    )
    shared_table(op, table, grants)


def frozen(op: Operations, table: str) -> None:
    """Make a table append-only for every role. The migration of releases creates refuse_change()."""
    op.execute(
        f"create trigger {table}_frozen before update or delete or truncate on {table} "
        "for each statement execute function refuse_change()"
    )


def shared_table(op: Operations, table: str, grants: str) -> None:
    """Grant the service its privileges on a table without tenants."""
    op.execute(f"grant {grants} on {table} to {SERVICE_ROLE}")
