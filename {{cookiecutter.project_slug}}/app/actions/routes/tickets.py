from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.actions.domain.tickets import Status
from app.actions.schemas.tickets import TicketPage, TicketRequest, TicketShown, TicketWhole
from app.actions.service import Tickets
from app.core.http import provided
from app.core.text import LARGEST_32
from app.identity.domain import Principal
from app.identity.service import require

router = APIRouter(tags=["tickets"])

Room = Annotated[Tickets, provided(Tickets)]
Reader = Annotated[Principal, require("tickets:read")]
Writer = Annotated[Principal, require("tickets:write")]


@router.post("/v1/tickets", status_code=201)
async def add_ticket(body: TicketRequest, caller: Writer, room: Room) -> TicketShown:
    """Opens a ticket; its number is the next of your tenant."""
    return TicketShown.of(await room.add(caller, body.title, body.text))


@router.get("/v1/tickets")
async def list_tickets(
    caller: Reader,
    room: Room,
    status: Annotated[Status | None, Query()] = None,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_32, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TicketPage:
    """Your tenant's tickets, the newest first."""
    return TicketPage.of(await room.list(caller, status, after, limit), limit)


@router.get("/v1/tickets/{number}")
async def show_ticket(number: Annotated[int, Path(ge=1, le=999_999_999)], caller: Reader, room: Room) -> TicketWhole:
    """A ticket with its newest notes."""
    return TicketWhole.whole(await room.show(caller, number))
