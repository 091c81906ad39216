from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.actions.domain import State
from app.actions.schemas.actions import ActionOffered, ActionPage, ActionShown, Catalogue
from app.actions.service import Actions
from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require

router = APIRouter(tags=["actions"])

Room = Annotated[Actions, provided(Actions)]
Caller = Annotated[Principal, require("actions:propose")]

LONGEST_WAIT = 60


@router.get("/v1/actions/catalogue")
async def show_catalogue(caller: Caller, room: Room) -> Catalogue:
    """The actions that a request to the live release may name, and what each takes."""
    return Catalogue(actions=[ActionOffered.of(offer) for offer in room.catalogue()])


@router.get("/v1/actions")
async def list_actions(
    caller: Caller,
    room: Room,
    state: Annotated[State | None, Query()] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    answer_id: Annotated[UUID | None, Query()] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ActionPage:
    """What models proposed on behalf of your key, the newest first; a reviewer sees everybody's."""
    return ActionPage.of(await room.list(caller, state, action, answer_id, after, limit), limit)


@router.get("/v1/actions/{action_id}")
async def show_action(
    action_id: UUID,
    caller: Caller,
    room: Room,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for its end.")] = 0,
) -> ActionShown:
    """An action and what became of it: done with its result, failed with the reason, or still to come."""
    return ActionShown.of(await room.show(caller, action_id, wait))
