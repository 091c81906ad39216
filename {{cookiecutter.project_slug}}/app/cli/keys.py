from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, err, out, with_state
from app.wiring import State

app = typer.Typer(help="API keys.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Name of the tenant.")]
ROLES = "user, reviewer, operator or admin; or service, for what concerns all tenants. May be repeated."


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    tenant: Tenant = DEFAULT_TENANT,
    role: Annotated[list[str] | None, typer.Option(help=ROLES)] = None,
    group: Annotated[list[str] | None, typer.Option(help="Access group the key belongs to; may be repeated.")] = None,
) -> None:
    """Make a key, and the tenant when it is new. The key is shown this once."""

    async def work(state: State) -> str:
        tenant_id = await state.identity.ensure_tenant(tenant, actor())
        return (await state.identity.create_key(tenant_id, name, role or ["user"], group or [], actor())).text

    key = with_state(work)
    err.print(f"Key for {name} of {tenant}. Keep it now: it is stored nowhere.")
    out.print(key, highlight=False, soft_wrap=True)


@app.command("list")
def list_keys(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List a tenant's keys, without their secrets."""

    async def work(state: State) -> None:
        table = Table("prefix", "name", "roles", "groups", "made", "revoked")
        for row in await state.identity.list_keys(await state.identity.tenant(tenant)):
            revoked = f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else ""
            table.add_row(
                row.prefix,
                row.name,
                " ".join(row.roles),
                " ".join(row.groups),
                f"{row.created_at:%Y-%m-%d}",
                revoked,
            )
        out.print(table)

    with_state(work)


@app.command("webhook-secret")
def webhook_secret(
    name: Annotated[str, typer.Argument(help="Name or prefix of the key that asks.")], tenant: Tenant = DEFAULT_TENANT
) -> None:
    """Show what signs the webhooks of a key, for who checks them. A new key has a new secret."""

    async def work(state: State) -> str:
        tenant_id = await state.identity.tenant(tenant)
        return await state.identity.show_webhook_secret(tenant_id, name, actor())

    secret = with_state(work)
    err.print(f"Secret of the webhooks of {name}. Keep it now: it is stored nowhere.", highlight=False)
    out.print(secret, highlight=False, soft_wrap=True)


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="The key's prefix.")], tenant: Tenant = DEFAULT_TENANT) -> None:
    """Refuse a key everywhere from the next second on."""

    async def work(state: State) -> None:
        await state.identity.revoke_key(await state.identity.tenant(tenant), prefix.removeprefix("sk_"), actor())

    with_state(work)
    out.print(f"The key {prefix} is revoked.")
