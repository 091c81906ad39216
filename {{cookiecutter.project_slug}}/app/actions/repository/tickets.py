from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import Run
from app.actions.domain.tickets import MOST_NOTES, Note, Status, Ticket
from app.actions.tables import ticket_notes, tickets
from app.core.access import readable_by
from app.core.ids import new_id
from app.core.locks import lock_name

OWN = tickets.c
NOTE = ticket_notes.c

_ADD = text(
    """
    insert into tickets (id, tenant_id, number, title, text, status, created_at, created_by)
    select :id, :tenant, coalesce(max(number), 0) + 1, :title, :text, 'open', :at, :by
    from tickets where tenant_id = :tenant
    returning number, title, text, status, created_at, created_by
    """
)


async def add(connection: AsyncConnection, tenant_id: UUID, title: str, said: str, by: str, at: datetime) -> Ticket:
    """A tenant's tickets are numbered from 1, without gaps."""
    await lock_name(connection, f"tickets {tenant_id}")
    values = {"id": new_id(), "tenant": tenant_id, "title": title, "text": said, "by": by, "at": at}
    return _ticket((await connection.execute(_ADD, values)).one())


async def find(connection: AsyncConnection, number: int, groups: Collection[str]) -> Ticket | None:
    """With the newest notes that whoever holds these groups may read, the oldest of them first."""
    row = (await connection.execute(select(tickets).where(OWN.number == number))).first()
    if row is None:
        return None
    wanted = select(NOTE.at, NOTE.author, NOTE.text, NOTE.action_id, NOTE.documents).where(NOTE.ticket_id == row.id)
    wanted = wanted.where(readable_by(groups, NOTE.documents))
    found = (await connection.execute(wanted.order_by(NOTE.at.desc(), NOTE.id.desc()).limit(MOST_NOTES))).all()
    return _ticket(row, tuple(_note(each) for each in reversed(found)))


async def page(connection: AsyncConnection, status: Status | None, before: int | None, limit: int) -> list[Ticket]:
    """The newest first, without their notes."""
    wanted = select(tickets).order_by(OWN.number.desc()).limit(limit)
    if status is not None:
        wanted = wanted.where(OWN.status == status)
    if before is not None:
        wanted = wanted.where(OWN.number < before)
    return [_ticket(row) for row in await connection.execute(wanted)]


async def locked(connection: AsyncConnection, number: int) -> Row[Any, Any] | None:
    """The id and the status of a ticket that nobody else changes until the end of the transaction."""
    wanted = select(OWN.id, OWN.status).where(OWN.number == number).with_for_update()
    return (await connection.execute(wanted)).first()


async def set_status(connection: AsyncConnection, ticket_id: UUID, status: Status) -> None:
    await connection.execute(update(tickets).where(OWN.id == ticket_id).values(status=status))


async def note(connection: AsyncConnection, run: Run, ticket_id: UUID, said: str) -> None:
    about = {"id": new_id(), "tenant_id": run.tenant_id, "ticket_id": ticket_id, "action_id": run.id}
    note = {**about, "at": run.at, "author": run.requester, "text": said, "documents": list(run.documents)}
    await connection.execute(insert(ticket_notes).values(note))


def _ticket(row: Row[Any], notes: tuple[Note, ...] = ()) -> Ticket:
    return Ticket(row.number, row.title, row.text, row.status, row.created_at, row.created_by, notes)


def _note(row: Row[Any]) -> Note:
    return Note(row.at, row.author, row.text, row.action_id, tuple(row.documents))
