"""What the routes that answer have in common, whatever their format: a held reply, and a repeated one."""

from collections.abc import Callable

import orjson
from fastapi.responses import Response

from app.idempotency.domain import StoredResponse
from app.idempotency.service.http import repeated_response
from app.inference.domain.human_review import HeldAnswer
from app.inference.routes.events import EventStream
from app.inference.service.delivery import Reply

WAITS = "This answer waits for a person to look at it."


def reply_response(body: bytes, reply: Reply) -> Response:
    """body: the reply in the format of the route. A held answer is 202 and says where the decision will be."""
    if isinstance(reply, HeldAnswer):
        return Response(body, 202, {"location": reply.where}, "application/json")
    return Response(body, media_type="application/json")


def repetition(stored: StoredResponse, stream: Callable[[], EventStream] | None) -> Response:
    """The reply to an earlier request with the same Idempotency-Key, with the headers that it had.

    stream: makes its events, where a stream is asked for.
    """
    if stream is not None and stored.status < 400:
        return stream()
    if stored.status != 202:
        return repeated_response(stored)
    body = orjson.loads(stored.body)
    return repeated_response(stored, {"location": body.get("answer", body)["where"]})
