"""Tickets: what the shipped actions work on. A service with a ticket system of its own replaces these files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.errors import Conflict, NotFound

Status = Literal["open", "closed"]
TicketId = Annotated[str, Field(pattern=r"^T-[0-9]{1,9}$", description="The ticket's id, such as T-12.")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]

MOST_NOTES = 20
"""How many of a ticket's notes are shown, the newest."""


class TicketNotFound(NotFound):
    code, title = "ticket_not_found", "No such ticket"


class TicketClosed(Conflict):
    code, title = "ticket_closed", "The ticket is closed already"


@dataclass(frozen=True, slots=True)
class Note:
    """action_id: the action that wrote it; a note is never without one. documents: those it may hold words of."""

    at: datetime
    author: str
    text: str
    action_id: UUID
    documents: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    number: int
    title: str
    text: str
    status: Status
    created_at: datetime
    created_by: str
    notes: tuple[Note, ...] = ()

    @property
    def id(self) -> str:
        return f"T-{self.number}"


class LookUp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: TicketId


class AddNote(LookUp):
    text: Words = Field(description="The note, as people who work on the ticket will read it.")


class Close(LookUp):
    resolution: Words = Field(description="How it was resolved, in a sentence or two.")


def number_of(ticket: str) -> int:
    return int(ticket.removeprefix("T-"))


def told(ticket: Ticket) -> dict[str, Any]:
    """A ticket as a model reads it."""
    notes = [{"at": note.at.isoformat(), "author": note.author, "text": note.text} for note in ticket.notes]
    own = {"ticket": ticket.id, "title": ticket.title, "text": ticket.text, "status": ticket.status}
    return {**own, "created_at": ticket.created_at.isoformat(), "notes": notes}
