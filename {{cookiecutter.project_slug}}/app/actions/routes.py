from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from app.actions.domain import ActionState
from app.actions.domain.ticket import TicketStatus
from app.actions.schemas import (
    ActionCatalogueResponse,
    ActionOfferResponse,
    ActionPageResponse,
    ActionResponse,
    TicketPageResponse,
    TicketRequest,
    TicketResponse,
    TicketWithNotesResponse,
)
from app.actions.service import ActionCatalogue, ActionProposals, Tickets
from app.core.http import provided
from app.core.text import LARGEST_32
from app.identity.domain import Principal
from app.identity.service.caller import require

router = APIRouter()

CatalogueService = Annotated[ActionCatalogue, provided(ActionCatalogue)]
ProposalService = Annotated[ActionProposals, provided(ActionProposals)]
TicketService = Annotated[Tickets, provided(Tickets)]
Proposer = Annotated[Principal, require("actions:propose")]
TicketReader = Annotated[Principal, require("tickets:read")]
TicketWriter = Annotated[Principal, require("tickets:write")]

MAX_WAIT_SECONDS = 60


@router.get("/v1/actions/catalogue", tags=["actions"])
async def show_catalogue(caller: Proposer, catalogue: CatalogueService) -> ActionCatalogueResponse:
    """The actions that a request to the live release may name, with their parameters."""
    return ActionCatalogueResponse(actions=[ActionOfferResponse.of(offer) for offer in catalogue.offered()])


@router.get("/v1/actions", tags=["actions"])
async def list_actions(
    caller: Proposer,
    proposals: ProposalService,
    state: Annotated[ActionState | None, Query()] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    answer_id: Annotated[UUID | None, Query()] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ActionPageResponse:
    """Actions that models proposed on behalf of your key, the newest first; a reviewer sees those of all keys."""
    return ActionPageResponse.of(await proposals.list(caller, state, action, answer_id, after, limit), limit)


@router.get("/v1/actions/{action_id}", tags=["actions"])
async def show_action(
    action_id: UUID,
    caller: Proposer,
    proposals: ProposalService,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for its end.")] = 0,
) -> ActionResponse:
    """An action and its state: with its result when done, with the reason when failed."""
    return ActionResponse.of(await proposals.show(caller, action_id, wait))


@router.post("/v1/tickets", status_code=201, tags=["tickets"])
async def add_ticket(body: TicketRequest, caller: TicketWriter, tickets: TicketService) -> TicketResponse:
    """Opens a ticket; its number is the next of your tenant."""
    return TicketResponse.model_validate(await tickets.add(caller, body.title, body.text))


@router.get("/v1/tickets", tags=["tickets"])
async def list_tickets(
    caller: TicketReader,
    tickets: TicketService,
    status: Annotated[TicketStatus | None, Query()] = None,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_32, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TicketPageResponse:
    """Your tenant's tickets, the newest first."""
    return TicketPageResponse.of(await tickets.list(caller, status, after, limit), limit)


@router.get("/v1/tickets/{number}", tags=["tickets"])
async def show_ticket(
    number: Annotated[int, Path(ge=1, le=999_999_999)], caller: TicketReader, tickets: TicketService
) -> TicketWithNotesResponse:
    """A ticket with its newest notes."""
    return TicketWithNotesResponse.model_validate(await tickets.show(caller, number))
