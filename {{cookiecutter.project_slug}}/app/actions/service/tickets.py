"""Tickets of a tenant. A service with a ticket system of its own replaces this file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain.ticket import Ticket, TicketNotFound, TicketStatus
from app.actions.repository import ticket_queries
from app.core.clock import Clock
from app.core.database import Database
from app.identity.domain import Principal


@dataclass(frozen=True)
class Tickets:
    """The tickets of each tenant, which the shipped actions read and change."""

    database: Database
    clock: Clock

    async def add(self, caller: Principal, title: str, text: str) -> Ticket:
        """Opens a ticket in the name of the caller."""
        async with self.database.transaction(caller.tenant_id) as connection:
            return await ticket_queries.add(connection, caller.tenant_id, title, text, caller.name, self.clock.now())

    async def list(
        self, caller: Principal, status: TicketStatus | None, before: int | None, limit: int
    ) -> Sequence[Ticket]:
        """The newest first, without their notes. before: a ticket's number."""
        async with self.database.read(caller.tenant_id) as connection:
            return await ticket_queries.find_page(connection, status, before, limit)

    async def show(self, caller: Principal, number: int) -> Ticket:
        """With the notes that the caller may read. Errors: TicketNotFound."""
        async with self.database.read(caller.tenant_id) as connection:
            return await find_ticket(connection, number, caller.groups)


async def find_ticket(connection: AsyncConnection, number: int, groups: Collection[str]) -> Ticket:
    """groups: the reader's, who sees only the notes that they may read. Errors: TicketNotFound."""
    ticket = await ticket_queries.find(connection, number, groups)
    if ticket is None:
        raise TicketNotFound(f"There is no ticket T-{number}.")
    return ticket
