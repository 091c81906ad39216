"""Deviations of providers from the format: in replies, in streams, and split at every byte."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import pytest_asyncio

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.chat.reading import StreamReading
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
    OutputFiltered,
    RequestRejected,
    ServerError,
    StreamInterrupted,
)
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd
from tests.adapters.chat.contract import chat_request, soon
from tests.conftest import ROOT

Json = dict[str, Any]
CASES = ROOT / "tests" / "data" / "provider"
POOL = "The pool opens at six. It closes at nine. [1]"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


@pytest_asyncio.fixture
async def model(server: StandIn) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        endpoint = openai_endpoint("m", server.url, "m", idle_seconds=5)
        yield OpenAIChat(endpoint, transport, SystemClock())


def with_dialect(model: OpenAIChat, **fields: Any) -> OpenAIChat:
    return replace(model, endpoint=replace(model.endpoint, dialect=Dialect(**fields)))


async def streamed(model: OpenAIChat, request: ChatRequest | None = None) -> Completion:
    *pieces, end = [piece async for piece in model.stream(request or chat_request(), soon())]
    assert isinstance(end, CompletionEnd)
    return Completion("".join(map(str, pieces)), end)


async def replied(model: OpenAIChat, stream: bool, request: ChatRequest | None = None) -> Completion:
    return await (streamed(model, request) if stream else model.complete(request or chat_request(), soon()))


def choice(finish: str | None = None, index: Any = 0, **delta: Any) -> Json:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def events(*chunks: Json | str, end: str = "\n", done: bool = True) -> bytes:
    lines = [each if isinstance(each, str) else f"data: {orjson.dumps(each).decode()}" for each in chunks]
    return "".join(f"{line}{end}{end}" for line in [*lines, *(["data: [DONE]"] if done else [])]).encode()


def cut(raw: bytes, size: int, dialect: Dialect | None = None, max_usage: int = 64) -> Completion:
    """The completion of a stream that arrives in chunks of `size` bytes."""
    reading = StreamReading(chat_request(max_tokens=max_usage), "m", dialect or Dialect())
    pieces: list[str] = []
    for at in range(0, len(raw), size):
        if not reading.done:
            pieces += reading.take(raw[at : at + size])
    pieces += [] if reading.done else reading.take(None)
    return Completion("".join(pieces), reading.end())


HELLO = (choice(role="assistant", content=""), choice(content="Good "), choice(content="day."))
STOP = choice("stop")
USAGE_CHUNK = {"choices": [], "usage": USAGE}
WHOLE = {"choices": [{"message": {"content": "Good day."}, "finish_reason": "stop"}], "usage": USAGE}

GOOD = {
    "comments": events(": OPENROUTER PROCESSING", *HELLO, ": ping", STOP, USAGE_CHUNK),
    "crlf": events(*HELLO, STOP, USAGE_CHUNK, end="\r\n"),
    "cr": events(*HELLO, STOP, USAGE_CHUNK, end="\r"),
    "bom": b"\xef\xbb\xbf" + events(*HELLO, STOP, USAGE_CHUNK),
    "no space": events(*HELLO, STOP, USAGE_CHUNK).replace(b"data: ", b"data:"),
    "no end": events(*HELLO, STOP, USAGE_CHUNK, done=False),
    "no blank line": events(*HELLO, STOP, USAGE_CHUNK, done=False).rstrip(),
    "one event of many lines": events(
        orjson.dumps(choice("stop", content="Good day."), option=orjson.OPT_INDENT_2)
        .decode()
        .replace("\n", "\ndata: ")
        .replace("{", "data: {", 1),
        USAGE_CHUNK,
    ),
    "several objects in an event": events(*HELLO, STOP, USAGE_CHUNK).replace(b"\n\n", b"\n"),
    "lines of JSON": b"".join(orjson.dumps(each) + b"\n" for each in (*HELLO, STOP, USAGE_CHUNK)),
    "a whole reply": orjson.dumps(WHOLE),
    "a whole reply, indented": orjson.dumps(WHOLE, option=orjson.OPT_INDENT_2) + b"\n",
    "no choices": events({"choices": None}, {"id": "a"}, *HELLO, {"choices": None, "usage": USAGE}, STOP),
    "usage before the end": events(*HELLO, USAGE_CHUNK, STOP),
    "usage with the end": events(*HELLO, STOP | {"usage": USAGE}),
    "a delta of null": events(*HELLO, {"choices": [{"index": 0, "delta": None}]}, STOP, USAGE_CHUNK),
    "no delta": events(
        *HELLO, {"choices": [{"index": 0, "content_filter_offsets": {"check_offset": 3}}]}, STOP, USAGE_CHUNK
    ),
    "empty events": events("data:", *HELLO, "event: ping\ndata:", STOP, USAGE_CHUNK),
    "message in place of delta": events(
        {"choices": [{"message": {"content": "Good "}}]},
        {"choices": [{"message": {"content": "day."}}]},
        STOP,
        USAGE_CHUNK,
    ),
    "a message that repeats all": events(
        *HELLO, {"choices": [{"message": {"content": "Good day."}}]}, STOP, USAGE_CHUNK
    ),
    "other choices": events(*HELLO, choice(index=1, content="Bad night."), STOP, choice("length", 1), USAGE_CHUNK),
    "a role at the end": events(*HELLO, STOP, choice(role="assistant"), choice("stop", content=""), USAGE_CHUNK),
    "parts": events(choice(content=[{"type": "text", "text": "Good "}, "day."]), STOP, USAGE_CHUNK),
    "reasoning_content": events(choice(reasoning_content="secret", content=None), *HELLO, STOP, USAGE_CHUNK),
    "reasoning": events(choice(reasoning="secret", reasoning_details=[{"text": "secret"}]), *HELLO, STOP, USAGE_CHUNK),
    "thinking parts": events(
        choice(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "secret"}]}]),
        choice(content=[{"type": "reasoning", "text": "secret"}, {"thought": True, "text": "secret"}]),
        *HELLO,
        STOP,
        USAGE_CHUNK,
    ),
    "a thought": events(
        choice(content="<thought>secret", extra_content={"google": {"thought": True}}),
        choice(content="</thought>Good day."),
        STOP,
        USAGE_CHUNK,
    ),
    "tags": events(
        choice(content="<th"), choice(content="ink>secret</thi"), choice(content="nk>\n\nGood day."), STOP, USAGE_CHUNK
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_reply_does_not_depend_on_where_its_bytes_are_split(name: str) -> None:
    reasoned = any(word in name for word in ("reason", "think", "thought", "tags"))
    for size in (1, 2, 3, 7, 61, len(GOOD[name])):
        read = cut(GOOD[name], size)
        assert 0 < read.end.usage.reasoning <= 3 if reasoned else read.end.usage.reasoning == 0
        end = CompletionEnd("stop", Usage(7, output=3, reasoning=read.end.usage.reasoning))
        assert read == Completion("Good day.", end), size


@pytest.mark.parametrize(
    ("name", "text", "finish"),
    [
        ("azure-async-filter", POOL, "stop"),
        ("finish-length", "The pool opens at ", "length"),
        ("think-tags", POOL, "stop"),
    ],
)
def test_a_recorded_stream_is_read_correctly_wherever_it_is_split(name: str, text: str, finish: str) -> None:
    raw = (CASES / f"{name}.sse").read_bytes()
    for size in range(1, len(raw), 1 + len(raw) // 150):
        reply = cut(raw, size)
        assert (reply.text, reply.end.finish) == (text, finish), size


@pytest.mark.parametrize("stream", [False, True])
async def test_a_recorded_error_of_status_200_is_an_overload(server: StandIn, model: OpenAIChat, stream: bool) -> None:
    body = (CASES / "error-200-on-stream.json").read_bytes()
    server.faults.append(Fault(body=body, headers=(("Retry-After", "3"),)))
    with pytest.raises(ModelOverloaded) as raised:
        await replied(model, stream)
    assert raised.value.retry_after == 3


ERRORS: list[tuple[Any, type[ModelFailure]]] = [
    ({"code": 429}, ModelOverloaded),
    ({"code": "429", "message": "Provider returned error"}, ModelOverloaded),
    ({"type": "rate_limit_error"}, ModelOverloaded),
    ({"status": "RESOURCE_EXHAUSTED"}, ModelOverloaded),
    ({"type": "overloaded_error"}, ModelOverloaded),
    ("Rate limit exceeded, slow down", ModelOverloaded),
    ({"code": 529}, ModelOverloaded),
    ({"code": "insufficient_quota"}, AuthenticationFailed),
    ({"code": 401}, AuthenticationFailed),
    ({"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}, AuthenticationFailed),
    ({"code": 502, "metadata": {"provider_name": "x", "raw": "y"}}, ServerError),
    ({"code": "server_error"}, ServerError),
    ("something", ServerError),
    ({"code": "model_not_found", "type": "invalid_request_error"}, RequestRejected),
    ({"code": "content_filter"}, ContentFiltered),
    ({"code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "…"}}, ContentFiltered),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
@pytest.mark.parametrize("shape", ["top", "choice", "list", "event", "line"])
def test_an_error_in_a_stream_raises_its_failure(error: Any, expected: type[ModelFailure], shape: str) -> None:
    raw = {
        "top": events({"error": error}),
        "choice": events({"choices": [{"index": 0, "error": error, "delta": {}, "finish_reason": "error"}]}),
        "list": orjson.dumps([{"error": error}]),
        "event": b": busy\n\nevent: error\ndata: " + orjson.dumps({"error": error}) + b"\n\n",
        "line": b": busy\n\n" + orjson.dumps({"error": error}) + b"\n",
    }[shape]
    with pytest.raises(expected) as raised:
        cut(raw, 5)
    assert type(raised.value) is expected


@pytest.mark.parametrize(("error", "expected"), ERRORS)
async def test_an_error_in_a_plain_reply_raises_its_failure(
    server: StandIn, model: OpenAIChat, error: Any, expected: type[ModelFailure]
) -> None:
    for shape in ({"error": error}, {"choices": [{"message": {"content": "a"}, "error": error}]}):
        server.faults.append(Fault(body=orjson.dumps(shape)))
        with pytest.raises(expected):
            await model.complete(chat_request(), soon())


@pytest.mark.parametrize(
    "error",
    [
        {"code": 429, "metadata": {"headers": {"Retry-After": "4"}}},
        {"code": 429, "retry_after": 4},
        {"code": 429, "details": [{"@type": "RetryInfo", "retryDelay": "4s"}]},
    ],
)
def test_retry_after_is_read_from_the_error(error: Json) -> None:
    with pytest.raises(ModelOverloaded) as raised:
        cut(events({"error": error}), 9)
    assert raised.value.retry_after == 4


def test_after_text_an_error_may_be_charged_and_a_filter_ends_the_stream() -> None:
    for last, failure in (
        ({"error": {"code": 502}}, ServerError),
        (choice("error"), ServerError),
        ({"error": {"code": 429}}, ModelOverloaded),
    ):
        with pytest.raises(failure) as raised:
            cut(events(*HELLO, last), 9)
        assert raised.value.may_be_charged
    reply = cut(events(*HELLO, {"error": {"code": "content_filter"}}), 9)
    assert (reply.text, reply.end.finish) == ("Good day.", "content_filter")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens"])
async def test_a_reply_at_its_token_limit_finishes_with_length(
    server: StandIn, model: OpenAIChat, reason: str, stream: bool
) -> None:
    server.faults.append(Fault(pieces=("The pool ", "opens at"), finish=reason))
    reply = await replied(model, stream)
    assert (reply.text, reply.end.finish) == ("The pool opens at", "length")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "RECITATION", "refusal", "sensitive", "content-filter"])
async def test_a_filtered_reply_is_output_filtered_with_its_usage(
    server: StandIn, model: OpenAIChat, reason: str, stream: bool
) -> None:
    server.faults.append(Fault(pieces=(), finish=reason))
    with pytest.raises(OutputFiltered) as raised:
        await replied(model, stream)
    assert raised.value.usage


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["reasoning_content", "<think>"])
@pytest.mark.parametrize("fault", [{"finish": "content_filter"}, {"refusal": "I cannot go on."}, {"finish": "error"}])
async def test_reasoning_before_a_refusal_or_an_error_is_counted(
    server: StandIn, model: OpenAIChat, fault: Json, where: str, stream: bool
) -> None:
    server.faults.append(Fault(pieces=(), reasoning=("Hm, let me ", "see."), reasoning_in=where, **fault))
    with pytest.raises(ModelFailure) as raised:
        await replied(model, stream)
    assert raised.value.usage
    assert raised.value.usage.reasoning > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_output_filtered(server: StandIn, model: OpenAIChat, stream: bool) -> None:
    server.faults.append(Fault(pieces=(), refusal="I cannot help with that."))
    with pytest.raises(OutputFiltered, match="the model refused"):
        await replied(model, stream)
    parts = [{"type": "refusal", "refusal": "No."}]
    body = (
        events(choice(content=parts), STOP) if stream else orjson.dumps({"choices": [{"message": {"content": parts}}]})
    )
    server.faults.append(Fault(body=body))
    with pytest.raises(OutputFiltered, match="the model refused"):
        await replied(model, stream)


@pytest.mark.parametrize("fault", [{"finish": "content_filter"}, {"refusal": "I cannot go on."}])
async def test_a_refusal_after_text_ends_a_stream_and_fails_a_plain_reply(
    server: StandIn, model: OpenAIChat, fault: Json
) -> None:
    server.always = Fault(pieces=("The pool ", "opens"), **fault)
    reply = await streamed(model)
    assert (reply.text, reply.end.finish, reply.end.estimated) == ("The pool opens", "content_filter", False)
    with pytest.raises(OutputFiltered):
        await model.complete(chat_request(), soon())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["reasoning_content", "reasoning", "thinking", "<think>", "<thought>"])
async def test_reasoning_is_not_part_of_the_answer(
    server: StandIn, model: OpenAIChat, where: str, stream: bool
) -> None:
    server.faults.append(Fault(pieces=("Six.",), reasoning=("secret ", "thing"), reasoning_in=where))
    assert (await replied(model, stream)).text == "Six."
    server.faults.append(Fault(pieces=(), reasoning=("secret ", "thing"), reasoning_in=where, finish="length"))
    with pytest.raises(InvalidResponse, match="reasoned and did not answer within the token limit"):
        await replied(model, stream)


def test_reasoning_is_counted_in_estimated_usage() -> None:
    field = cut(events(choice(reasoning="x" * 40), choice("stop", content="y" * 40)), 50)
    tagged = cut(events(choice("stop", content="<think>" + "x" * 25 + "</think>" + "y" * 40)), 50)
    for reply in (field, tagged):
        assert (reply.end.estimated, reply.end.usage.output, reply.end.usage.reasoning) == (True, 20, 10)


@pytest.mark.parametrize("piece", [choice(reasoning="x" * 100), choice(content="<think>" + "x" * 100)])
def test_endless_reasoning_is_cut(piece: Json) -> None:
    reading = StreamReading(chat_request(max_tokens=64), "m", Dialect())
    taken = 0
    while not reading.done:
        assert reading.take(events(piece, done=False)) == []
        taken += 1
    assert taken < 10
    with pytest.raises(InvalidResponse):
        reading.end()


@pytest.mark.slow
async def test_reasoning_extends_the_idle_time_and_silence_does_not(server: StandIn, model: OpenAIChat) -> None:
    patient = replace(model, endpoint=replace(model.endpoint, idle_seconds=1.0))
    server.faults.append(Fault(pieces=("Six.",), reasoning=("hm ",) * 8, pause=0.3))
    assert (await streamed(patient)).text == "Six."
    server.faults.append(Fault(pieces=(), reasoning=("hm ",), stall=30))
    with pytest.raises(ModelTimeout):
        await streamed(patient)


def test_a_comment_counts_as_progress() -> None:
    reading = StreamReading(chat_request(), "m", Dialect())
    reading.take(b": OPENROUTER PROCESSING\n\n")
    progress = reading.progress
    assert progress
    reading.take(b": OPENROUTER PROC")
    assert reading.progress == progress


def test_a_stream_that_stalls_after_its_finish_reason_is_complete() -> None:
    reading = StreamReading(chat_request(), "m", Dialect())
    assert reading.take(events(*HELLO, STOP, done=False)) == ["Good ", "day."]
    assert (reading.finished, reading.done) == (True, False)
    assert reading.close() == []
    assert reading.end().finish == "stop"


async def test_an_unopened_closing_tag_interrupts_the_stream_unless_configured(
    server: StandIn, model: OpenAIChat
) -> None:
    server.always = Fault(pieces=("secret ", "thing\n</think>", "\n\nSix."))
    assert (await model.complete(chat_request(), soon())).text == "Six."
    with pytest.raises(StreamInterrupted):
        await streamed(model)
    configured = with_dialect(model, starts_with_reasoning=True)
    assert (await streamed(configured)).text == "Six."
    assert (await configured.complete(chat_request(), soon())).text == "Six."
