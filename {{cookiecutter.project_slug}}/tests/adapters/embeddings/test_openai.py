"""An OpenAI-compatible provider on loopback: good replies are used, bad ones rejected with a reason."""

import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from app.adapters.embeddings.openai import BATCH, OpenAIEmbedder, make_openai_embedder
from app.adapters.embeddings.reply import parse_response
from app.core.clock import Deadline, SystemClock
from app.core.errors import OutOfTime
from app.retrieval.domain import EmbeddingFailed
from tests.serving import web_server

SIZE = 8


class Provider:
    """Answers POST /v1/embeddings; `change` modifies the reply."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.traces: list[str | None] = []
        self.change: Callable[[dict[str, Any]], Any] = lambda reply: reply
        self.status = 200
        self.instead: Callable[[dict[str, Any]], web.Response | None] = lambda body: None
        self.drop_reused = False
        self.transports: set[int] = set()

    async def handle(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        if self.drop_reused and id(request.transport) in self.transports:
            request.transport.abort()
        self.transports.add(id(request.transport))
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("authorization"))
        self.traces.append(request.headers.get("traceparent"))
        if reply := self.instead(body):
            return reply
        vectors = [[float(len(text))] + [1.0] * (SIZE - 1) for text in body["input"]]
        # Out of order on purpose: the index says which text a vector is of.
        data = [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)][::-1]
        changed = self.change({"data": data, "model": body["model"], "usage": {"prompt_tokens": 7, "total_tokens": 7}})
        text = changed if isinstance(changed, str) else json.dumps(changed)
        return web.Response(text=text, status=self.status, content_type="application/json")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The base URL, while it answers."""
        app = web.Application()
        app.router.add_post("/v1/embeddings", self.handle)
        async with web_server(app) as address:
            yield f"{address}/v1"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[tuple[Provider, OpenAIEmbedder]]:
    stand_in = Provider()
    async with stand_in.listening() as url:
        embedder = make_openai_embedder(f"{url}/", ("secret",), "some-model", SIZE)
        yield stand_in, embedder
        await embedder.close()


def soon() -> Deadline:
    return Deadline.after(600, SystemClock())


async def test_vectors_are_in_the_order_of_the_texts_with_their_usage(provider):
    stand_in, embedder = provider
    result = await embedder.embed_passages(["a", "four"])
    assert result.vectors[1].floats()[0] > result.vectors[0].floats()[0]
    assert result.tokens == 7
    sent = {"model": "some-model", "input": ["a", "four"], "encoding_format": "float", "dimensions": SIZE}
    assert stand_in.requests[0] == sent
    assert stand_in.keys == ["Bearer secret"]
    assert embedder.name == f"openai:some-model@{SIZE}"


async def test_many_texts_are_sent_in_several_calls(provider):
    stand_in, embedder = provider
    result = await embedder.embed_passages([str(n) for n in range(BATCH * 2 + 1)])
    assert len(result.vectors) == BATCH * 2 + 1
    assert (len(stand_in.requests), result.tokens) == (3, 21)


def drop_one(reply: dict[str, Any]) -> Any:
    return reply | {"data": reply["data"][1:]}


def shorten(reply: dict[str, Any]) -> Any:
    return reply | {"data": [item | {"embedding": item["embedding"][1:]} for item in reply["data"]]}


def empty(reply: dict[str, Any]) -> Any:
    return reply | {"data": [item | {"embedding": []} for item in reply["data"]]}


def spoil(value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda reply: reply | {"data": [i | {"embedding": [value, *i["embedding"][1:]]} for i in reply["data"]]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop_one, "wrong_count"),
        (lambda reply: reply | {"data": [reply["data"][0]] * 2}, "wrong_count"),
        (lambda reply: reply | {"data": [item | {"index": 7} for item in reply["data"]]}, "wrong_count"),
        (
            lambda reply: reply | {"data": [item | {"index": -1 - item["index"]} for item in reply["data"]]},
            "wrong_count",
        ),
        (lambda reply: reply | {"data": [item | {"index": True} for item in reply["data"]]}, "malformed"),
        (lambda reply: reply | {"data": [item | {"index": "first"} for item in reply["data"]]}, "malformed"),
        (lambda reply: reply | {"data": [item | {"embedding": "no base64!"} for item in reply["data"]]}, "malformed"),
        (
            lambda reply: reply | {"data": [item | {"embedding": "AACAPw=="} for item in reply["data"]]},
            "wrong_dimensions",
        ),
        (shorten, "wrong_dimensions"),
        (empty, "wrong_dimensions"),
        (spoil(float("nan")), "not_a_number"),
        (spoil(float("inf")), "not_a_number"),
        (spoil(1e308), "not_a_number"),
        (spoil(None), "not_a_number"),
        (spoil("many"), "malformed"),
        (lambda reply: {"object": "list"}, "malformed"),
        (lambda reply: "<html>busy</html>", "malformed"),
        (lambda reply: [], "malformed"),
    ],
)
async def test_an_unusable_reply_is_rejected_with_its_reason(provider, change, reason):
    stand_in, embedder = provider
    stand_in.change = change
    with pytest.raises(EmbeddingFailed) as failed:
        await embedder.embed_passages(["a", "b"])
    assert failed.value.extra["reason"] == reason


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"embedding": [float(number), *[1.0] * (SIZE - 1)]} | more


