"""The OpenAI Responses API, on the same answers as the chat door: a request is read as one in the chat format."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.idempotency.domain import StoredResponse
from app.idempotency.service.http import REPLAYED, claim_request
from app.identity.domain import Principal
from app.inference.domain.answer import AnswerNotFound, Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.routes.chat_options import question_of
from app.inference.routes.continued_calls import messages_before_results
from app.inference.routes.dependencies import Archives, Asker, Keys, Reader, Service
from app.inference.routes.environment import environment_of
from app.inference.routes.events import EventStream
from app.inference.routes.openai_api import CONVERSATION, WEBHOOK, ReplyForm, citations_of, form_of
from app.inference.routes.openai_schemas import RESPONSES, RETRIEVED
from app.inference.routes.replies import WAITS, ReplyFormat, respond
from app.inference.routes.responses_format import (
    Options,
    ResponseEvents,
    ResponseHead,
    response_of,
)
from app.inference.routes.responses_request import (
    PREFIX,
    CreateResponseRequest,
    answer_id_of,
    in_fields_of_responses,
    in_words_of_responses,
)
from app.inference.service import AnswerArchive, Answers, AssignedRelease, past_answers
from app.inference.service.delivery import Reply, StreamStart, as_json

router = APIRouter(tags=["openai"])

ResponseId = Annotated[str, Path(max_length=200, description=f"`{PREFIX}` and 32 digits.")]


@router.post("/v1/responses", responses=RESPONSES)
async def create(
    body: CreateResponseRequest, request: Request, caller: Asker, answers: Service, archive: Archives, keys: Keys
) -> Response:
    """Answers the last message of the user from the caller's documents, in the OpenAI Responses format.

    `annotations` of the text have the sources of its marks; `citations: list` or the header `X-Citations: list` asks
    for them at the end of the text, too. The additional field `answer` has citations, cost and the
    rest of POST /v1/answers. `previous_response_id` continues a response of the same key. `tools` name actions of this
    service, which run here, and whose states `answer.actions` has; or describe tools of the client, whose calls are
    items of the output. A held answer is `incomplete` with status 202;
    GET /v1/responses/{response_id} shows it once it is decided.
    """
    options = Options.of(body)
    body.citations = citations_of(request, body.citations)
    conversation, webhook = request.headers.get(CONVERSATION), request.headers.get(WEBHOOK)
    environment = environment_of(request)
    assigned = await answers.assign(caller, environment, conversation)
    with in_fields_of_responses():
        asked = await _question(body, caller, answers, archive, assigned)
        question = replace(asked, webhook=webhook, conversation=conversation)
        answers.check(assigned, question)
    form = form_of(body.citations, question, assigned)
    headers = {"conversation": conversation, "webhook": webhook, "environment": environment}
    claimed = await claim_request(request, keys, caller, body, assigned.loaded.deadline_seconds, **headers)

    def write(reply: Reply) -> bytes:
        return orjson.dumps(_response(reply, options, form))

    events = ResponseEvents(options)
    stream = partial(_events, events, options=options, form=form)
    response_format = ReplyFormat(write, stream, events.fail, partial(_streamed, options=options))
    return await respond(claimed, answers, caller, question, assigned, response_format, bool(body.stream))


@router.get("/v1/responses/{response_id}", responses=RETRIEVED)
async def retrieve(response_id: ResponseId, caller: Reader, archive: Archives) -> Response:
    """A response as it was delivered; of a held or rejected answer only its state.

    What the request said of tools, instructions and limits is not repeated.
    """
    answer_id = answer_id_of(response_id)
    if answer_id is None:
        raise AnswerNotFound(f"There is no response {response_id}.")
    answer = await archive.show(caller, answer_id)
    body = orjson.dumps(response_of(answer, Options()))
    return Response(body, 202 if answer["status"] == "held" else 200, media_type="application/json")


async def _question(
    body: CreateResponseRequest, caller: Principal, answers: Answers, archive: AnswerArchive, assigned: AssignedRelease
) -> Question:
    named = body.previous_response_id
    previous = None if named is None else answer_id_of(named)
    read_at = None if named is None else await archive.database.earliest_now()
    past = () if named is None else await past_answers(archive, caller, previous)
    before = messages_before_results(past[-1], not body.repeats_calls) if past and body.only_results else ()
    question = question_of(body.as_chat(before), answers.action_names(assigned) if body.tools else ())
    question = replace(question, warnings=(*in_words_of_responses(question.warnings), *body.own_warnings))
    turns = await answers.turns_of(caller, [each.id for each in (past[:-1] if before else past)])
    return replace(question, previous=previous, history=(*turns, *question.history), read_at=read_at)


def _response(reply: Reply, options: Options, form: ReplyForm) -> dict[str, Any]:
    return response_of(orjson.loads(as_json(reply)), options, form.ending(reply))


async def _events(
    events: ResponseEvents,
    pieces: AsyncGenerator[StreamStart | str | Reply, None],
    options: Options,
    form: ReplyForm,
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, StreamStart):
                yield events.begin(ResponseHead(piece.id.hex, int(piece.created_at.timestamp()), piece.model, options))
            elif isinstance(piece, str):
                if not options.structured:
                    yield events.text(piece)
            else:
                if isinstance(piece, HeldAnswer) and not options.structured:
                    yield events.text(WAITS)
                yield events.ending(form.ending(piece)) + events.end(_response(piece, options, form))


def _streamed(stored: StoredResponse, options: Options) -> EventStream:
    response = orjson.loads(stored.body)

    async def events() -> AsyncGenerator[bytes, None]:
        written = ResponseEvents(options)
        yield written.begin(ResponseHead.of(response, options))
        for item in response["output"]:
            if item["type"] == "message" and not options.structured:
                yield written.text(item["content"][0]["text"])
        yield written.end(response)

    return EventStream(events(), REPLAYED)
