from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require
from app.inference.domain.answers import Question
from app.inference.domain.idempotency import Stored
from app.inference.domain.review import Held
from app.inference.routes.events import EventStream, as_event, ending_in_words, event, event_of, opened
from app.inference.routes.ignored import warnings_of_question
from app.inference.routes.keyed import REPLAYED, asked_with_key, environment_of, replayed
from app.inference.schemas import (
    AnswerKept,
    AnswerRequest,
    AnswerShown,
    AnswerWaiting,
    FeedbackRequest,
    HeldShown,
    ReplayShown,
)
from app.inference.service import Again, Answers, Archive, Keyed, Replays
from app.inference.service.answering import Opening, Reply, as_json

router = APIRouter(tags=["answers"])

Service = Annotated[Answers, provided(Answers)]
Archives = Annotated[Archive, provided(Archive)]
Replaying = Annotated[Replays, provided(Replays)]
Asker = Annotated[Principal, require("answers:write")]
Reader = Annotated[Principal, require("answers:read")]
Auditor = Annotated[Principal, require("answers:replay")]
Repeats = Annotated[Again, provided(Again)]
Critic = Annotated[Principal, require("feedback:write")]

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; as server-sent events `text` (pieces), `answer` (the whole) or `problem`.",
        "content": {"text/event-stream": {}},
    },
    202: {"description": "The answer waits for a person; `where` says where to look.", "model": HeldShown},
}
WAITS: dict[int | str, dict[str, Any]] = {
    202: {"description": "The answer still waits for a person.", "model": AnswerWaiting}
}
LONGEST_WAIT = 60


@router.post("/v1/answers", response_model=AnswerShown, responses=EVENTS)
async def ask(body: AnswerRequest, request: Request, caller: Asker, answers: Service, replays: Replaying) -> Response:
    """Answers a question from the caller's documents, with citations, or says that they hold no answer.

    An Idempotency-Key makes it safe to send the request again. `X-Environment: staging` asks the release in staging.
    202: the answer waits for a person, as policies/review.yaml wants; a stream then has one event, `held`.
    """
    question = Question(body.question, body.sentences, body.passages, body.max_tokens, body.temperature, body.model)
    question = replace(question, actions=tuple(body.actions), webhook=body.webhook, warnings=warnings_of_question(body))
    streaming = body.stream or "text/event-stream" in request.headers.get("accept", "")
    to = await answers.assign(caller, environment_of(request), body.conversation)
    answers.check(to, question)
    asked = await asked_with_key(request, replays, caller, body, to.serving.deadline_seconds)
    if asked.stored:
        return _streamed(asked.stored) if streaming and asked.stored.status < 400 else replayed(asked.stored)
    keyed = Keyed(asked.claim) if asked.claim else None

    async def work() -> Response:
        if streaming:
            events = asked.watch(_events(answers.stream(caller, question, keyed, to)))
            return await opened(ending_in_words(events, as_event))
        return replied(await answers.answer(caller, question, keyed, to))

    return await asked.carry_out(work)


def replied(reply: Reply) -> Response:
    if isinstance(reply, Held):
        return Response(as_json(reply), 202, {"location": reply.where}, "application/json")
    return Response(as_json(reply), media_type="application/json")


async def _events(pieces: AsyncGenerator[Opening | str | Reply, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                yield event_of("text", text=piece)
            elif not isinstance(piece, Opening):
                yield event("held" if isinstance(piece, Held) else "answer", as_json(piece))


def _streamed(stored: Stored) -> EventStream:
    async def events() -> AsyncGenerator[bytes, None]:
        if stored.status == 202:
            yield event("held", stored.body)
            return
        yield event_of("text", text=orjson.loads(stored.body)["text"])
        yield event("answer", stored.body)

    return EventStream(events(), REPLAYED)


@router.get("/v1/answers/{answer_id}", response_model=AnswerKept | AnswerWaiting, responses=WAITS)
async def show(
    answer_id: UUID,
    caller: Reader,
    archive: Archives,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a person's decision.")] = 0,
) -> Response:
    """An answer as it was delivered, with its question; of one that is held or was rejected, only that it is."""
    found = await archive.show(caller, answer_id, wait)
    return Response(orjson.dumps(found), 202 if found["status"] == "held" else 200, media_type="application/json")


@router.post("/v1/answers/{answer_id}/replay")
async def replay(answer_id: UUID, caller: Auditor, again: Repeats) -> ReplayShown:
    """Runs a past answer again on its own release and corpus version, and shows what differs."""
    return ReplayShown.of(await again.replay(caller, answer_id))


@router.post("/v1/answers/{answer_id}/feedback", status_code=204)
async def rate(answer_id: UUID, body: FeedbackRequest, caller: Critic, archive: Archives) -> None:
    """Says whether an answer helped. A second time replaces the first."""
    await archive.rate(caller, answer_id, body.helpful, body.comment)
