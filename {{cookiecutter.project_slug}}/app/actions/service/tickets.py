"""The shipped actions, on a table of tickets. A service with a ticket system of its own replaces this file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import RiskClass, Run
from app.actions.domain.tickets import (
    AddNote,
    Close,
    LookUp,
    Status,
    Ticket,
    TicketClosed,
    TicketNotFound,
    number_of,
    told,
)
from app.actions.ports import Action
from app.actions.repository import tickets as repository
from app.core.clock import Clock
from app.core.database import Database
from app.identity.domain import Principal


@dataclass(frozen=True)
class Tickets:
    """A tenant's tickets."""

    database: Database
    clock: Clock

    async def add(self, caller: Principal, title: str, said: str) -> Ticket:
        async with self.database.transaction(caller.tenant_id) as connection:
            return await repository.add(connection, caller.tenant_id, title, said, caller.name, self.clock.now())

    async def list(self, caller: Principal, status: Status | None, before: int | None, limit: int) -> Sequence[Ticket]:
        """The newest first, without their notes. before: a ticket's number."""
        async with self.database.read(caller.tenant_id) as connection:
            return await repository.page(connection, status, before, limit)

    async def show(self, caller: Principal, number: int) -> Ticket:
        """With the notes that the caller may read. Errors: TicketNotFound."""
        async with self.database.read(caller.tenant_id) as connection:
            return await _find(connection, number, caller.groups)


class LookUpTicket:
    name, scope, untrusted = "look_up_ticket", "tickets:read", True
    risk: ClassVar[RiskClass] = "read"
    description = "Looks up a ticket by its id: title, text, status and the newest notes."
    arguments: ClassVar[type[BaseModel]] = LookUp

    async def run(self, connection: AsyncConnection, run: Run, arguments: LookUp) -> Mapping[str, Any]:
        """Errors: TicketNotFound."""
        found = await _find(connection, number_of(arguments.ticket), run.groups)
        run.documents.update(*(note.documents for note in found.notes))
        return told(found)


class AddTicketNote:
    name, scope, untrusted = "add_ticket_note", "tickets:write", False
    risk: ClassVar[RiskClass] = "reversible"
    description = "Adds a note to a ticket, for the people who work on it."
    arguments: ClassVar[type[BaseModel]] = AddNote

    async def run(self, connection: AsyncConnection, run: Run, arguments: AddNote) -> Mapping[str, Any]:
        """Errors: TicketNotFound."""
        ticket_id, _ = await _locked(connection, arguments.ticket)
        await repository.note(connection, run, ticket_id, arguments.text)
        return {"ticket": arguments.ticket, "noted": True}


class CloseTicket:
    name, scope, untrusted = "close_ticket", "tickets:close", False
    risk: ClassVar[RiskClass] = "irreversible"
    description = "Closes a ticket for good, with a sentence on how it was resolved."
    arguments: ClassVar[type[BaseModel]] = Close

    async def run(self, connection: AsyncConnection, run: Run, arguments: Close) -> Mapping[str, Any]:
        """Errors: TicketNotFound, TicketClosed."""
        ticket_id, status = await _locked(connection, arguments.ticket)
        if status == "closed":
            raise TicketClosed(f"{arguments.ticket} is closed already.")
        await repository.set_status(connection, ticket_id, "closed")
        await repository.note(connection, run, ticket_id, arguments.resolution)
        return {"ticket": arguments.ticket, "status": "closed"}


SHIPPED: tuple[Action, ...] = (LookUpTicket(), AddTicketNote(), CloseTicket())


async def _find(connection: AsyncConnection, number: int, groups: Collection[str]) -> Ticket:
    found = await repository.find(connection, number, groups)
    if found is None:
        raise TicketNotFound(f"There is no ticket T-{number}.")
    return found


async def _locked(connection: AsyncConnection, ticket: str) -> tuple[UUID, Status]:
    found = await repository.locked(connection, number_of(ticket))
    if found is None:
        raise TicketNotFound(f"There is no ticket {ticket}.")
    return found.id, found.status
