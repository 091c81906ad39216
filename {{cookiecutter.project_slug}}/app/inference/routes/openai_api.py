"""The OpenAI chat completions API. Errors are problems with the statuses that its clients expect, and with the member
`error` that they read the message from.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.errors import Invalid
from app.core.http import provided
from app.idempotency.domain import StoredResponse
from app.idempotency.service import IdempotencyKeys
from app.idempotency.service.http import REPLAYED, claim_request, repeated_response
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer import Answer, Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.routes.environment import environment_of
from app.inference.routes.events import (
    EventStream,
    error_as_final_event,
    event,
    openai_error_event,
    start_after_first_event,
)
from app.inference.routes.ignored_fields import warnings_of
from app.inference.schemas import ChatCompletionRequest, ModelListResponse, ModelResponse
from app.inference.service import Answers, IdempotentReply
from app.inference.service.delivery import Reply, StreamStart

router = APIRouter(tags=["openai"])

WHOLE_CHAIN = "default"
CONVERSATION = "x-conversation"
WEBHOOK = "x-webhook"
WAITS = "This answer waits for a person to look at it."
HELD, CHUNK = "held", "chat.completion.chunk"
WITHHELD = "content_filter"
"""The only finish reason of this format that means that a text exists and is withheld."""

Service = Annotated[Answers, provided(Answers)]
Keys = Annotated[IdempotencyKeys, provided(IdempotencyKeys)]
Asker = Annotated[Principal, require("answers:write")]
Lister = Annotated[Principal, require("models:read")]


class NoQuestion(Invalid):
    code, title, param = "no_question", "There is no question in the messages", "messages"
    action = "Let the last message be the user's, with text."


@router.get("/v1/models")
async def models(caller: Lister, request: Request, answers: Service) -> ModelListResponse:
    """The names for `model`; `default` is the whole chain, in the order of the fallback."""
    names = answers.models(await answers.assign(caller, environment_of(request)))
    return ModelListResponse(data=[ModelResponse(id=name, owned_by=_owner(name)) for name in (WHOLE_CHAIN, *names)])


def _owner(name: str) -> str:
    return "service" if name in (WHOLE_CHAIN, EXTRACTIVE) else "provider"


@router.post("/v1/chat/completions")
async def chat(body: ChatCompletionRequest, request: Request, caller: Asker, answers: Service, keys: Keys) -> Response:
    """Answers the last message of the user from the caller's documents, in the OpenAI chat format.

    The additional field `answer` has citations, cost and the rest of POST /v1/answers. `tools` name actions of this
    service: the model may propose them, they run here, and `answer.actions` has their states. `X-Webhook` names an
    address that is notified when a held answer is decided.
    """
    question = replace(_question(body), webhook=request.headers.get(WEBHOOK))
    assigned = await answers.assign(caller, environment_of(request), request.headers.get(CONVERSATION))
    answers.check(assigned, question)
    claimed = await claim_request(request, keys, caller, body, assigned.loaded.deadline_seconds)
    if claimed.stored:
        return _repeated(claimed.stored, body)
    idempotent = IdempotentReply(claimed.claim, _completion) if claimed.claim else None

    async def process() -> Response:
        if body.stream:
            events = claimed.guard(_chunks(answers.stream(caller, question, idempotent, assigned), body.wants_usage))
            return await start_after_first_event(error_as_final_event(events, openai_error_event))
        reply = await answers.answer(caller, question, idempotent, assigned)
        if isinstance(reply, HeldAnswer):
            return Response(_completion(reply), 202, {"location": reply.where}, "application/json")
        return Response(_completion(reply), media_type="application/json")

    return await claimed.run(process)


def _question(body: ChatCompletionRequest) -> Question:
    last = body.messages[-1]
    if last.role != "user" or not last.text.strip():
        raise NoQuestion
    return Question(
        last.text,
        max_tokens=body.max_completion_tokens or body.max_tokens or 512,
        temperature=body.temperature if body.temperature is not None else 0.0,
        model=None if body.model == WHOLE_CHAIN else body.model,
        actions=body.actions,
        warnings=warnings_of(body),
    )


def _head(opening: StreamStart, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{opening.id.hex}",
        "object": kind,
        "created": int(opening.created_at.timestamp()),
        "model": opening.model,
    }


def _completion(reply: Reply) -> bytes:
    opening = StreamStart(reply.id, reply.created_at, HELD if isinstance(reply, HeldAnswer) else reply.model)
    message = {"role": "assistant", "content": WAITS if isinstance(reply, HeldAnswer) else reply.text, "refusal": None}
    finish = WITHHELD if isinstance(reply, HeldAnswer) else reply.finish_reason
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = {} if isinstance(reply, HeldAnswer) else {"usage": _usage(reply)}
    head = _head(opening, "chat.completion")
    return orjson.dumps({**head, "choices": [choice], **usage, "answer": reply.as_dict()})


@dataclass(frozen=True)
class _Chunks:
    """The chunks of one streamed completion. head: the fields that they have in common."""

    head: dict[str, Any]

    @classmethod
    def of(cls, opening: StreamStart) -> "_Chunks":
        return cls(_head(opening, CHUNK))

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def end(self, finish: str, answer: Any) -> bytes:
        return self._chunk({}, finish, answer=answer)

    def usage(self, usage: dict[str, int]) -> bytes:
        return event(None, orjson.dumps({**self.head, "choices": [], "usage": usage}))

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event(None, orjson.dumps({**self.head, "choices": [choice], **more}))


DONE = event(None, b"[DONE]")


async def _chunks(
    pieces: AsyncGenerator[StreamStart | str | Reply, None], with_usage: bool
) -> AsyncGenerator[bytes, None]:
    chunks = _Chunks({})
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, StreamStart):
                chunks = _Chunks.of(piece)
                yield chunks.begin()
            elif isinstance(piece, str):
                yield chunks.text(piece)
            elif isinstance(piece, HeldAnswer):
                yield chunks.text(WAITS)
                yield chunks.end(WITHHELD, piece.as_dict())
            else:
                yield chunks.end(piece.finish_reason, piece.as_dict())
                if with_usage:
                    yield chunks.usage(_usage(piece))
    yield DONE


def _repeated(stored: StoredResponse, body: ChatCompletionRequest) -> Response:
    if body.stream and stored.status < 400:
        return _streamed(stored, body.wants_usage)
    held = stored.status == 202
    return repeated_response(stored, {"location": orjson.loads(stored.body)["answer"]["where"]} if held else None)


def _streamed(stored: StoredResponse, with_usage: bool) -> EventStream:
    whole = orjson.loads(stored.body)
    [choice] = whole["choices"]
    chunks = _Chunks({name: whole[name] for name in ("id", "created", "model")} | {"object": CHUNK})

    async def events() -> AsyncGenerator[bytes, None]:
        yield chunks.begin()
        yield chunks.text(choice["message"]["content"])
        yield chunks.end(choice["finish_reason"], whole["answer"])
        if with_usage and "usage" in whole:
            yield chunks.usage(whole["usage"])
        yield DONE

    return EventStream(events(), REPLAYED)


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.usage.input, answer.usage.output
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
