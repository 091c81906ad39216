from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, out, with_tenant

app = typer.Typer(help="People and service accounts of the identity provider.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Name of the tenant.")]
Id = Annotated[UUID, typer.Argument(help="The id that 'app identities list' shows.")]


@app.command("list")
def list_identities(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List the identities that have signed in with a token, with the roles and groups of the newest one."""
    table = Table("id", "name", "subject", "roles", "groups", "used", "revoked")
    for each in with_tenant(tenant, lambda state, id: state.identity.list_identities(id)):
        moments = (f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (each.last_used_at, each.revoked_at))
        table.add_row(str(each.id), each.name, each.subject, " ".join(each.roles), " ".join(each.groups), *moments)
    out.print(table)


@app.command()
def revoke(identity: Id, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Refuse all tokens of an identity, at the latest from the next second on."""
    with_tenant(tenant, lambda state, id: state.identity.revoke_identity(id, identity, actor()))
    out.print(f"The identity {identity} is revoked.")


@app.command()
def admit(identity: Id, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Accept the tokens of a revoked identity again."""
    with_tenant(tenant, lambda state, id: state.identity.admit_identity(id, identity, actor()))
    out.print(f"The identity {identity} is admitted again.")