def numbers(items: list[dict[str, Any]]) -> list[int]:
    """The number of the item that each text got."""
    result = parse_response(json.dumps({"data": items}).encode(), len(items), SIZE, "m")
    return [round(vector.floats()[0] / vector.floats()[1]) for vector in result.vectors]


@pytest.mark.parametrize(
    "items",
    [
        [item(0), item(1, index=1), item(2, index=2)],
        [item(0, index=0), item(1), item(2)],
        [item(0), item(1), item(2)],
        [item(0, index=None), item(1, index=None), item(2, index=2)],
        [item(2, index=2), item(1, index=1), item(0, index=0)],
        [item(2, index=2), item(0), item(1, index=1)],
        [item(0, index=0.0), item(2, index=2.0), item(1, index=1.0)],
        [item(0, index="0"), item(2, index="2"), item(1, index="1")],
    ],
    ids=["first", "others", "all", "null", "turned", "omitted zero", "fractions", "text"],
)
def test_a_missing_index_is_the_position_in_the_list(items):
    assert numbers(items) == [0, 1, 2]


@pytest.mark.parametrize(
    "items",
    [
        [item(0), item(1), item(2, index=0)],
        [item(0, index=2), item(1), item(2)],
        [item(0), item(1, index=1), item(2, index=1)],
        [item(0), item(1, index=1), item(2, index=3)],
        [item(0), item(1, index=9), item(2)],
    ],
)
def test_ambiguous_indices_are_rejected(items):
    with pytest.raises(EmbeddingFailed) as failed:
        numbers(items)
    assert failed.value.extra["reason"] == "wrong_count"


def test_vectors_in_base64_are_read_as_floats_of_32_bits():
    coded = [base64.b64encode(struct.pack(f"<{SIZE}f", *item(n)["embedding"])).decode() for n in range(2)]
    assert numbers([{"embedding": text, "index": place} for place, text in enumerate(coded)]) == [0, 1]


async def test_a_missing_first_index_is_accepted(provider):
    stand_in, embedder = provider
    stand_in.change = lambda reply: (
        reply | {"data": [each if each["index"] else {"embedding": each["embedding"]} for each in reply["data"]]}
    )
    result = await embedder.embed_passages(["a", "four"])
    assert result.vectors[1].floats()[0] > result.vectors[0].floats()[0]


def test_a_vector_of_length_zero_is_rejected():
    reply = json.dumps({"data": [{"index": 0, "embedding": [0.0] * SIZE}]}).encode()
    with pytest.raises(EmbeddingFailed) as failed:
        parse_response(reply, 1, SIZE, "m")
    assert failed.value.extra["reason"] == "not_a_number"


async def test_an_error_status_is_reported(provider):
    stand_in, embedder = provider
    stand_in.status = 401
    with pytest.raises(EmbeddingFailed, match="status 401") as failed:
        await embedder.embed_query("a", soon())
    assert failed.value.extra == {"reason": "refused", "provider_status": 401}


async def test_an_unavailable_provider_is_unreachable():
    embedder = make_openai_embedder("http://127.0.0.1:9/v1", (), "m", SIZE)
    with pytest.raises(EmbeddingFailed) as failed:
        await embedder.embed_query("a", soon())
    assert failed.value.extra["reason"] == "unreachable"
    await embedder.close()


async def test_a_call_to_a_hanging_provider_ends_at_the_deadline(provider):
    _, embedder = provider
    with pytest.raises(OutOfTime):
        await embedder.embed_query("a", Deadline.after(0, SystemClock()))


async def test_a_stale_connection_is_retried_once(provider):
    stand_in, embedder = provider
    await embedder.embed_query("a", soon())
    stand_in.drop_reused = True
    assert len((await embedder.embed_query("b", soon())).vectors) == 1
