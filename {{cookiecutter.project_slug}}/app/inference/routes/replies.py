"""What the routes that answer have in common: how they deliver a reply, and repeat one, each in its format."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import orjson
from fastapi.responses import Response

from app.core.errors import Problem
from app.idempotency.domain import StoredResponse
from app.idempotency.service.http import IdempotentRequest, repeated_response
from app.identity.domain import Principal
from app.inference.domain.answer import Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.routes.events import EventStream, error_as_final_event, start_after_first_event
from app.inference.service import Answers, AssignedRelease, IdempotentReply
from app.inference.service.delivery import Reply, StreamStart

WAITS = "This answer waits for a person to look at it."


@dataclass(frozen=True)
class ReplyFormat:
    """write: the body of a reply. stream: the events of one. fail: the last event of a stream that an error ends.
    repeat: a stored body as events.
    """

    write: Callable[[Reply], bytes]
    stream: Callable[[AsyncGenerator[StreamStart | str | Reply, None]], AsyncGenerator[bytes, None]]
    fail: Callable[[Problem], bytes]
    repeat: Callable[[StoredResponse], EventStream]


async def respond(
    claimed: IdempotentRequest,
    answers: Answers,
    caller: Principal,
    question: Question,
    assigned: AssignedRelease,
    reply_format: ReplyFormat,
    streaming: bool,
) -> Response:
    """Answers a question that was checked, or repeats the answer to its Idempotency-Key."""
    if claimed.stored:
        return repetition(claimed.stored, reply_format.repeat if streaming else None)
    idempotent = IdempotentReply(claimed.claim, reply_format.write) if claimed.claim else None

    async def process() -> Response:
        if streaming:
            events = claimed.guard(reply_format.stream(answers.stream(caller, question, idempotent, assigned)))
            return await start_after_first_event(error_as_final_event(events, reply_format.fail))
        reply = await answers.answer(caller, question, idempotent, assigned)
        return reply_response(reply_format.write(reply), reply)

    return await claimed.run(process)


def reply_response(body: bytes, reply: Reply) -> Response:
    """body: the reply in the format of the route. A held answer is 202 and says where the decision will be."""
    if isinstance(reply, HeldAnswer):
        return Response(body, 202, {"location": reply.where}, "application/json")
    return Response(body, media_type="application/json")


def repetition(stored: StoredResponse, stream: Callable[[StoredResponse], EventStream] | None) -> Response:
    """The reply to an earlier request with the same Idempotency-Key, with the headers that it had.

    stream: makes its events, where a stream is asked for.
    """
    if stream is not None and stored.status < 400:
        return stream(stored)
    if stored.status != 202:
        return repeated_response(stored)
    body = orjson.loads(stored.body)
    return repeated_response(stored, {"location": body.get("answer", body)["where"]})
