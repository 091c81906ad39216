"""Any provider of POST /embeddings in the OpenAI format."""

import asyncio
import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
import httpx
import orjson

from app.adapters.chat.transport import Reuse, make_client
from app.core.clock import Deadline
from app.core.errors import OutOfTime
from app.core.genai import ModelEndpoint, embeddings
from app.core.telemetry import traceparent
from app.retrieval.domain import EmbeddingFailed, Vector
from app.retrieval.ports import EmbeddingResult

BATCH = 64
BATCH_SECONDS = 60.0
BROKEN = (httpx.HTTPError, aiohttp.ClientError, OSError)


@dataclass(frozen=True)
class OpenAIEmbedder:
    """An embedder over HTTP. url: the full address of embeddings; headers: including the key."""

    client: httpx.AsyncClient
    url: str
    headers: dict[str, str]
    model: str
    dimensions: int
    provider: str = "openai"

    @property
    def name(self) -> str:
        return f"openai:{self.model}@{self.dimensions}"

    async def warm(self) -> None:
        """Do nothing: the service must start while the provider is unavailable."""

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await self._request([text], deadline.remaining())

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        starts = range(0, len(texts), BATCH)
        parts = [await self._request(texts[start : start + BATCH], BATCH_SECONDS) for start in starts]
        return EmbeddingResult(
            tuple(vector for part in parts for vector in part.vectors), sum(part.tokens for part in parts)
        )

    async def close(self) -> None:
        await self.client.aclose()

    @cached_property
    def endpoint(self) -> ModelEndpoint:
        return ModelEndpoint.at(self.provider, self.model, self.url)

    async def _request(self, texts: Sequence[str], seconds: float) -> EmbeddingResult:
        with embeddings(self.endpoint, self.dimensions) as call:
            result = await self._result(texts, seconds)
            if result.tokens:
                call.used(result.tokens)
            return result

    async def _result(self, texts: Sequence[str], seconds: float) -> EmbeddingResult:
        body = orjson.dumps({"model": self.model, "input": list(texts), "encoding_format": "float"})
        try:
            async with asyncio.timeout(seconds):
                response = await self._post(body)
        except TimeoutError as error:
            raise OutOfTime(f"{self.model} returned no embedding in time.") from error
        except BROKEN as error:
            raise EmbeddingFailed(f"{self.model} cannot be reached.", reason="unreachable") from error
        if response.status_code != 200:
            raise EmbeddingFailed(
                f"{self.model} replied with status {response.status_code}.",
                reason="refused",
                provider_status=response.status_code,
            )
        return parse_response(response.content, len(texts), self.dimensions, self.model)

    async def _post(self, body: bytes) -> httpx.Response:
        headers = {"content-type": "application/json"} | self.headers
        if trace := traceparent():
            headers["traceparent"] = trace
        with Reuse() as reused:
            try:
                return await self.client.post(self.url, content=body, headers=headers)
            except BROKEN:
                if not reused:
                    raise
        # The server may have closed the reused connection: retry on a new one.
        return await self.client.post(self.url, content=body, headers=headers)


def parse_response(raw: bytes, count: int, dimensions: int, model: str) -> EmbeddingResult:
    """The vectors of a reply, in the order of the texts. An item without an index is for the text at its position in
    the list, if that agrees with the other indices. Errors: EmbeddingFailed with the reason.
    """
    try:
        reply: Any = orjson.loads(raw)
        rows = [_floats(item["embedding"]) for item in reply["data"]]
        indices = [_index(item.get("index")) for item in reply["data"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        # JSON has no NaN: some servers send it all the same, or null.
        reason = "not_a_number" if b"NaN" in raw or b"null" in raw or b"Infinity" in raw else "malformed"
        raise EmbeddingFailed(f"The reply of {model} cannot be read.", reason=reason) from error
    if len(rows) != count:
        raise EmbeddingFailed(f"{model} returned {len(rows)} vectors for {count} texts.", reason="wrong_count")
    places = _places(indices)
    if sorted(places) != list(range(count)):
        raise EmbeddingFailed(f"{model} does not assign each vector to a text.", reason="wrong_count")
    wrong = next((len(row) for row in rows if len(row) != dimensions), None)
    if wrong is not None:
        raise EmbeddingFailed(
            f"{model} returned vectors of {wrong} dimensions, not of {dimensions}.", reason="wrong_dimensions"
        )
    try:
        by_place = {place: Vector.of(row) for place, row in zip(places, rows, strict=True)}
    except (ValueError, OverflowError) as error:
        raise EmbeddingFailed(f"{model} returned a vector of length zero.", reason="not_a_number") from error
    return EmbeddingResult(tuple(by_place[place] for place in range(count)), _tokens(reply))


def _floats(embedding: Any) -> Sequence[float]:
    """A list of numbers, or base64 of 32-bit little-endian floats, which many clients request by default."""
    if isinstance(embedding, str):
        return [each for (each,) in struct.iter_unpack("<f", base64.b64decode(embedding, validate=True))]
    return [float(x) for x in embedding]


def _index(index: Any) -> int | None:
    if index is None:
        return None
    if isinstance(index, bool) or index != int(index):
        raise ValueError("not an index")
    return int(index)


def _places(indices: Sequence[int | None]) -> Sequence[int]:
    """The position of the text of each item; not a permutation where the indices are ambiguous."""
    missing = [place for place, index in enumerate(indices) if index is None]
    if len(missing) == 1:
        # Servers that omit zero values omit one index, at any position.
        left = set(range(len(indices))) - {index for index in indices if index is not None}
        return [left.pop() if index is None and len(left) == 1 else -1 if index is None else index for index in indices]
    if missing and any(index not in (None, place) for place, index in enumerate(indices)):
        return [-1] * len(indices)
    return [place if index is None else index for place, index in enumerate(indices)]


def _tokens(reply: dict[str, Any]) -> int:
    usage = reply.get("usage")
    tokens = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else 0
    return tokens if isinstance(tokens, int) and tokens > 0 else 0


def make_openai_embedder(url: str, key: str | None, model: str, dimensions: int) -> OpenAIEmbedder:
    """An embedder of an OpenAI-compatible provider. url: of the API, as in https://host/v1."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return OpenAIEmbedder(make_client(), f"{url.rstrip('/')}/embeddings", headers, model, dimensions)
