"""Confidence from the logprobs of providers, parsed defensively."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import pytest_asyncio

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.chat.standin import Fault, StandIn
from app.adapters.chat.wire import logprobs_of
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from app.llm.domain.messages import CompletionEnd
from tests.adapters.chat.contract import chat_request, soon


@pytest_asyncio.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn(confidence=0.25) as running:
        yield running


@pytest_asyncio.fixture
async def model(server: StandIn) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        yield OpenAIChat(openai_endpoint("m", server.url, "m", ("secret",)), transport, SystemClock())


async def streamed(model: OpenAIChat, logprobs: bool) -> float | None:
    request = replace(chat_request(), logprobs=logprobs)
    [end] = [piece async for piece in model.stream(request, soon()) if isinstance(piece, CompletionEnd)]
    return end.confidence


async def test_a_reply_and_a_stream_have_the_same_confidence(server: StandIn, model: OpenAIChat) -> None:
    whole = await model.complete(replace(chat_request(), logprobs=True), soon())
    assert whole.end.confidence == pytest.approx(0.25)
    assert await streamed(model, True) == pytest.approx(0.25)
    assert [call.body["logprobs"] for call in server.calls] == [True, True]


async def test_nothing_is_read_that_was_not_asked_for(server: StandIn, model: OpenAIChat) -> None:
    whole = await model.complete(chat_request(), soon())
    assert (whole.end.confidence, await streamed(model, False)) == (None, None)
    assert all("logprobs" not in call.body for call in server.calls)


async def test_without_logprobs_the_confidence_is_unknown(server: StandIn, model: OpenAIChat) -> None:
    server.confidence = None
    whole = await model.complete(replace(chat_request(), logprobs=True), soon())
    assert (whole.end.confidence, await streamed(model, True)) == (None, None)


async def test_a_stream_with_logprobs_for_a_part_only_has_no_confidence(server: StandIn, model: OpenAIChat) -> None:
    def piece(text: str, **more: Any) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, **more}
        return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"

    logprobs = {"logprobs": {"content": [{"token": "a", "logprob": -0.1}]}}
    body = piece("a ", **logprobs) + piece("b ") + piece("c", **logprobs, finish_reason="stop") + b"data: [DONE]\n\n"
    server.faults.append(Fault(headers=(("x", "y"),), body=body))
    assert await streamed(model, True) is None


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"content": [{"logprob": -0.5}, {"logprob": 0}]}, [-0.5, 0.0]),
        ({"content": [{"logprob": 0.0001}]}, [0.0]),
        ({"content": [{"logprob": -9999.0}]}, [-9999.0]),
        ({"content": [{"logprob": -0.5}, {"logprob": None}]}, None),
        ({"content": [{"logprob": True}]}, None),
        ({"content": [{"logprob": "-0.5"}]}, None),
        ({"content": ["-0.5"]}, None),
        ({"content": []}, None),
        ({"content": None}, None),
        ({"tokens": ["a"], "token_logprobs": [-0.1]}, None),
        (None, None),
        (7, None),
    ],
)
def test_invalid_logprobs_are_none(logprobs: Any, expected: list[float] | None) -> None:
    assert logprobs_of({"logprobs": logprobs}) == expected


async def test_a_long_reply_with_logprobs_is_not_too_long(server: StandIn, model: OpenAIChat) -> None:
    token = {
        "token": "word ",
        "logprob": math.log(0.5),
        "bytes": list(b"word " * 12),
        "top_logprobs": [{"token": "word "}],
    }
    choice = {"index": 0, "message": {"content": "word " * 800}, "logprobs": {"content": [token] * 800}}
    server.always = Fault(body=orjson.dumps({"choices": [choice]}))
    whole = await model.complete(replace(chat_request(), logprobs=True, max_tokens=800), soon())
    assert whole.end.confidence == pytest.approx(0.5)
