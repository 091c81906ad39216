from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.markup import escape
from rich.table import Column, Table

from app.actions.domain import ActionOffer, ActionState, ExternalToolStatus, StoredAction
from app.cli.common import DEFAULT_TENANT, out, with_caller, with_state
from app.wiring import State

app = typer.Typer(help="Actions that models proposed, and their results.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose actions.")]


@app.command("list")
def list_actions(
    tenant: Tenant = DEFAULT_TENANT,
    state: Annotated[ActionState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
) -> None:
    """Show a tenant's actions, the newest first."""
    table = Table(Column("action", no_wrap=True), "when (UTC)", "what", "state")
    found = with_caller(tenant, lambda built, caller: built.actions.proposals.list(caller, state=state, limit=limit))
    for each in found:
        what = f"{each.action} {orjson.dumps(each.arguments).decode()[:60]} for {each.requester}"
        table.add_row(str(each.id), f"{each.created_at:%Y-%m-%d %H:%M}", escape(what), each.state)
    out.print(table if table.row_count else "Nothing was proposed.")


@app.command()
def show(action: Annotated[UUID, typer.Argument(help="The action's id.")], tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show one action: what would run, for whom, and what became of it."""
    show_action(with_caller(tenant, lambda state, caller: state.actions.proposals.show(caller, action)))


@app.command()
def catalogue() -> None:
    """Show the actions that a request to the live release may name; before there is one, those of this folder."""

    async def work(state: State) -> Sequence[ActionOffer]:
        await state.environments.refresh()
        return state.actions.catalogue.offered()

    table = Table("name", "risk", "permission", "what it does")
    for offer in with_state(work):
        table.add_row(offer.name, offer.risk, offer.scope, escape(offer.description))
    out.print(table if table.row_count else "The live release offers no actions.")


@app.command()
def tools() -> None:
    """Show the tools of the MCP servers of the live release, with the digests by which policies/actions.yaml accepts
    them; before there is a release, those of this folder.
    """

    async def work(state: State) -> Sequence[ExternalToolStatus]:
        await state.environments.refresh()
        return await state.external_actions.status()

    found = with_state(work)
    if not found:
        out.print("The policy names no tools of MCP servers.")
    for tool in found:
        out.print(escape(f"{tool.server}: {tool.tool} is {tool.state.replace('_', ' ')}"), highlight=False)
        if tool.description is not None:
            lines = (f"  digest: {tool.description.digest}", f"  {tool.description.description}")
            for line in (*lines, f"  {orjson.dumps(tool.description.parameters).decode()}"):
                out.print(escape(printable(line)), highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Without what would move the cursor or hide text: a server wrote it."""
    return "".join(each if each.isprintable() else " " for each in text)


def show_action(stored: StoredAction) -> None:
    lines = [f"{stored.action} ({stored.risk}) for {stored.requester}: {stored.state}"]
    lines += [f"  {name}: {value}" for name, value in stored.arguments.items()]
    lines += [f"approved by {stored.approved_by}"] if stored.approved_by else []
    lines += [stored.reason] if stored.reason else []
    lines += [f"result: {orjson.dumps(stored.result).decode()}"] if stored.result is not None else []
    lines += [f"answer {stored.answer_id}, release {stored.release_id[:12]}, SHA-256 {stored.digest}"]
    for line in lines:
        out.print(escape(line), highlight=False, soft_wrap=True)
