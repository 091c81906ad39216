from collections.abc import Collection
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.access_file import read_access_file
from app.cli.common import DEFAULT_TENANT, WhoseDocuments, caller_in, err, out, with_state
from app.core.errors import StartRefused
from app.ingestion.domain.access_lists import AccessChange, SourceAccess
from app.wiring import State

app = typer.Typer(help="Who may read documents.", no_args_is_help=True)

Group = Annotated[list[str] | None, typer.Option(help="Who may read it; may be repeated.")]
Everybody = Annotated[bool, typer.Option("--everybody", help="Everybody of the tenant may read it.")]
AccessFile = Annotated[
    Path | None, typer.Option("--file", help="A YAML file with the new list; left out, the list is shown.")
]


@app.command()
def access(
    document: Annotated[UUID, typer.Argument(help="The id of the document.")],
    group: Group = None,
    everybody: Everybody = False,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Set who may read a document and everything derived from it, from the next request on."""
    if bool(group) == everybody:
        raise StartRefused("Name the readers with --group, or say --everybody.")

    async def work(state: State) -> AccessChange:
        return await state.ingestion.set_access(await caller_in(state, tenant), document, group or ())

    show_change(with_state(work))


@app.command()
def source(
    name: Annotated[str, typer.Argument(help="The source; see policies/data.yaml.")],
    file: AccessFile = None,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Show the access list of a source, or replace it: its documents follow from the next request on."""
    if file is not None:
        _replace(name, read_access_file(file), tenant)
        return

    async def work(state: State) -> SourceAccess:
        return await state.ingestion.get_source_access(await caller_in(state, tenant), name)

    found = with_state(work)
    table = Table("address", "readers")
    for rule in found.rules:
        table.add_row(escape(rule.uri), escape(", ".join(rule.access_groups) or "everybody"))
    out.print(table if found.rules else f"The source {name} has no access list.", markup=bool(found.rules))


def _replace(name: str, rules: list[tuple[str, Collection[str]]], tenant: str) -> None:
    async def work(state: State) -> AccessChange:
        return await state.ingestion.set_source_access(await caller_in(state, tenant), name, rules)

    show_change(with_state(work))


def show_change(change: AccessChange) -> None:
    """Prints what a change of access did, and its warnings on standard error."""
    out.print(f"{change.changed} of {change.documents} documents have other readers now.", highlight=False)
    for warning in change.warnings:
        err.print(f"Warning: {warning}", highlight=False)
