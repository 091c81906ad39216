from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.actions.domain.tickets import Note, Status, Ticket, Words


class TicketRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
    text: Words = Field(pattern=r"^[^\x00]*$", description="What it is about.")


class NoteShown(BaseModel):
    at: datetime
    author: str
    text: str
    action_id: UUID = Field(description="The action that wrote it.")

    @classmethod
    def of(cls, note: Note) -> "NoteShown":
        return cls(at=note.at, author=note.author, text=note.text, action_id=note.action_id)


class TicketShown(BaseModel):
    number: int
    id: str = Field(description="How people and models call it, such as T-12.")
    title: str
    text: str
    status: Status
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, ticket: Ticket) -> "TicketShown":
        return cls(
            number=ticket.number,
            id=ticket.id,
            title=ticket.title,
            text=ticket.text,
            status=ticket.status,
            created_at=ticket.created_at,
            created_by=ticket.created_by,
        )


class TicketWhole(TicketShown):
    notes: list[NoteShown]

    @classmethod
    def whole(cls, ticket: Ticket) -> "TicketWhole":
        return cls(**TicketShown.of(ticket).model_dump(), notes=[NoteShown.of(note) for note in ticket.notes])


class TicketPage(BaseModel):
    items: list[TicketShown]
    next: int | None

    @classmethod
    def of(cls, found: Sequence[Ticket], limit: int) -> "TicketPage":
        more = found[-1].number if len(found) == limit else None
        return cls(items=[TicketShown.of(each) for each in found], next=more)
