"""What other processes of the service call, where retrieval runs alone. The key of the process is checked before."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from app.core.clock import Deadline
from app.core.errors import Invalid, OutOfTime
from app.core.health import Health
from app.core.http import provided
from app.core.rooms import SECONDS_LEFT, seconds_left
from app.retrieval.domain import Evidence
from app.retrieval.domain.room_messages import SearchCall, evidence_message
from app.retrieval.service.retrieval import Retrieval

T = TypeVar("T")

CALLER_GONE = 499
"""The status in the log of a call whose caller did not wait for the reply; nobody receives it."""

room_router = APIRouter(tags=["room"])

RoomRetrieval = Annotated[Retrieval, provided(Retrieval)]
RoomHealth = Annotated[Health, provided(Health)]


class RoomCallInvalid(Invalid):
    code, title = "room_call_invalid", "The call of another process is not understood"
    action = "Run the same version of the service in both processes."


@room_router.post("/internal/v1/search")
async def search_for_room(request: Request, retrieval: RoomRetrieval) -> Response:
    """The passages that the tenant and the access groups in the call may read, within the seconds of the call."""
    try:
        call = SearchCall.model_validate_json(await request.body())
        seconds = seconds_left(request.headers.get(SECONDS_LEFT))
    except ValueError as error:
        raise RoomCallInvalid(_reason(error)) from error
    try:
        async with asyncio.timeout(seconds):
            evidence = await _while_connected(request, _search(retrieval, call, seconds))
    except TimeoutError as error:
        raise OutOfTime("The search did not end in the time of the call.") from error
    if evidence is None:
        return Response(status_code=CALLER_GONE)
    if await request.is_disconnected():
        retrieval.abandon(call.tenant_id, evidence)
    return Response(evidence_message(evidence), media_type="application/json")


@room_router.get("/internal/v1/ready")
async def ready_for_room(health: RoomHealth) -> Response:
    """Whether searches can be served, for a process whose key is right."""
    checks = await health.report()
    return JSONResponse({"checks": checks}, 200 if all(each == "ok" for each in checks.values()) else 503)


async def _search(retrieval: Retrieval, call: SearchCall, seconds: float) -> Evidence:
    return await retrieval.search(
        call.caller,
        call.query,
        deadline=Deadline.after(seconds, retrieval.clock),
        limit=call.limit,
        corpus_version=call.corpus_version,
        index=await retrieval.indexes.by_id(call.index_id) if call.index_id else None,
        params=call.search_params,
        charge=call.charge,
    )


async def _while_connected(request: Request, work: Awaitable[T]) -> T | None:
    """The result of `work`, which is cancelled when the caller disconnects; None then."""
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        left.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
    return f"{SECONDS_LEFT}: {error}."
