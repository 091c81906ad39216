"""The same answers for any client of the OpenAI API. Errors are problems with the statuses that such clients
know.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.errors import Invalid
from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require
from app.inference.domain.answers import EXTRACTIVE, Answer, Question
from app.inference.domain.idempotency import Stored
from app.inference.domain.review import Held
from app.inference.routes.events import EventStream, ending_in_words, event, opened
from app.inference.routes.keyed import asked_with_key, environment_of, replayed
from app.inference.schemas import ChatBody, ModelList, ModelShown
from app.inference.service import Answers, Keyed, Replays
from app.inference.service.answering import Reply

router = APIRouter(tags=["openai"])

WHOLE_CHAIN = "default"
CONVERSATION = "x-conversation"
WEBHOOK = "x-webhook"
WAITS = "This answer waits for a person to look at it."
WITHHELD = "content_filter"
"""The one way in which this format says that there is a text and that it is not shown."""

Service = Annotated[Answers, provided(Answers)]
Replaying = Annotated[Replays, provided(Replays)]
Asker = Annotated[Principal, require("answers:write")]
Lister = Annotated[Principal, require("models:read")]


class NoQuestion(Invalid):
    code, title = "no_question", "There is no question in the messages"
    action = "Let the last message be the user's, with text."


@router.get("/v1/models")
async def models(caller: Lister, request: Request, answers: Service) -> ModelList:
    """What may be named as `model`: `default` is the whole chain, best first."""
    names = answers.models(await answers.assign(caller, environment_of(request)))
    return ModelList(data=[ModelShown(id=name, owned_by=_owner(name)) for name in (WHOLE_CHAIN, *names)])


def _owner(name: str) -> str:
    return "service" if name in (WHOLE_CHAIN, EXTRACTIVE) else "provider"


@router.post("/v1/chat/completions")
async def chat(body: ChatBody, request: Request, caller: Asker, answers: Service, replays: Replaying) -> Response:
    """Answers the last message of the user from the caller's documents, in the OpenAI chat format.

    The field `answer` beside the format's own holds citations, cost and the rest of POST /v1/answers. `tools` name
    actions of this service: the model may propose them, they run here, and `answer.actions` tells what became of them.
    `X-Webhook` names an address to tell when an answer that waits for a person is decided.
    """
    question = replace(_question(body), webhook=request.headers.get(WEBHOOK))
    to = await answers.assign(caller, environment_of(request), request.headers.get(CONVERSATION))
    answers.check(to, question)
    asked = await asked_with_key(request, replays, caller, body, to.serving.deadline_seconds)
    if asked.stored:
        return _streamed(asked.stored) if body.stream and asked.stored.status == 200 else replayed(asked.stored)
    keyed = Keyed(asked.claim, _completion) if asked.claim else None

    async def work() -> Response:
        if body.stream:
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            events = asked.watch(_chunks(answers.stream(caller, question, keyed, to), body.model, with_usage))
            return await opened(ending_in_words(events, "error"))
        reply = await answers.answer(caller, question, keyed, to)
        return Response(_completion(reply), 202 if isinstance(reply, Held) else 200, media_type="application/json")

    return await asked.carry_out(work)


def _question(body: ChatBody) -> Question:
    last = body.messages[-1]
    if last.role != "user" or not last.text.strip():
        raise NoQuestion
    return Question(
        last.text,
        max_tokens=body.max_completion_tokens or body.max_tokens or 512,
        temperature=body.temperature if body.temperature is not None else 0.0,
        model=None if body.model == WHOLE_CHAIN else body.model,
        actions=body.actions,
    )


def _completion(reply: Reply) -> bytes:
    whole = {
        "id": f"chatcmpl-{reply.id.hex}",
        "object": "chat.completion",
        "created": int(reply.created_at.timestamp()),
    }
    if isinstance(reply, Held):
        message = {"role": "assistant", "content": WAITS, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": WITHHELD, "logprobs": None}
        return orjson.dumps({**whole, "model": "held", "choices": [choice], "answer": reply.as_dict()})
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return orjson.dumps(
        {**whole, "model": reply.model, "choices": [choice], "usage": _usage(reply), "answer": reply.as_dict()}
    )


async def _chunks(
    pieces: AsyncGenerator[str | Reply, None], model: str, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    head: dict[str, Any] = {"id": "chatcmpl-stream", "object": "chat.completion.chunk", "created": 0, "model": model}

    def chunk(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event(None, orjson.dumps({**head, "choices": [choice], **more}))

    begun = False
    async with aclosing(pieces):
        async for piece in pieces:
            if not begun:
                begun = True
                yield chunk({"role": "assistant", "content": ""})
            if isinstance(piece, Held):
                yield chunk({"content": WAITS})
                yield chunk({}, WITHHELD, answer=piece.as_dict())
            elif isinstance(piece, Answer):
                yield chunk({}, "stop", answer=piece.as_dict())
                if with_usage:
                    yield event(None, orjson.dumps({**head, "choices": [], "usage": _usage(piece)}))
            else:
                yield chunk({"content": piece})
    yield event(None, b"[DONE]")


def _streamed(stored: Stored) -> EventStream:
    whole = orjson.loads(stored.body)

    async def events() -> AsyncGenerator[bytes, None]:
        head = {name: whole[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        delta = {"role": "assistant", "content": whole["choices"][0]["message"]["content"]}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop", "logprobs": None}
        yield event(None, orjson.dumps({**head, "choices": [choice], "answer": whole["answer"]}))
        yield event(None, b"[DONE]")

    return EventStream(events())


def _usage(answer: Answer) -> dict[str, int]:
    read, written = answer.usage.input, answer.usage.output
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
