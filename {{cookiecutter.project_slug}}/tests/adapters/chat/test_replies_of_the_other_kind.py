"""A stream in reply to a plain request, and the reverse, is read."""

from app.adapters.chat.openai import OpenAIChat
from app.adapters.chat.standin import Fault, StandIn
from app.costs.domain import Usage
from app.llm.domain.messages import Completion, CompletionEnd
from tests.adapters.chat.contract import chat_request, soon
from tests.adapters.chat.test_replies import HELLO, STOP, USAGE_CHUNK, events, model, streamed

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
