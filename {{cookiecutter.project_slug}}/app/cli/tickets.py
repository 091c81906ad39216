from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.actions.domain.ticket import TicketNotFound, TicketStatus, ticket_number
from app.cli.common import DEFAULT_TENANT, out, with_caller

app = typer.Typer(help="Tickets: what the bundled actions create and change.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose tickets.")]


@app.command()
def add(
    title: Annotated[str, typer.Argument(help="What it is about, in a line.")],
    text: Annotated[str, typer.Option(help="The rest.")] = "",
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Open a ticket."""
    ticket = with_caller(tenant, lambda state, caller: state.tickets.add(caller, title, text or title))
    out.print(f"{ticket.id} is open.", highlight=False)


@app.command("list")
def list_tickets(
    tenant: Tenant = DEFAULT_TENANT,
    closed: Annotated[bool, typer.Option("--closed", help="The closed ones instead of the open ones.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
) -> None:
    """Show tickets, the newest first."""
    status: TicketStatus = "closed" if closed else "open"
    table = Table("ticket", "opened (UTC)", "by", "title")
    for ticket in with_caller(tenant, lambda state, caller: state.tickets.list(caller, status, None, limit)):
        table.add_row(ticket.id, f"{ticket.created_at:%Y-%m-%d %H:%M}", escape(ticket.created_by), escape(ticket.title))
    out.print(table if table.row_count else f"There are no {status} tickets.")


@app.command()
def show(ticket: Annotated[str, typer.Argument(help="Its id, such as T-12.")], tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show a ticket with its newest notes."""
    if not ticket.removeprefix("T-").isdecimal() or len(ticket) > 11:
        raise TicketNotFound(f"There is no ticket {ticket}; ids read like T-12.")
    stored = with_caller(tenant, lambda state, caller: state.tickets.show(caller, ticket_number(ticket)))
    out.print(escape(f"{stored.id}, {stored.status}: {stored.title}"), highlight=False)
    out.print(escape(stored.text), highlight=False)
    for note in stored.notes:
        out.print(escape(f"{note.at:%Y-%m-%d %H:%M} {note.author}: {note.text}"), highlight=False)
