"""The shipped actions, on tickets. A service with a ticket system of its own replaces this file."""

from typing import ClassVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionRun, RiskClass
from app.actions.domain.ticket import (
    AddTicketNoteArguments,
    CloseTicketArguments,
    LockedTicket,
    LookUpTicketArguments,
    TicketClosed,
    TicketNotFound,
    ticket_for_model,
    ticket_number,
)
from app.actions.ports import Action
from app.actions.repository import ticket_queries
from app.actions.service.tickets import find_ticket
from app.core.json_types import JsonObject


class LookUpTicket:
    name, scope, untrusted = "look_up_ticket", "tickets:read", True
    risk: ClassVar[RiskClass] = "read"
    description = "Looks up a ticket by its id: title, text, status and the newest notes."
    arguments: ClassVar[type[BaseModel]] = LookUpTicketArguments

    async def run(self, connection: AsyncConnection, run: ActionRun, arguments: LookUpTicketArguments) -> JsonObject:
        """Errors: TicketNotFound."""
        ticket = await find_ticket(connection, ticket_number(arguments.ticket), run.groups)
        run.documents.update(*(note.documents for note in ticket.notes))
        return ticket_for_model(ticket)


class AddTicketNote:
    name, scope, untrusted = "add_ticket_note", "tickets:write", False
    risk: ClassVar[RiskClass] = "reversible"
    description = "Adds a note to a ticket, for the people who work on it."
    arguments: ClassVar[type[BaseModel]] = AddTicketNoteArguments

    async def run(self, connection: AsyncConnection, run: ActionRun, arguments: AddTicketNoteArguments) -> JsonObject:
        """Errors: TicketNotFound."""
        locked = await _lock(connection, arguments.ticket)
        await ticket_queries.add_note(connection, run, locked.id, arguments.text)
        return {"ticket": arguments.ticket, "noted": True}


class CloseTicket:
    name, scope, untrusted = "close_ticket", "tickets:close", False
    risk: ClassVar[RiskClass] = "irreversible"
    description = "Closes a ticket for good, with a sentence on how it was resolved."
    arguments: ClassVar[type[BaseModel]] = CloseTicketArguments

    async def run(self, connection: AsyncConnection, run: ActionRun, arguments: CloseTicketArguments) -> JsonObject:
        """Errors: TicketNotFound, TicketClosed."""
        locked = await _lock(connection, arguments.ticket)
        if locked.status == "closed":
            raise TicketClosed(f"{arguments.ticket} is closed already.")
        await ticket_queries.set_status(connection, locked.id, "closed")
        await ticket_queries.add_note(connection, run, locked.id, arguments.resolution)
        return {"ticket": arguments.ticket, "status": "closed"}


SHIPPED: tuple[Action, ...] = (LookUpTicket(), AddTicketNote(), CloseTicket())


async def _lock(connection: AsyncConnection, ticket: str) -> LockedTicket:
    locked = await ticket_queries.lock(connection, ticket_number(ticket))
    if locked is None:
        raise TicketNotFound(f"There is no ticket {ticket}.")
    return locked
