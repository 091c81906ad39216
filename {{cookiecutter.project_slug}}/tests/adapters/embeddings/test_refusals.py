"""What an embedding provider refuses is left out, halved, shortened or retried; what remains is an error with reasons.

The provider speaks real HTTP, on loopback.
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from app.adapters.embeddings.openai import OpenAIEmbedder, make_openai_embedder
from app.adapters.embeddings.reply import parse_response
from app.core.clock import Deadline, SystemClock
from app.core.errors import OutOfTime
from app.retrieval.domain import EmbeddingFailed
from app.retrieval.service.passage_embedding import is_unbilled
from tests.adapters.embeddings.test_openai import SIZE, Provider

Body = dict[str, Any]
FIELD_CASE = Path(__file__).parents[2] / "data" / "embeddings" / "first-index-missing.json"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[tuple[Provider, OpenAIEmbedder]]:
    stand_in = Provider()
    async with stand_in.listening() as url:
        embedder = make_openai_embedder(url, ("secret",), "some-model", SIZE, batch=8)
        yield stand_in, replace(embedder, random_fraction=lambda: 0.0)
        await embedder.close()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def error(status: int, message: str, headers: dict[str, str] | None = None, **fields: Any) -> web.Response:
    text = json.dumps({"error": {"message": message, **fields}})
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def at_first(times: int, reply: Callable[[], web.Response]) -> Callable[[Body], web.Response | None]:
    left = [reply] * times
    return lambda body: left.pop()() if left else None


def events(logged: list[Any]) -> list[str]:
    return [line["event"].partition(".")[2] for line in logged]


def sizes(stand_in: Provider) -> list[int]:
    return [len(request["input"]) for request in stand_in.requests]


TOO_MANY = {
    "status 413": (413, "Request Entity Too Large"),
    "a limit of inputs": (400, "'input' should have at most 3 items"),
    "a limit of tokens": (400, "max 300000 tokens per request"),
    "a batch that is validated": (422, "batch size 8 > maximum allowed batch size 3"),
}


@pytest.mark.parametrize("name", TOO_MANY)
async def test_a_batch_that_is_too_large_is_halved_and_remembered(provider, logged, name: str) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(*TOO_MANY[name]) if len(body["input"]) > 3 else None
    result = await embedder.embed_passages([str(10**n) for n in range(8)])
    assert [round(vector.floats()[0] / vector.floats()[1]) for vector in result.vectors] == list(range(1, 9))
    assert sizes(stand_in) == [8, 4, 2, 2, 2, 2]
    await embedder.embed_passages(["a", "b", "c", "d"])
    assert sizes(stand_in)[6:] == [2, 2]
    assert events(logged).count("embedding_batch_halved") == 2


async def test_the_size_of_a_batch_is_a_setting(provider) -> None:
    stand_in, embedder = provider
    await embedder.embed_passages(["a"] * 20)
    assert sizes(stand_in) == [8, 8, 4]


async def test_a_refusal_of_another_kind_is_no_reason_to_halve(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(400, "There is no such model.", code="model_not_found")
    with pytest.raises(EmbeddingFailed, match="status 400 model_not_found"):
        await embedder.embed_passages(["a", "b"])
    assert sizes(stand_in) == [2]


async def test_a_text_that_is_too_long_is_shortened(provider, logged) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: (
        error(400, "This model's maximum context length is 8192 tokens") if len(body["input"][0]) > 300 else None
    )
    result = await embedder.embed_passages(["word " * 200])
    assert len(result.vectors) == 1
    assert [len(request["input"][0]) for request in stand_in.requests] == [1000, 500, 250]
    shortened = [line for line in logged if line["event"] == "retrieval.embedding_text_shortened"]
    assert [line["characters"] for line in shortened] == [1000, 500]
    assert "word" not in str(logged)


async def test_one_text_that_is_too_long_makes_no_later_batch_smaller(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: (
        error(400, "This model's maximum context length is 8192 tokens")
        if any(len(text) > 600 for text in body["input"])
        else None
    )
    await embedder.embed_passages(["a", "word " * 200, "b", "c"])
    stand_in.requests.clear()
    await embedder.embed_passages(["a"] * 8)
    assert sizes(stand_in) == [8]


async def test_a_text_that_is_always_too_long_is_an_error(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(413, "Too large")
    with pytest.raises(EmbeddingFailed, match="status 413"):
        await embedder.embed_passages(["word " * 100])
    assert len(stand_in.requests) == 3


@pytest.mark.parametrize("name", ["dimensions", "encoding_format"])
@pytest.mark.parametrize("status", [400, 422])
async def test_a_field_that_is_refused_is_left_out_from_then_on(provider, logged, name: str, status: int) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(status, f"This model does not support {name}.") if name in body else None
    await embedder.embed_passages(["a"])
    await embedder.embed_passages(["b"])
    assert [name in request for request in stand_in.requests] == [True, False, False]
    assert [line["fields"] for line in logged if line["event"].endswith("field_omitted")] == [[name]]


async def test_a_refusal_that_quotes_the_request_refuses_none_of_its_fields(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: web.json_response(
        {"detail": [{"loc": ["body", "input", 0], "msg": "Unsupported text", "input": body}]}, status=422
    )
    with pytest.raises(EmbeddingFailed, match="status 422"):
        await embedder.embed_passages(["a"])
    assert len(stand_in.requests) == 1
    assert not embedder.limits.omitted


@pytest.mark.parametrize(("texts", "billed"), [(8, False), (9, True)])
async def test_texts_that_were_embedded_before_a_failure_are_billed(provider, texts: int, billed: bool) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(403, "Your plan has ended.") if len(stand_in.requests) == texts - 7 else None
    with pytest.raises(EmbeddingFailed) as failure:
        await embedder.embed_passages(["a"] * texts)
    assert failure.value.extra["reason"] == "refused"
    assert is_unbilled(failure.value) is not billed


async def test_both_fields_may_be_refused(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: next(
        (
            error(422, f"{name}: Extra inputs are not permitted")
            for name in ("encoding_format", "dimensions")
            if name in body
        ),
        None,
    )
    await embedder.embed_passages(["a"])
    assert set(stand_in.requests[-1]) == {"model", "input"}


async def test_vectors_of_another_length_say_what_to_set(provider) -> None:
    stand_in, embedder = provider
    stand_in.change = lambda reply: (
        reply | {"data": [each | {"embedding": each["embedding"][1:]} for each in reply["data"]]}
    )
    with pytest.raises(EmbeddingFailed, match=f"of {SIZE - 1} dimensions, not of {SIZE}") as failed:
        await embedder.embed_passages(["a"])
    assert f"APP_EMBEDDER_DIMENSIONS to {SIZE - 1}" in (failed.value.what_to_do or "")


RETRIED = {
    "an overload": lambda: error(429, "Slow down", headers={"retry-after": "0"}),
    "an overload that does not say how long": lambda: error(429, "Slow down"),
    "a broken gateway": lambda: web.Response(text="<html>Bad gateway</html>", status=502),
    "an outage": lambda: error(503, "The server is overloaded"),
    "an error with status 200": lambda: error(200, "The server is busy", code=503),
    "an overload with status 200": lambda: error(200, "Rate limit reached", type="rate_limit_error"),
}


@pytest.mark.parametrize("name", RETRIED)
async def test_a_passing_failure_is_retried_and_logged(provider, logged, name: str) -> None:
    stand_in, embedder = provider
    stand_in.instead = at_first(2, RETRIED[name])
    assert len((await embedder.embed_passages(["a"])).vectors) == 1
    lines = [line for line in logged if line["event"] == "retrieval.embedding_failed"]
    assert [line["attempt"] for line in lines] == [1, 2]
    assert all(line["status"] in (429, 502, 503) for line in lines)
    assert all(str(line["status"]) in line["reason"] for line in lines)


async def test_there_are_three_attempts_at_most(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(500, "Oh no")
    with pytest.raises(EmbeddingFailed, match="status 500") as failed:
        await embedder.embed_passages(["a"])
    assert (len(stand_in.requests), failed.value.extra["provider_status"]) == (3, 500)


async def test_a_wait_beyond_the_deadline_is_not_begun(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(429, "Slow down", headers={"retry-after": "3600"})
    with pytest.raises(EmbeddingFailed, match="status 429"):
        await embedder.embed_query("a", Deadline.after(600, SystemClock()))
    assert len(stand_in.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_lasting_refusal_is_not_retried(provider, status: int) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(status, "No", type="no_access")
    with pytest.raises(EmbeddingFailed, match=f"status {status} no_access"):
        await embedder.embed_passages(["a"])
    assert len(stand_in.requests) == 1


async def test_a_used_up_quota_is_not_retried(provider) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(429, "You exceeded your quota", type="insufficient_quota")
    with pytest.raises(EmbeddingFailed, match="insufficient_quota"):
        await embedder.embed_passages(["a"])
    assert len(stand_in.requests) == 1


async def test_a_connection_that_breaks_is_retried(provider) -> None:
    stand_in, embedder = provider
    broken = iter([True, True])
    handle = stand_in.handle

    async def drop_some(request: web.Request) -> web.Response:
        if next(broken, False) and request.transport:
            request.transport.abort()
        return await handle(request)

    stand_in.handle = drop_some
    async with stand_in.listening() as url:
        other = replace(embedder, url=f"{url}/embeddings")
        assert len((await other.embed_passages(["a"])).vectors) == 1


async def test_the_messages_of_a_provider_are_not_passed_on(provider, logged) -> None:
    stand_in, embedder = provider
    stand_in.instead = lambda body: error(400, f"Cannot embed '{body['input'][0]}'", type="invalid_request_error")
    with pytest.raises(EmbeddingFailed) as failed:
        await embedder.embed_passages(["private words"])
    assert "private" not in str(failed.value) + str(logged)
    assert "invalid_request_error" in str(failed.value)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_reply_is_read(provider, coding: str) -> None:
    stand_in, embedder = provider
    raw = json.dumps({"data": [{"index": 0, "embedding": [1.0] * SIZE}]}).encode()
    packed = gzip.compress(raw) if coding == "gzip" else zlib.compress(raw)
    stand_in.instead = lambda body: web.Response(body=packed, headers={"content-encoding": coding})
    assert len((await embedder.embed_passages(["a"])).vectors) == 1


async def test_usage_that_is_missing_in_one_part_makes_the_whole_unknown(provider) -> None:
    stand_in, embedder = provider
    replies = iter([{}, {"usage": None}])
    stand_in.change = lambda reply: reply | next(replies)
    assert (await embedder.embed_passages(["a"] * 9)).tokens == 0


async def test_nothing_is_sent_for_no_text_and_a_sign_for_a_blank_one(provider) -> None:
    stand_in, embedder = provider
    assert (await embedder.embed_passages([])).vectors == ()
    assert stand_in.requests == []
    await embedder.embed_passages([" \n", "word"])
    assert stand_in.requests[0]["input"] == [".", "word"]


async def test_a_hanging_provider_ends_at_the_deadline(provider) -> None:
    stand_in, embedder = provider
    given_up = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await given_up.wait()
        return web.Response()

    stand_in.handle = hang  # type: ignore[method-assign]
    async with stand_in.listening() as url:
        with pytest.raises(OutOfTime):
            await replace(embedder, url=f"{url}/embeddings").embed_query("a", Deadline.after(0.05, SystemClock()))
        given_up.set()


def test_the_first_index_may_be_missing_as_in_the_field() -> None:
    result = parse_response(FIELD_CASE.read_bytes(), 2, 16, "m")
    assert (len(result.vectors), result.tokens) == (2, 4)


@pytest.mark.parametrize(
    ("indices", "why"),
    [([0, 0], "does not assign"), ([0, 2], "does not assign"), (["0", "0"], "does not assign"), ([-1, 0], "does not")],
)
def test_doubled_and_foreign_indices_are_named(indices: list[Any], why: str) -> None:
    data = [{"index": index, "embedding": [1.0] * SIZE} for index in indices]
    with pytest.raises(EmbeddingFailed, match=why):
        parse_response(json.dumps({"data": data}).encode(), 2, SIZE, "m")


@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_a_rejected_key_rests_and_the_request_is_made_with_the_next(provider, logged, status: int) -> None:
    stand_in, embedder = provider
    embedder = replace(embedder, keys=("key-one", "key-two", "key-three"))
    stand_in.instead = at_first(1, lambda: error(status, "no", type="rejected"))
    for _ in range(3):
        await embedder.embed_passages(["a"])
    assert stand_in.keys == [f"Bearer key-{each}" for each in ("one", "two", "three", "two")]
    assert events(logged).count("key_set_aside") == 1
    assert "key-one" not in str(logged)


async def test_when_every_key_is_rejected_the_failure_says_so(provider) -> None:
    stand_in, embedder = provider
    embedder = replace(embedder, keys=("key-one", "key-two"))
    stand_in.instead = lambda body: error(401, "no")
    with pytest.raises(EmbeddingFailed, match="401"):
        await embedder.embed_passages(["a"])
    assert stand_in.keys == ["Bearer key-one", "Bearer key-two"]
