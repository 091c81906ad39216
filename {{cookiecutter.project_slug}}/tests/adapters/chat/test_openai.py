import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio

from app.adapters.chat.fields import FieldRules
from app.adapters.chat.openai import OpenAIChat, azure_endpoint, openai_endpoint
from app.adapters.chat.standin import Fault, StandIn
from app.adapters.chat.wire import Dialect
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from app.costs.domain import Usage
from app.llm.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    InvalidResponse,
    ModelFailure,
    ModelOverloaded,
    ModelTimeout,
    ModelUnreachable,
    RequestRejected,
    ServerError,
    StreamInterrupted,
)
from app.llm.domain.messages import RemainingUsage
from tests.adapters.chat.contract import chat_request, read, soon
from tests.clock import leap, until


@pytest_asyncio.fixture
async def model(server: StandIn) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        endpoint = openai_endpoint("m", server.url, "the-model", ("secret",), idle_seconds=100)
        yield OpenAIChat(endpoint, transport, SystemClock())


def reply_body(**choice: Any) -> bytes:
    return orjson.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})


async def test_the_request_has_the_fields_of_the_format(server: StandIn, model: OpenAIChat) -> None:
    await read(model, chat_request("Why?"), soon())
    call = server.calls[0]
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == "bearer secret"
    assert call.body["model"] == "the-model"
    assert call.body["max_tokens"] == 24
    assert call.body["stream_options"] == {"include_usage": True}
    assert [m["role"] for m in call.body["messages"]] == ["system", "user"]


async def test_azure_takes_deployment_version_and_key_in_other_places(server: StandIn) -> None:
    base = server.url.removesuffix("/v1")
    async with make_transport() as transport:
        dialect = Dialect(FieldRules(rename={"max_tokens": "max_completion_tokens"}))
        endpoint = azure_endpoint("a", base, "dep", ("secret",), "2025-01-01", dialect=dialect)
        await OpenAIChat(endpoint, transport, SystemClock()).complete(chat_request(), soon())
    call = server.calls[0]
    assert call.path == "/openai/deployments/dep/chat/completions?api-version=2025-01-01"
    assert call.headers["api-key"] == "secret"
    assert "authorization" not in call.headers
    assert call.body["max_completion_tokens"] == 24


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (401, {"code": "invalid_api_key"}, AuthenticationFailed),
        (402, {"code": 402}, AuthenticationFailed),
        (403, "forbidden", AuthenticationFailed),
        (429, {"code": 429}, ModelOverloaded),
        (429, {"code": "insufficient_quota"}, AuthenticationFailed),
        (500, None, ServerError),
        (503, {"code": 503, "type": "unavailable_error"}, ServerError),
        (400, {"code": 400, "type": "exceed_context_size_error"}, RequestRejected),
        (404, {"code": "model_not_found"}, RequestRejected),
        (400, {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}, ContentFiltered),
    ],
)
async def test_each_status_has_its_failure(
    server: StandIn, model: OpenAIChat, status: int, error: object, expected: type[ModelFailure]
) -> None:
    body = b"<html>" if error is None else orjson.dumps({"error": error})
    server.faults.extend([Fault(status, body=body)] * 2)
    with pytest.raises(expected):
        await model.complete(chat_request(), soon())
    with pytest.raises(expected):
        await read(model, chat_request(), soon())


async def test_a_failure_never_contains_the_providers_message(server: StandIn, model: OpenAIChat) -> None:
    error = {"message": "Your prompt 'my secret' is bad", "type": "bad", "code": 400}
    server.faults.append(Fault(400, body=orjson.dumps({"error": error})))
    with pytest.raises(RequestRejected) as raised:
        await model.complete(chat_request(), soon())
    assert "my secret" not in str(raised.value)


async def test_retry_after_is_read(server: StandIn, model: OpenAIChat) -> None:
    later = datetime.now(UTC).replace(year=2099).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for header, low, high in (("2", 2, 2), (later, 10**8, 10**10), ("soon", None, None), ("inf", None, None)):
        server.faults.append(Fault(429, (("Retry-After", header),)))
        with pytest.raises(ModelOverloaded) as raised:
            await model.complete(chat_request(), soon())
        wait = raised.value.retry_after
        assert wait is None if low is None else wait is not None and low <= wait <= high  # type: ignore[operator]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": "  "}}]}',
        b'{"choices": "none"}',
        b"\xff\xfe",
    ],
)
async def test_an_unusable_reply_is_an_invalid_response(server: StandIn, model: OpenAIChat, body: bytes) -> None:
    server.faults.append(Fault(body=body))
    with pytest.raises(InvalidResponse):
        await model.complete(chat_request(), soon())


