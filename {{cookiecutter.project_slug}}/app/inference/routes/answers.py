from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require
from app.inference.domain.answers import Answer, Question
from app.inference.domain.idempotency import Stored
from app.inference.routes.events import EventStream, ending_in_words, event, event_of, opened
from app.inference.routes.keyed import asked_with_key, environment_of, replayed
from app.inference.schemas import AnswerKept, AnswerRequest, AnswerShown, FeedbackRequest, ReplayShown
from app.inference.service import Again, Answers, Archive, Keyed, Replays
from app.inference.service.answering import as_json

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
    }
}


@router.post("/v1/answers", response_model=AnswerShown, responses=EVENTS)
async def ask(body: AnswerRequest, request: Request, caller: Asker, answers: Service, replays: Replaying) -> Response:
    """Answers a question from the caller's documents, with citations, or says that they hold no answer.

    An Idempotency-Key makes it safe to send the request again. `X-Environment: staging` asks the release in staging.
    """
    question = Question(body.question, body.sentences, body.passages, body.max_tokens, body.temperature, body.model)
    streaming = body.stream or "text/event-stream" in request.headers.get("accept", "")
    to = await answers.assign(caller, environment_of(request), body.conversation)
    answers.check(to, question)
    asked = await asked_with_key(request, replays, caller, body, to.serving.deadline_seconds)
    if asked.stored:
        return _streamed(asked.stored) if streaming and asked.stored.status == 200 else replayed(asked.stored)
    keyed = Keyed(asked.claim) if asked.claim else None

    async def work() -> Response:
        if streaming:
            events = asked.watch(_events(answers.stream(caller, question, keyed, to)))
            return await opened(ending_in_words(events, "problem"))
        return Response(as_json(await answers.answer(caller, question, keyed, to)), media_type="application/json")

    return await asked.carry_out(work)


async def _events(pieces: AsyncGenerator[str | Answer, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield event("answer", as_json(piece)) if isinstance(piece, Answer) else event_of("text", text=piece)


def _streamed(stored: Stored) -> EventStream:
    async def events() -> AsyncGenerator[bytes, None]:
        yield event("answer", stored.body)

    return EventStream(events())


@router.get("/v1/answers/{answer_id}", response_model=AnswerKept)
async def show(answer_id: UUID, caller: Reader, archive: Archives) -> Response:
    """An answer as it was delivered, with its question."""
    return Response(orjson.dumps(await archive.show(caller, answer_id)), media_type="application/json")


@router.post("/v1/answers/{answer_id}/replay")
async def replay(answer_id: UUID, caller: Auditor, again: Repeats) -> ReplayShown:
    """Runs a past answer again on its own release and corpus version, and shows what differs."""
    return ReplayShown.of(await again.replay(caller, answer_id))


@router.post("/v1/answers/{answer_id}/feedback", status_code=204)
async def rate(answer_id: UUID, body: FeedbackRequest, caller: Critic, archive: Archives) -> None:
    """Says whether an answer helped. A second time replaces the first."""
    await archive.rate(caller, answer_id, body.helpful, body.comment)
