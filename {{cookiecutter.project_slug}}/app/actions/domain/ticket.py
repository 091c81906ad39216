"""Tickets, which the shipped actions work on. A service with a ticket system of its own replaces these files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from app.core.base_models import ExactModel
from app.core.errors import Conflict, NotFound
from app.core.json_types import JsonObject

TicketStatus = Literal["open", "closed"]
TicketId = Annotated[str, Field(pattern=r"^T-[0-9]{1,9}$", description="The ticket's id, such as T-12.")]
TicketText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]

MAX_NOTES = 20
"""How many of a ticket's notes are shown, the newest."""


class TicketNotFound(NotFound):
    code, title = "ticket_not_found", "No such ticket"


class TicketClosed(Conflict):
    code, title = "ticket_closed", "The ticket is already closed"


@dataclass(frozen=True, slots=True)
class TicketNote:
    """action_id: the action that wrote it. documents: those that it may quote."""

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
    status: TicketStatus
    created_at: datetime
    created_by: str
    notes: tuple[TicketNote, ...] = ()

    @property
    def id(self) -> str:
        return f"T-{self.number}"


class LockedTicket(NamedTuple):
    id: UUID
    status: TicketStatus


class LookUpTicketArguments(ExactModel):
    ticket: TicketId


class AddTicketNoteArguments(LookUpTicketArguments):
    text: TicketText = Field(description="The note, as people who work on the ticket will read it.")


class CloseTicketArguments(LookUpTicketArguments):
    resolution: TicketText = Field(description="How it was resolved, in a sentence or two.")


def ticket_number(ticket: str) -> int:
    return int(ticket.removeprefix("T-"))


def ticket_for_model(ticket: Ticket) -> JsonObject:
    """A ticket as the model reads it, as JSON."""
    notes = [{"at": note.at.isoformat(), "author": note.author, "text": note.text} for note in ticket.notes]
    own = {"ticket": ticket.id, "title": ticket.title, "text": ticket.text, "status": ticket.status}
    return {**own, "created_at": ticket.created_at.isoformat(), "notes": notes}