async def test_an_unusable_reply_reports_its_usage(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=reply_body(message={"content": " "})))
    with pytest.raises(InvalidResponse) as raised:
        await model.complete(chat_request(), soon())
    assert raised.value.usage == Usage(7, output=3)
    server.faults.append(Fault(body=reply_body(message={"content": ""}, finish_reason="content_filter")))
    with pytest.raises(ContentFiltered) as also_raised:
        await model.complete(chat_request(), soon())
    assert (also_raised.value.usage, also_raised.value.may_be_charged) == (Usage(7, output=3), True)


USAGE_CHUNK = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def chunks(*bodies: Any, done: bool = True) -> bytes:
    ends = [b"data: [DONE]"] if done else []
    return b"\n\n".join([*(b"data: " + orjson.dumps(each) for each in bodies), *ends, b""])


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}


async def test_an_empty_stream_reports_its_usage(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=chunks(chunk(finish="stop"), USAGE_CHUNK)))
    with pytest.raises(InvalidResponse) as raised:
        await read(model, chat_request(), soon())
    assert raised.value.usage == Usage(7, output=3)


async def test_a_stream_that_breaks_after_its_usage_chunk_reports_its_usage(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=chunks(chunk("Good day."), chunk(finish="stop"), USAGE_CHUNK, [], done=False)))
    with pytest.raises(StreamInterrupted) as raised:
        await read(model, chat_request(), soon())
    assert raised.value.usage == Usage(7, output=3)


async def test_a_running_count_of_usage_is_not_the_usage_of_the_stream(server: StandIn, model: OpenAIChat) -> None:
    counted = chunk("Good ", usage={"prompt_tokens": 7, "completion_tokens": 1})
    server.faults.append(Fault(body=chunks(counted, chunk("day."), done=False)))
    with pytest.raises(StreamInterrupted) as raised:
        await read(model, chat_request(), soon())
    assert raised.value.usage is None


@pytest.mark.parametrize(("read_tokens", "written_tokens"), [(0, 3), (7, 0)])
async def test_a_reported_usage_of_zero_is_estimated(
    server: StandIn, model: OpenAIChat, read_tokens: int, written_tokens: int
) -> None:
    usage = {"prompt_tokens": read_tokens, "completion_tokens": written_tokens}
    body = {"choices": [{"message": {"content": "eight ch"}}], "usage": usage}
    server.faults.append(Fault(body=orjson.dumps(body)))
    assert (await model.complete(chat_request(), soon())).end.estimated
    server.faults.append(Fault(body=chunks(chunk("eight ch", "stop"), {"choices": [], "usage": usage})))
    assert (await read(model, chat_request(), soon()))[1].estimated


async def test_only_a_request_that_was_sent_may_be_charged(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(drop=True))
    with pytest.raises(ModelUnreachable) as sent:
        await model.complete(chat_request(), soon())
    assert sent.value.may_be_charged
    nowhere = OpenAIChat(openai_endpoint("m", "http://127.0.0.1:9/v1", "m"), model.transport, SystemClock())
    with pytest.raises(ModelUnreachable) as unsent:
        await nowhere.complete(chat_request(), soon())
    assert not unsent.value.may_be_charged


async def test_a_200_with_an_error_in_it_is_a_failure(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=b'{"error": {"code": 429, "message": "slow down"}}'))
    with pytest.raises(ModelOverloaded):
        await model.complete(chat_request(), soon())


async def test_a_filtered_reply_is_content_filtered(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(body=reply_body(message={"content": ""}, finish_reason="content_filter")))
    with pytest.raises(ContentFiltered):
        await model.complete(chat_request(), soon())


async def test_text_in_parts_is_text(server: StandIn, model: OpenAIChat) -> None:
    parts = [{"type": "text", "text": "Good "}, {"type": "text", "text": "day."}]
    server.faults.append(Fault(body=reply_body(message={"content": parts}, finish_reason="stop")))
    assert (await model.complete(chat_request(), soon())).text == "Good day."


async def test_an_impossible_usage_is_estimated(server: StandIn, model: OpenAIChat) -> None:
    body = {"choices": [{"message": {"content": "eight ch"}}], "usage": {"prompt_tokens": -1, "completion_tokens": 1}}
    server.faults.append(Fault(body=orjson.dumps(body)))
    reply = await model.complete(chat_request(), soon())
    assert reply.end.estimated
    assert reply.end.usage.output == 2


async def test_a_stale_pooled_connection_is_retried_once(server: StandIn, model: OpenAIChat) -> None:
    await model.complete(chat_request(), soon())
    server.faults.append(Fault(drop=True))
    assert (await model.complete(chat_request(), soon())).text
    assert len(server.calls) == 3


async def test_a_new_connection_that_breaks_is_not_retried(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(drop=True))
    with pytest.raises(ModelUnreachable):
        await model.complete(chat_request(), soon())
    assert len(server.calls) == 1


