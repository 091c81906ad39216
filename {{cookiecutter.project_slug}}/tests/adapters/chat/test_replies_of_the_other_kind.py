"""A stream in reply to a plain request, and the reverse, is read; a rejected parameter is named."""

import orjson
import pytest

from app.adapters.chat.openai import OpenAIChat
from app.adapters.chat.standin import Fault, StandIn
from app.costs.domain import Usage
from app.llm.domain.errors import (
    RequestRejected,
)
from app.llm.domain.messages import Completion, CompletionEnd
from tests.adapters.chat.contract import chat_request, soon
from tests.adapters.chat.test_replies import HELLO, STOP, USAGE_CHUNK, Json, events, model, replied, streamed

__all__ = ["model"]


async def test_a_stream_that_answers_a_plain_request_is_read(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=events(": busy", *HELLO, STOP, USAGE_CHUNK)))
    assert await model.complete(chat_request(), soon()) == Completion(
        "Good day.", CompletionEnd("stop", Usage(7, output=3))
    )


async def test_a_plain_reply_that_answers_a_stream_is_read(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("Good ", "day."), whole=True, finish="length"))
    reply = await streamed(model)
    assert (reply.text, reply.end.finish, reply.end.estimated) == ("Good day.", "length", False)


async def test_azures_filter_results_are_ignored(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("Good ", "day."), async_filter=True))
    assert (await streamed(model)).text == "Good day."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "parameter"),
    [
        (400, {"error": {"code": "unsupported_value", "param": "temperature", "message": "…"}}, "temperature"),
        (400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}, "stream_options"),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}, "stream_options"),
        (400, {"error": {"code": "unsupported_parameter", "param": "max_tokens"}}, "max_tokens"),
        (403, {"error": {"message": "You are not allowed to request logprobs from this model"}}, "logprobs"),
        (400, {"error": {"code": "context_length_exceeded", "message": "max_tokens is too large"}}, None),
        (400, {"error": {"code": "invalid_value", "param": "messages", "message": "bad temperature"}}, None),
    ],
)
async def test_a_rejected_parameter_is_named_with_the_option_to_set(
    server: StandIn, model: OpenAIChat, status: int, body: Json, parameter: str | None, stream: bool
) -> None:
    server.faults.append(Fault(status, body=orjson.dumps(body)))
    with pytest.raises(RequestRejected) as raised:
        await replied(model, stream)
    assert raised.value.parameter == parameter
    assert ("in APP_MODEL_CHAIN" in str(raised.value)) == (parameter is not None)
