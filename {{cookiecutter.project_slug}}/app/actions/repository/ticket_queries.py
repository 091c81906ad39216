from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionRun
from app.actions.domain.ticket import MAX_NOTES, LockedTicket, Ticket, TicketNote, TicketStatus
from app.actions.tables import ticket_notes, tickets
from app.core.access import readable_by
from app.core.ids import new_id
from app.core.locks import lock_name

TICKET = tickets.c
NOTE = ticket_notes.c

_ADD = text(
    """
    insert into tickets (id, tenant_id, number, title, text, status, created_at, created_by)
    select :id, :tenant, coalesce(max(number), 0) + 1, :title, :text, 'open', :at, :by
    from tickets where tenant_id = :tenant
    returning number, title, text, status, created_at, created_by
    """
)


async def add(connection: AsyncConnection, tenant_id: UUID, title: str, content: str, by: str, at: datetime) -> Ticket:
    """A tenant's tickets are numbered from 1, without gaps."""
    await lock_name(connection, f"tickets {tenant_id}")
    values = {"id": new_id(), "tenant": tenant_id, "title": title, "text": content, "by": by, "at": at}
    return _ticket((await connection.execute(_ADD, values)).one())


async def find(connection: AsyncConnection, number: int, groups: Collection[str]) -> Ticket | None:
    """With the newest notes that these groups may read, the oldest of them first."""
    row = (await connection.execute(select(tickets).where(TICKET.number == number))).first()
    if row is None:
        return None
    query = select(NOTE.at, NOTE.author, NOTE.text, NOTE.action_id, NOTE.documents).where(NOTE.ticket_id == row.id)
    query = query.where(readable_by(groups, NOTE.documents))
    notes = (await connection.execute(query.order_by(NOTE.at.desc(), NOTE.id.desc()).limit(MAX_NOTES))).all()
    return _ticket(row, tuple(_note(each) for each in reversed(notes)))


async def find_page(
    connection: AsyncConnection, status: TicketStatus | None, before: int | None, limit: int
) -> list[Ticket]:
    """The newest first, without their notes."""
    query = select(tickets).order_by(TICKET.number.desc()).limit(limit)
    if status is not None:
        query = query.where(TICKET.status == status)
    if before is not None:
        query = query.where(TICKET.number < before)
    return [_ticket(row) for row in await connection.execute(query)]


async def lock(connection: AsyncConnection, number: int) -> LockedTicket | None:
    """Locks the ticket until the end of the transaction."""
    query = select(TICKET.id, TICKET.status).where(TICKET.number == number).with_for_update()
    row = (await connection.execute(query)).first()
    return LockedTicket(row.id, row.status) if row else None


async def set_status(connection: AsyncConnection, ticket_id: UUID, status: TicketStatus) -> None:
    await connection.execute(update(tickets).where(TICKET.id == ticket_id).values(status=status))


async def add_note(connection: AsyncConnection, run: ActionRun, ticket_id: UUID, content: str) -> None:
    about = {"id": new_id(), "tenant_id": run.tenant_id, "ticket_id": ticket_id, "action_id": run.id}
    note = {**about, "at": run.at, "author": run.requester, "text": content, "documents": list(run.documents)}
    await connection.execute(insert(ticket_notes).values(note))


def _ticket(row: Row[Any], notes: tuple[TicketNote, ...] = ()) -> Ticket:
    return Ticket(row.number, row.title, row.text, row.status, row.created_at, row.created_by, notes)


def _note(row: Row[Any]) -> TicketNote:
    return TicketNote(row.at, row.author, row.text, row.action_id, tuple(row.documents))
