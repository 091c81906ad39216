from collections.abc import Collection
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from app.cli.access_file import read_access_file
from app.cli.common import (
    DEFAULT_TENANT,
    WhoseDocuments,
    caller_at_the_command_line,
    err,
    next_page,
    out,
    page_after,
    show_facts,
    with_caller,
)
from app.core.errors import StartRefused
from app.identity.domain import Principal
from app.ingestion.domain.access_lists import AccessChange
from app.ingestion.domain.documents import Status
from app.ingestion.domain.quarantine_reasons import ACTIONS
from app.ingestion.domain.views import DocumentDetails
from app.wiring import State

app = typer.Typer(help="Documents, and who may read them.", no_args_is_help=True)

DocumentId = Annotated[UUID, typer.Argument(help="The id of the document.")]

Group = Annotated[list[str] | None, typer.Option(help="Who may read it; may be repeated.")]
Everybody = Annotated[bool, typer.Option("--everybody", help="Everybody of the tenant may read it.")]
AccessFile = Annotated[
    Path | None, typer.Option("--file", help="A YAML file with the new list; left out, the list is shown.")
]


@app.command("list")
def list_documents(
    status: Annotated[Status | None, typer.Option(help="Only those whose newest version is that far.")] = None,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
    after: Annotated[str | None, typer.Option(help="What the page before ended with.")] = None,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """List documents with their newest versions, the newest document first."""
    cursor = page_after(after)
    found = with_caller(
        tenant,
        lambda state, caller: state.ingestion.list(caller, status=status, source=source, after=cursor, limit=limit),
    )
    folded = (Column(name, overflow="fold") for name in ("status", "address", "source", "readers"))
    table = Table(Column("document", no_wrap=True), *folded)
    for each in found:
        cells = (_status(each), each.uri, each.source, ", ".join(each.access_groups) or "everybody")
        table.add_row(str(each.id), *(escape(cell) for cell in cells))
    out.print(table if found else "There are no such documents.")
    next_page(found, limit)


def _status(document: DocumentDetails) -> str:
    served = document.live_version not in (None, document.version)
    status = f"{document.status}: {document.reason}" if document.reason else document.status
    return f"{status}; version {document.live_version} is served" if served else status


@app.command()
def show(
    document: DocumentId,
    text: Annotated[bool, typer.Option("--text", help="The published text instead, as citations count it.")] = False,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Show a document with its findings and, where it is not served, the reason; or its text."""

    async def work(state: State, caller: Principal) -> tuple[DocumentDetails, str]:
        found = await state.ingestion.get(caller, document)
        if not text:
            return found, ""
        # The text is read as one of its readers: whoever runs commands on this machine may read everything.
        reader = caller_at_the_command_line(caller.tenant_id, found.access_groups)
        return found, (await state.live_search.document(reader, document)).text

    found, published = with_caller(tenant, work)
    if text:
        out.print(published, markup=False, highlight=False, soft_wrap=True)
        return
    show_facts(
        {
            "document": found.id,
            "title": found.title,
            "address": f"{found.source}: {found.uri}",
            "version": f"{found.version}, {_status(found)}",
            "readers": ", ".join(found.access_groups) or "everybody",
            "file": f"{found.name}, {found.size:,} bytes, SHA-256 {found.sha256}",
            "text": f"{found.characters:,} characters of {found.kind}" if found.characters is not None else "",
            "metadata": ", ".join(f"{name}: {value}" for name, value in found.metadata.items()),
            "findings": "; ".join(f"{each.rule}: {each.detail}" for each in found.findings),
            "why": f"{found.detail} {ACTIONS.get(found.reason, '')}" if found.reason else "",
            "decide": f"app quarantine show {found.quarantine_id}" if found.quarantine_id else "",
        }
    )


@app.command()
def delete(
    documents: Annotated[list[UUID], typer.Argument(help="The ids of the documents.")],
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Delete documents with their bytes, texts and chunks: the next search does not find them, in any release."""

    async def work(state: State, caller: Principal) -> None:
        for each in documents:
            await state.ingestion.delete(caller, each)
            out.print(f"The document {each} is deleted.", highlight=False)

    with_caller(tenant, work)


@app.command()
def access(
    document: DocumentId,
    group: Group = None,
    everybody: Everybody = False,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Set who may read a document and everything derived from it, from the next request on."""
    if bool(group) == everybody:
        raise StartRefused("Name the readers with --group, or say --everybody.")
    show_change(with_caller(tenant, lambda state, caller: state.ingestion.set_access(caller, document, group or ())))


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
    found = with_caller(tenant, lambda state, caller: state.ingestion.get_source_access(caller, name))
    table = Table("address", "readers")
    for rule in found.rules:
        table.add_row(escape(rule.uri), escape(", ".join(rule.access_groups) or "everybody"))
    out.print(table if found.rules else f"The source {name} has no access list.", markup=bool(found.rules))


def _replace(name: str, rules: list[tuple[str, Collection[str]]], tenant: str) -> None:
    show_change(with_caller(tenant, lambda state, caller: state.ingestion.set_source_access(caller, name, rules)))


def show_change(change: AccessChange) -> None:
    """Prints what a change of access did, and its warnings on standard error."""
    out.print(f"{change.changed} of {change.documents} documents have other readers now.", highlight=False)
    for warning in change.warnings:
        err.print(f"Warning: {warning}", highlight=False)
