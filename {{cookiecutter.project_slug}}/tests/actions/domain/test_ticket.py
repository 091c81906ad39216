"""Tickets, as people and models name and read them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.actions.domain.ticket import (
    AddTicketNoteArguments,
    CloseTicketArguments,
    LookUpTicketArguments,
    Ticket,
    TicketNote,
    ticket_for_model,
    ticket_number,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTE = TicketNote(NOW, "keeper", "The lamp is lit.", UUID(int=1), (UUID(int=2),))
TICKET = Ticket(12, "Lamp", "It is dark.", "open", NOW, "asker", (NOTE,))


@given(st.integers(0, 999_999_999))
def test_the_id_of_a_ticket_names_its_number(number: int) -> None:
    ticket = Ticket(number, "", "", "open", NOW, "")
    assert ticket_number(ticket.id) == number
    assert LookUpTicketArguments(ticket=ticket.id).ticket == ticket.id


@pytest.mark.parametrize("ticket", ["", "12", "T-", "t-12", "T-1234567890", "T-12 ", "T--1", "T-12\n"])
def test_nothing_else_is_the_id_of_a_ticket(ticket: str) -> None:
    with pytest.raises(ValidationError):
        LookUpTicketArguments(ticket=ticket)


def test_a_model_reads_a_ticket_with_its_notes_and_no_ids_of_documents_or_actions() -> None:
    assert ticket_for_model(TICKET) == {
        "ticket": "T-12",
        "title": "Lamp",
        "text": "It is dark.",
        "status": "open",
        "created_at": "2026-01-01T12:00:00+00:00",
        "notes": [{"at": "2026-01-01T12:00:00+00:00", "author": "keeper", "text": "The lamp is lit."}],
    }


@pytest.mark.parametrize(
    ("arguments", "field"), [(AddTicketNoteArguments, "text"), (CloseTicketArguments, "resolution")]
)
def test_what_is_written_to_a_ticket_has_words_and_an_end(arguments: Any, field: str) -> None:
    assert getattr(arguments(ticket="T-1", **{field: "  done "}), field) == "done"
    for text in ("", "  \n", "x" * 2001):
        with pytest.raises(ValidationError):
            arguments(ticket="T-1", **{field: text})
