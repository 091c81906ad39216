from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.core.http import provided
from app.idempotency.domain import StoredResponse
from app.idempotency.service.http import REPLAYED, claim_request
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer import Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.routes.dependencies import Archives, Asker, Keys, Reader, Service
from app.inference.routes.environment import environment_of
from app.inference.routes.events import EventStream, event, event_of, problem_event
from app.inference.routes.ignored_fields import warnings_of_question
from app.inference.routes.replies import ReplyFormat, respond
from app.inference.schemas import (
    AnswerRequest,
    AnswerResponse,
    ArchivedAnswerResponse,
    FeedbackRequest,
    HeldAnswerResponse,
    PendingAnswerResponse,
    ReplayResponse,
)
from app.inference.service import AnswerReplays
from app.inference.service.delivery import Reply, StreamStart, as_json

router = APIRouter(tags=["answers"])

Auditor = Annotated[Principal, require("answers:replay")]
Replays = Annotated[AnswerReplays, provided(AnswerReplays)]
Critic = Annotated[Principal, require("feedback:write")]

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; as server-sent events `text` (pieces), `answer` (the whole) or `problem`.",
        "content": {"text/event-stream": {}},
    },
    202: {
        "description": "The answer is held for human review; `where` is its address.",
        "model": HeldAnswerResponse,
    },
}
WAITS: dict[int | str, dict[str, Any]] = {
    202: {"description": "The answer is held, or was rejected.", "model": PendingAnswerResponse}
}
LONGEST_WAIT = 60


@router.post("/v1/answers", response_model=AnswerResponse, responses=EVENTS)
async def ask(body: AnswerRequest, request: Request, caller: Asker, answers: Service, keys: Keys) -> Response:
    """Answers a question from the caller's documents, with citations, or says that they hold no answer.

    `conversation` makes the question a turn of a conversation: what it leaves out is taken from the turns before it,
    and `searched_for` shows what was searched for. An Idempotency-Key makes it safe to send the request again.
    `X-Environment: staging` asks the release in staging.
    202: the answer is held for human review, by policies/review.yaml; a stream then has one event, `held`.
    """
    question = Question(
        text=body.question,
        sentences=body.sentences,
        passages=body.passages,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        model=body.model,
        actions=tuple(body.actions),
        webhook=body.webhook,
        warnings=warnings_of_question(body),
        conversation=body.conversation,
    )
    streaming = body.stream or "text/event-stream" in request.headers.get("accept", "")
    environment = environment_of(request)
    assigned = await answers.assign(caller, environment, body.conversation)
    answers.check(assigned, question)
    seconds = assigned.loaded.deadline_seconds
    claimed = await claim_request(request, keys, caller, body, seconds, environment=environment)
    return await respond(claimed, answers, caller, question, assigned, OWN_FORMAT, streaming)


async def _events(pieces: AsyncGenerator[StreamStart | str | Reply, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                yield event_of("text", text=piece)
            elif not isinstance(piece, StreamStart):
                yield event("held" if isinstance(piece, HeldAnswer) else "answer", as_json(piece))


def _streamed(stored: StoredResponse) -> EventStream:
    async def events() -> AsyncGenerator[bytes, None]:
        if stored.status == 202:
            yield event("held", stored.body)
            return
        yield event_of("text", text=orjson.loads(stored.body)["text"])
        yield event("answer", stored.body)

    return EventStream(events(), REPLAYED)


OWN_FORMAT = ReplyFormat(as_json, _events, problem_event, _streamed)


@router.get("/v1/answers/{answer_id}", response_model=ArchivedAnswerResponse | PendingAnswerResponse, responses=WAITS)
async def show(
    answer_id: UUID,
    caller: Reader,
    archive: Archives,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a person's decision.")] = 0,
) -> Response:
    """An answer as it was delivered, with its question; of a held or rejected one only its state."""
    answer = await archive.show(caller, answer_id, wait)
    return Response(orjson.dumps(answer), 202 if answer["status"] == "held" else 200, media_type="application/json")


@router.post("/v1/answers/{answer_id}/replay")
async def replay(answer_id: UUID, caller: Auditor, replays: Replays) -> ReplayResponse:
    """Runs a past answer again on its own release and corpus version, and shows what differs."""
    return ReplayResponse.model_validate(await replays.replay(caller, answer_id))


@router.post("/v1/answers/{answer_id}/feedback", status_code=204)
async def rate(answer_id: UUID, body: FeedbackRequest, caller: Critic, archive: Archives) -> None:
    """Rates an answer. A second rating by the same key replaces the first."""
    await archive.rate(caller, answer_id, body.helpful, body.comment)
