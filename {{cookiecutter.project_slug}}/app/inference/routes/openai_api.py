"""The OpenAI chat completions API. Errors are problems with the statuses that its clients expect, and with the member
`error` that they read the message from.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.errors import Invalid
from app.idempotency.domain import StoredResponse
from app.idempotency.service.http import REPLAYED, claim_request
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer import Answer, ModelNotFound, Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.source_list import source_list, url_citations
from app.inference.routes.chat_options import question_of
from app.inference.routes.dependencies import Asker, Keys, Service
from app.inference.routes.environment import environment_of
from app.inference.routes.events import EventStream, event, openai_error_event
from app.inference.routes.ignored_fields import WHOLE_CHAIN
from app.inference.routes.openai_schemas import COMPLETIONS
from app.inference.routes.replies import WAITS, ReplyFormat, respond
from app.inference.schemas import ChatCompletionRequest, Citations, ModelListResponse, ModelResponse
from app.inference.service import AssignedRelease
from app.inference.service.delivery import Reply, StreamStart
from app.llm.domain.messages import ToolCall

router = APIRouter(tags=["openai"])

CONVERSATION = "x-conversation"
WEBHOOK = "x-webhook"
CITATIONS = "x-citations"
HELD, CHUNK = "held", "chat.completion.chunk"
WITHHELD = "content_filter"
"""The only finish reason of this format that means that a text exists and is withheld."""

Lister = Annotated[Principal, require("models:read")]


class CitationsUnknown(Invalid):
    code, title, param = "citations_unknown", "The header X-Citations is `marks` or `list`", "citations"


@router.get("/v1/models")
async def models(caller: Lister, request: Request, answers: Service) -> ModelListResponse:
    """The names for `model`; `default` is the whole chain, in the order of the fallback."""
    names = answers.models(await answers.assign(caller, environment_of(request)))
    return ModelListResponse(data=[ModelResponse(id=name, owned_by=_owner(name)) for name in (WHOLE_CHAIN, *names)])


@router.get("/v1/models/{model:path}")
async def model(model: str, caller: Lister, request: Request, answers: Service) -> ModelResponse:
    """One of GET /v1/models."""
    names = answers.models(await answers.assign(caller, environment_of(request)))
    if model not in (WHOLE_CHAIN, *names):
        raise ModelNotFound(f"There is no model '{model[:80]}'.")
    return ModelResponse(id=model, owned_by=_owner(model))


def _owner(name: str) -> str:
    return "service" if name in (WHOLE_CHAIN, EXTRACTIVE) else "provider"


@router.post("/v1/chat/completions", responses=COMPLETIONS)
async def chat(body: ChatCompletionRequest, request: Request, caller: Asker, answers: Service, keys: Keys) -> Response:
    """Answers the last message of the user from the caller's documents, in the OpenAI chat format. The messages before
    it are its context; without any, those of the conversation that `X-Conversation` names.

    The additional field `answer` has citations, cost and the rest of POST /v1/answers. `tools` name actions of this
    service, which the model may propose, which run here, and whose states `answer.actions` has; or describe tools of
    the client, whose calls it gets as `tool_calls`. With a `response_format` the content is the client's JSON object.
    `X-Webhook` names an address that is notified when a held answer is decided, `X-Citations: list` asks for the
    sources at the end of the text. docs/reference/openai-compatibility.md has every field.
    """
    conversation, webhook = request.headers.get(CONVERSATION), request.headers.get(WEBHOOK)
    environment = environment_of(request)
    assigned = await answers.assign(caller, environment, conversation)
    body.citations = citations_of(request, body.citations)
    actions = answers.action_names(assigned) if body.tools else ()
    asked = question_of(body, actions)
    question = replace(asked, webhook=webhook, conversation=conversation)
    answers.check(assigned, question)
    form = form_of(body.citations, question, assigned)
    headers = {"conversation": conversation, "webhook": webhook, "environment": environment}
    claimed = await claim_request(request, keys, caller, body, assigned.loaded.deadline_seconds, **headers)
    chat_format = ReplyFormat(
        partial(_completion, form=form),
        partial(_chunks, with_usage=body.wants_usage, form=form),
        openai_error_event,
        partial(_streamed, with_usage=body.wants_usage),
    )
    return await respond(claimed, answers, caller, question, assigned, chat_format, bool(body.stream))


@dataclass(frozen=True)
class ReplyForm:
    """structured: the content is the client's JSON object. sources: writes the list at the end of the text, if any."""

    structured: bool = False
    sources: Callable[[Answer], str] | None = None

    def message(self, reply: Reply) -> dict[str, Any]:
        """The message of a reply, without its role."""
        if isinstance(reply, HeldAnswer):
            return {"content": None, "refusal": WAITS} if self.structured else {"content": WAITS, "refusal": None}
        if reply.tool_calls:
            calls = [_call(call) for call in reply.tool_calls]
            return {"content": None, "refusal": None, "tool_calls": calls}
        if self.structured:
            refused = reply.refusal is not None
            return {"content": None if refused else reply.text, "refusal": reply.text if refused else None}
        annotations = url_citations(reply)
        more = {"annotations": annotations} if annotations else {}
        return {"content": reply.text + self.ending(reply), "refusal": None, **more}

    def ending(self, reply: Reply) -> str:
        """What stands below the text."""
        if self.sources is None or isinstance(reply, HeldAnswer) or reply.refusal or reply.tool_calls:
            return ""
        return self.sources(reply)


