"""Any provider of POST /embeddings as OpenAI speaks it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import orjson

from app.adapters.chat.transport import Reuse, make_client
from app.core.clock import Deadline
from app.core.errors import OutOfTime
from app.core.telemetry import span, traceparent
from app.retrieval.domain import EmbeddingFailed, Vector
from app.retrieval.ports import Embedded

BATCH = 64
BATCH_SECONDS = 60.0
BROKEN = (httpx.HTTPError, aiohttp.ClientError, OSError)


@dataclass(frozen=True)
class OpenAIEmbedder:
    """url: the full address of embeddings; headers: with the key in them."""

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
        """Nothing: a provider that is away must not keep the service from starting."""

    async def embed_query(self, text: str, deadline: Deadline) -> Embedded:
        with span("embed", embedder=self.model):
            return await self._ask([text], deadline.remaining())

    async def embed_passages(self, texts: Sequence[str]) -> Embedded:
        with span("embed", embedder=self.model, texts=len(texts)):
            starts = range(0, len(texts), BATCH)
            parts = [await self._ask(texts[start : start + BATCH], BATCH_SECONDS) for start in starts]
        return Embedded(tuple(vector for part in parts for vector in part.vectors), sum(part.tokens for part in parts))

    async def close(self) -> None:
        await self.client.aclose()

    async def _ask(self, texts: Sequence[str], seconds: float) -> Embedded:
        body = orjson.dumps({"model": self.model, "input": list(texts), "encoding_format": "float"})
        try:
            async with asyncio.timeout(seconds):
                response = await self._post(body)
        except TimeoutError as error:
            raise OutOfTime(f"{self.model} gave no embedding in time.") from error
        except BROKEN as error:
            raise EmbeddingFailed(f"{self.model} cannot be reached.", reason="unreachable") from error
        if response.status_code != 200:
            raise EmbeddingFailed(
                f"{self.model} refused with status {response.status_code}.",
                reason="refused",
                provider_status=response.status_code,
            )
        return read_reply(response.content, len(texts), self.dimensions, self.model)

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
        # A connection kept from before may have been closed at the other end meanwhile; a new one tells.
        return await self.client.post(self.url, content=body, headers=headers)


def read_reply(raw: bytes, count: int, dimensions: int, model: str) -> Embedded:
    """The vectors of a reply, in the order of their texts. Errors: EmbeddingFailed with the reason."""
    try:
        reply: Any = orjson.loads(raw)
        items = sorted(reply["data"], key=lambda item: item["index"])
        rows = [[float(x) for x in item["embedding"]] for item in items]
        places = [item["index"] for item in items]
    except (ValueError, KeyError, TypeError) as error:
        # JSON has no word for what is not a number: some servers send NaN, which is not JSON any more, or null.
        reason = "not_a_number" if b"NaN" in raw or b"null" in raw or b"Infinity" in raw else "malformed"
        raise EmbeddingFailed(f"The reply of {model} cannot be read.", reason=reason) from error
    if places != list(range(count)):
        raise EmbeddingFailed(f"{model} gave {len(rows)} vectors for {count} texts.", reason="wrong_count")
    wrong = next((len(row) for row in rows if len(row) != dimensions), None)
    if wrong is not None:
        raise EmbeddingFailed(
            f"{model} gave vectors of {wrong} dimensions, and {dimensions} are set.", reason="wrong_dimensions"
        )
    try:
        vectors = tuple(Vector.of(row) for row in rows)
    except (ValueError, OverflowError) as error:
        raise EmbeddingFailed(f"{model} gave a vector without direction.", reason="not_a_number") from error
    return Embedded(vectors, _tokens(reply))


def _tokens(reply: dict[str, Any]) -> int:
    usage = reply.get("usage")
    tokens = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else 0
    return tokens if isinstance(tokens, int) and tokens > 0 else 0


def open_openai(url: str, key: str | None, model: str, dimensions: int) -> OpenAIEmbedder:
    """url: of the API, as in https://host/v1."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return OpenAIEmbedder(make_client(), f"{url.rstrip('/')}/embeddings", headers, model, dimensions)