async def test_a_refused_connection_is_unreachable() -> None:
    async with make_transport() as transport:
        model = OpenAIChat(openai_endpoint("m", "http://127.0.0.1:9/v1", "m"), transport, SystemClock())
        with pytest.raises(ModelUnreachable):
            await model.complete(chat_request(), soon())
        with pytest.raises(ModelUnreachable):
            await read(model, chat_request(), soon())


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_call_to_a_hanging_provider_ends_at_the_deadline(
    server: StandIn, model: OpenAIChat, streaming: bool
) -> None:
    server.faults.append(Fault(hang=1000))
    by = soon(90)
    asking = asyncio.ensure_future(read(model, chat_request(), by) if streaming else model.complete(chat_request(), by))
    await until(lambda: server.calls)
    await leap(90)
    with pytest.raises(ModelTimeout):
        await asking
    await until(lambda: server.calls[0].gone)


async def test_a_stalled_stream_ends_after_the_idle_time(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("a ", "b ", "c "), stall=1000))
    stream = model.stream(chat_request(), soon())
    assert [await anext(stream) for _ in range(3)] == ["a ", "b ", "c "]
    waiting = asyncio.ensure_future(anext(stream))
    await leap(99)
    await leap(0)
    assert not waiting.done()
    await leap(1)
    with pytest.raises(ModelTimeout):
        await waiting
    await until(lambda: server.calls[0].gone)


async def test_a_slow_stream_with_progress_is_read_to_its_end(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("a",) * 5, pause=60))
    pieces = []
    async for piece in model.stream(chat_request(), soon()):
        pieces.append(piece)
        await leap(60)
    assert pieces[:-1] == ["a"] * 5


async def test_a_stream_cut_short_is_interrupted(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("a ", "b "), cut=True))
    with pytest.raises(StreamInterrupted):
        await read(model, chat_request(), soon())


async def test_an_endless_answer_is_cut_in_constant_memory(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("a",), flood=50_000_000))
    tracemalloc.start()
    pieces, end = await read(model, chat_request(max_tokens=50), soon())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert end.finish == "cut"
    assert len("".join(pieces)) <= 50 * 8
    assert peak < 8_000_000


async def test_a_reply_of_fifty_megabytes_is_not_read(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(flood=50_000_000))
    with pytest.raises(InvalidResponse):
        await model.complete(chat_request(), soon())


async def test_a_reply_past_the_token_limit_is_cut(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("word " * 500,)))
    reply = await model.complete(chat_request(max_tokens=10), soon())
    assert reply.end.finish == "cut"
    assert len(reply.text) == 80


async def test_closing_a_stream_ends_the_call_at_the_provider(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(pieces=("a ",) * 1000, pause=0.01))
    stream = model.stream(chat_request(), soon())
    await anext(stream)
    await stream.aclose()
    await until(lambda: server.calls[0].gone)


@pytest.mark.parametrize("by_cancelling", [False, True])
async def test_an_abandoned_stream_is_drained_for_its_usage(
    server: StandIn, model: OpenAIChat, by_cancelling: bool
) -> None:
    server.faults.append(Fault(pieces=("word ",) * 20, pause=0.02))
    drains: list[RemainingUsage] = []
    stream = model.stream(chat_request(), soon(), drains.append)
    assert await anext(stream) == "word "
    if by_cancelling:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await stream.aclose()
    (drain,) = drains
    usage = await drain
    assert usage
    assert usage.output == 25
    assert not server.calls[0].gone


@pytest.mark.parametrize("fault", [{"cut": True}, {"stall": 1000}, {"flood": 50_000_000}])
async def test_an_abandoned_stream_that_does_not_end_has_no_usage(
    server: StandIn, model: OpenAIChat, fault: dict[str, Any]
) -> None:
    server.faults.append(Fault(pieces=("word ",), **fault))
    drains: list[RemainingUsage] = []
    stream = model.stream(chat_request(), soon(), drains.append)
    await anext(stream)
    await stream.aclose()
    reading = asyncio.ensure_future(drains[0])
    if "stall" in fault:
        await leap(100)
    assert await reading is None


async def test_a_stream_closed_at_its_end_has_its_usage_at_once(server: StandIn, model: OpenAIChat) -> None:
    drains: list[RemainingUsage] = []
    stream = model.stream(chat_request(), soon(), drains.append)
    while isinstance(await anext(stream), str):
        pass
    await stream.aclose()
    assert (await drains[0]) == Usage(6, output=6)


async def test_cancelling_a_call_ends_it_at_the_provider(server: StandIn, model: OpenAIChat) -> None:
    server.faults.append(Fault(hang=1000))
    task = asyncio.ensure_future(model.complete(chat_request(), soon()))
    await until(lambda: bool(server.calls))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: server.calls[0].gone)
