from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from app.cli.common import (
    DEFAULT_TENANT,
    WhoseDocuments,
    next_page,
    out,
    page_after,
    show_facts,
    with_caller,
    write_result,
)
from app.identity.domain import Principal
from app.ingestion.domain.documents import ProcessingResult
from app.ingestion.domain.quarantine_reasons import ACTIONS
from app.ingestion.domain.views import QuarantineEntry
from app.wiring import State

app = typer.Typer(help="Quarantine: documents that are not served until a person decides.", no_args_is_help=True)

EntryId = Annotated[UUID, typer.Argument(help="The id of the entry, of 'app quarantine list'.")]
Note = Annotated[str, typer.Option(help="Why; it is stored with the decision.")]

AGAIN = 1


@app.command("list")
def list_entries(
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as near_duplicate.")] = None,
    decided: Annotated[bool, typer.Option("--all", help="Decided entries too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
    after: Annotated[str | None, typer.Option(help="What the page before ended with.")] = None,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """List what waits for a decision, the newest first."""
    if reason is not None and reason not in ACTIONS:
        raise typer.BadParameter(f"there is no reason {reason}; the reasons are {', '.join(sorted(ACTIONS))}.")
    cursor = page_after(after)
    found = with_caller(
        tenant,
        lambda state, caller: state.ingestion.list_quarantine(
            caller, reason=reason, undecided=not decided, after=cursor, limit=limit
        ),
    )
    folded = (Column(name, overflow="fold") for name in ("since (UTC)", "reason", "address", "decision"))
    table = Table(Column("entry", no_wrap=True), *folded)
    for each in found:
        cells = (f"{each.source}: {each.uri}", each.decision or "waits")
        table.add_row(str(each.id), f"{each.created_at:%Y-%m-%d %H:%M}", each.reason, *map(escape, cells))
    out.print(table if found else "Nothing waits for a decision.")
    next_page(found, limit)


@app.command()
def show(
    entry: EntryId,
    original: Annotated[Path | None, typer.Option(help="Write the uploaded file there; it may be malicious.")] = None,
    tenant: WhoseDocuments = DEFAULT_TENANT,
) -> None:
    """Show an entry: why the document is not served, and what helps."""

    async def work(state: State, caller: Principal) -> QuarantineEntry:
        if original is not None:
            write_result(original, (await state.ingestion.original(caller, entry)).data)
        return await state.ingestion.get_quarantine(caller, entry)

    found = with_caller(tenant, work)
    decided = f"{found.decision} at {found.decided_at:%Y-%m-%d %H:%M} UTC" if found.decided_at else ""
    show_facts(
        {
            "entry": found.id,
            "document": f"{found.document_id}, version {found.version}",
            "address": f"{found.source}: {found.uri}",
            "readers": ", ".join(found.access_groups) or "everybody",
            "file": f"{found.name}, {found.size:,} bytes, SHA-256 {found.sha256}",
            "reason": f"{found.reason}: {found.detail}",
            "what helps": ACTIONS.get(found.reason, ""),
            "same as": f"document {found.duplicate_of}" if found.duplicate_of else "",
            "findings": "; ".join(f"{each.rule}: {each.detail}" for each in found.findings),
            "decision": decided,
            "note": found.note or "",
        }
    )


@app.command()
def release(entry: EntryId, note: Note = "", tenant: WhoseDocuments = DEFAULT_TENANT) -> None:
    """Process the document again without the gate that it failed, now. Exit status 1: another gate holds it."""

    async def work(state: State, caller: Principal) -> tuple[UUID, ProcessingResult]:
        version = (await state.ingestion.get_quarantine(caller, entry)).version
        document = await state.ingestion.release(caller, entry, note)
        return document, await state.ingestion.process(caller.tenant_id, document, version)

    document, result = with_caller(tenant, work)
    if result.reason is not None:
        detail = f"{result.reason.code}: {result.reason.detail} {result.reason.action}"
        out.print(f"The document {document} is in quarantine again: {detail}", markup=False, highlight=False)
        raise typer.Exit(AGAIN)
    # A worker that took its job first publishes it.
    status = "published" if result.status == "published" else "released; a worker processes it"
    out.print(f"The document {document} is {status}.", highlight=False)


@app.command()
def discard(entry: EntryId, note: Note = "", tenant: WhoseDocuments = DEFAULT_TENANT) -> None:
    """Discard the version: its bytes are deleted, the entry is kept as a record."""
    document = with_caller(tenant, lambda state, caller: state.ingestion.discard(caller, entry, note))
    out.print(f"The version is discarded; document {document}.", highlight=False)