def form_of(citations: Citations, question: Question, assigned: AssignedRelease) -> ReplyForm:
    """citations: as the request asks for them; None for those of the policy."""
    loaded = assigned.loaded
    if question.options.format is not None:
        return ReplyForm(structured=True)
    if (citations or loaded.security.output.sources) == "marks":
        return PLAIN_TEXT
    return ReplyForm(sources=lambda answer: source_list(answer, loaded.output_filter))


PLAIN_TEXT = ReplyForm()


def citations_of(request: Request, given: Citations) -> Citations:
    """Of the body or else of the header; in the body, it distinguishes requests with one Idempotency-Key.

    Errors: CitationsUnknown.
    """
    sent = request.headers.get(CITATIONS)
    if given or sent is None:
        return given
    if sent == "list":
        return "list"
    if sent == "marks":
        return "marks"
    raise CitationsUnknown


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _head(opening: StreamStart, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{opening.id.hex}",
        "object": kind,
        "created": int(opening.created_at.timestamp()),
        "model": opening.model,
    }


def _completion(reply: Reply, form: ReplyForm = PLAIN_TEXT) -> bytes:
    opening = StreamStart(reply.id, reply.created_at, HELD if isinstance(reply, HeldAnswer) else reply.model)
    message = {"role": "assistant", **form.message(reply)}
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply), "logprobs": None}
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

    def rest(self, message: Mapping[str, Any]) -> Iterator[bytes]:
        """What a message has besides text."""
        if message.get("refusal"):
            yield self._chunk({"refusal": message["refusal"]})
        if calls := message.get("tool_calls"):
            yield self._chunk({"tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]})

    def end(self, finish: str, answer: Any, annotations: Any = None) -> bytes:
        return self._chunk({"annotations": annotations} if annotations else {}, finish, answer=answer)

    def usage(self, usage: dict[str, int]) -> bytes:
        return event(None, orjson.dumps({**self.head, "choices": [], "usage": usage}))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event(None, orjson.dumps({**self.head, "choices": [choice], **more}))


DONE = event(None, b"[DONE]")


async def _chunks(
    pieces: AsyncGenerator[StreamStart | str | Reply, None], with_usage: bool, form: ReplyForm = PLAIN_TEXT
) -> AsyncGenerator[bytes, None]:
    chunks = _Chunks({})
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, StreamStart):
                chunks = _Chunks.of(piece)
                yield chunks.begin()
            elif isinstance(piece, str):
                if not form.structured:
                    yield chunks.text(piece)
            else:
                for chunk in _last_chunks(chunks, piece, form):
                    yield chunk
                if with_usage and not isinstance(piece, HeldAnswer):
                    yield chunks.usage(_usage(piece))
    yield DONE


def _last_chunks(chunks: _Chunks, reply: Reply, form: ReplyForm) -> Iterator[bytes]:
    """What follows the text that was sent piece by piece."""
    message = form.message(reply)
    whole = form.structured or isinstance(reply, HeldAnswer)
    if text := message["content"] if whole else form.ending(reply):
        yield chunks.text(text)
    yield from chunks.rest(message)
    yield chunks.end(_finish(reply), reply.as_dict(), message.get("annotations"))


def _finish(reply: Reply) -> str:
    return WITHHELD if isinstance(reply, HeldAnswer) else reply.finish_reason


def _streamed(stored: StoredResponse, with_usage: bool) -> EventStream:
    whole = orjson.loads(stored.body)
    [choice] = whole["choices"]
    message = choice["message"]
    chunks = _Chunks({name: whole[name] for name in ("id", "created", "model")} | {"object": CHUNK})

    async def events() -> AsyncGenerator[bytes, None]:
        yield chunks.begin()
        if message["content"] is not None:
            yield chunks.text(message["content"])
        for chunk in chunks.rest(message):
            yield chunk
        yield chunks.end(choice["finish_reason"], whole["answer"], message.get("annotations"))
        if with_usage and "usage" in whole:
            yield chunks.usage(whole["usage"])
        yield DONE

    return EventStream(events(), REPLAYED)


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.usage.input, answer.usage.output
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
