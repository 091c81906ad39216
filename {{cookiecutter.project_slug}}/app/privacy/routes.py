from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.privacy.domain.requests import PrivacyRequest
from app.privacy.schemas import (
    HoldListResponse,
    HoldRequest,
    HoldResponse,
    LiftRequest,
    PrivacyRequestListResponse,
    PrivacyRequestResponse,
    SelectionRequest,
)
from app.privacy.service import Privacy

router = APIRouter(tags=["privacy"])

PrivacyService = Annotated[Privacy, provided(Privacy)]
PrivacyManager = Annotated[Principal, require("privacy:manage")]


@router.post("/v1/privacy/erasures", status_code=202)
async def erase(body: SelectionRequest, caller: PrivacyManager, privacy: PrivacyService) -> PrivacyRequestResponse:
    """Queues the erasure of everything of the caller's tenant that belongs to the selection. The same erasure again,
    while the first is not done, is that one. 409 when a legal hold is on any of it; nothing is erased then."""
    selection = await privacy.selection(caller.tenant_id, body.selector, body.value)
    request = await privacy.erasure.request(caller.tenant_id, selection, caller.name, body.reason)
    request.refuse_blocked()
    return _response(request, privacy)


@router.post("/v1/privacy/erasures/{privacy_request_id}/resume", status_code=202)
async def resume(privacy_request_id: UUID, caller: PrivacyManager, privacy: PrivacyService) -> PrivacyRequestResponse:
    """Queues an erasure again, such as one that a legal hold blocked. Nothing happens to one that is done."""
    request = await privacy.erasure.queue(caller.tenant_id, privacy_request_id)
    request.refuse_blocked()
    return _response(request, privacy)


@router.get("/v1/privacy/requests")
async def list_requests(
    caller: PrivacyManager, privacy: PrivacyService, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> PrivacyRequestListResponse:
    """Exports and erasures of the caller's tenant with their receipts, the newest first."""
    found = await privacy.erasure.requests(caller.tenant_id, limit)
    return PrivacyRequestListResponse(items=[_response(each, privacy) for each in found])


@router.get("/v1/privacy/requests/{privacy_request_id}")
async def show_request(
    privacy_request_id: UUID, caller: PrivacyManager, privacy: PrivacyService
) -> PrivacyRequestResponse:
    """One export or erasure: its state, its progress, and how much went from each store."""
    return _response(await privacy.erasure.find(caller.tenant_id, privacy_request_id), privacy)


@router.post(
    "/v1/privacy/exports", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}}
)
async def export(body: SelectionRequest, caller: PrivacyManager, privacy: PrivacyService) -> StreamingResponse:
    """Everything that belongs to the selection, of all access groups, as lines of JSON; the last one is the receipt.
    Without it the export is incomplete. It is streamed and stored nowhere."""
    selection = await privacy.selection(caller.tenant_id, body.selector, body.value)
    lines = privacy.export.export(caller.tenant_id, selection, caller.name, body.reason)
    return StreamingResponse(_with_first(await anext(lines), lines), media_type="application/x-ndjson")


async def _with_first(first: bytes, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for line in lines:
        yield line


@router.post("/v1/privacy/holds", status_code=201)
async def place_hold(body: HoldRequest, caller: PrivacyManager, privacy: PrivacyService) -> HoldResponse:
    """Places a legal hold: what it is on is erased by no request and by no age. The same hold again, while it is in
    force, is that one."""
    hold = await privacy.holds.place(caller.tenant_id, body.kind, body.subject_id, caller.name, body.reason)
    return HoldResponse.model_validate(hold)


@router.get("/v1/privacy/holds")
async def list_holds(caller: PrivacyManager, privacy: PrivacyService) -> HoldListResponse:
    """The legal holds of the caller's tenant that are in force, the oldest first."""
    holds = await privacy.holds.list(caller.tenant_id)
    return HoldListResponse(items=[HoldResponse.model_validate(hold) for hold in holds])


@router.post("/v1/privacy/holds/{hold_id}/lift", status_code=204)
async def lift_hold(hold_id: UUID, body: LiftRequest, caller: PrivacyManager, privacy: PrivacyService) -> None:
    """Lifts a legal hold. What it blocked is erased by a resume of the request."""
    await privacy.holds.lift(caller.tenant_id, hold_id, caller.name, body.reason)


def _response(request: PrivacyRequest, privacy: Privacy) -> PrivacyRequestResponse:
    return PrivacyRequestResponse.of(request, len(privacy.erasure.steps.steps))
