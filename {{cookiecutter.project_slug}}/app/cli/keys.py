from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, err, out, print_unmasked, with_state, with_tenant
from app.identity.domain import KeyTerms
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
    person: Annotated[str | None, typer.Option(help="Who is behind it: keys of one person count as one.")] = None,
    permission: Annotated[list[str] | None, typer.Option(help="At most these of its roles; may be repeated.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Address or network to call from; may be repeated.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Requests a minute, below the policy's.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="It expires after so many days.")] = None,
) -> None:
    """Create a key, and its tenant when it is new. The key is shown only once."""

    async def work(state: State) -> str:
        expires_at = state.clock.now() + timedelta(days=days) if days else None
        terms = KeyTerms(person, permission or None, host or (), per_minute, expires_at)
        tenant_id = await state.identity.ensure_tenant(tenant, actor())
        return (await state.identity.create_key(tenant_id, name, role or ["user"], group or [], actor(), terms)).text

    key = with_state(work)
    err.print(f"Key for {name} of {tenant}. Keep it now: it is stored nowhere.")
    print_unmasked(key)


@app.command("list")
def list_keys(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List a tenant's keys, without their secrets."""
    table = Table("prefix", "name", "person", "roles", "groups", "made", "used", "ends", "revoked")
    for row in with_tenant(tenant, lambda state, id: state.identity.list_keys(id)):
        moments = (row.last_used_at, row.expires_at, row.revoked_at)
        table.add_row(
            row.prefix,
            row.name,
            row.person or "",
            " ".join(row.roles),
            " ".join(row.groups),
            f"{row.created_at:%Y-%m-%d}",
            *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments),
        )
    out.print(table)


@app.command("webhook-secret")
def webhook_secret(
    name: Annotated[str, typer.Argument(help="Name or prefix of the key that asks.")], tenant: Tenant = DEFAULT_TENANT
) -> None:
    """Show the signing secret for the webhooks of a key. A new key has a new secret."""
    secret = with_tenant(tenant, lambda state, id: state.identity.show_webhook_secret(id, name, actor()))
    err.print(f"Secret of the webhooks of {name}. Keep it now: it is stored nowhere.", highlight=False)
    print_unmasked(secret)


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="The key's prefix.")], tenant: Tenant = DEFAULT_TENANT) -> None:
    """Refuse a key everywhere, at the latest from the next second on."""
    with_tenant(tenant, lambda state, id: state.identity.revoke_key(id, prefix.removeprefix("sk_"), actor()))
    out.print(f"The key {prefix} is revoked.")
