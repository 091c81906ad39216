"""Any provider of POST /embeddings in the OpenAI format."""

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import orjson
import structlog

from app.adapters.chat.errors import error_in, failure_in, parse_failure
from app.adapters.chat.keys import KeyRing, KeyTries
from app.adapters.embeddings.reply import parse_response
from app.adapters.outbound import BROKEN, Reuse, failure_reason, make_client
from app.core.clock import Clock, Deadline, SystemClock
from app.core.errors import OutOfTime
from app.core.genai import ModelEndpoint, embeddings
from app.core.outbound import DIRECT, OutboundRules
from app.core.telemetry import traceparent
from app.llm.domain.errors import ModelFailure, ModelUnreachable, Reaction, retry_after
from app.llm.domain.retry import MAX_ATTEMPTS, RetryBudget, backoff
from app.retrieval.domain import EmbeddingFailed
from app.retrieval.ports import EmbeddingResult

BATCH = 64
BATCH_SECONDS = 60.0
SHORTEST_CHARACTERS = 200
"""A text that is refused as too long is halved, but not below this."""
BLANK = "."
"""In place of a text without words, which some providers refuse."""

_OPTIONAL = ("dimensions", "encoding_format")
"""Fields of a request that a provider may refuse, and that a usable reply does not need."""
_REFUSES = re.compile(r"support|unrecogni[sz]ed|unknown|unexpected|not (?:allowed|permitted)|extra_|invalid", re.I)
_TOO_MUCH = re.compile(
    r"batch|too (?:many|large|long|big)|at most|max(?:imum)?\b|exceed|context.?length|tokens?\b|limit", re.I
)

log = structlog.get_logger(__name__)


@dataclass
class LearnedLimits:
    """What a provider does not accept, as found out by its refusals. batch: the most texts of a request. omitted: the
    fields that it refuses.
    """

    batch: int = BATCH
    omitted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.configured = self.batch


class _Refused(Exception):
    """An attempt without vectors. status: None where none came. words: of the provider, for decisions only: they may
    quote the text.
    """

    def __init__(self, failure: ModelFailure, status: int | None = None, words: str = "") -> None:
        super().__init__(str(failure))
        self.failure, self.status, self.words = failure, status, words

    @property
    def about_the_request(self) -> bool:
        return self.status in (400, 413, 422)


class _TooManyTexts(Exception):
    """The provider accepts fewer texts in a request."""


@dataclass(frozen=True)
class OpenAIEmbedder:
    """An embedder over HTTP. url: the full address of embeddings. keys: of the provider, used in turn; one that it
    rejects rests for a while.

    A failed request is retried by the rules of chat models. A batch that is too large is halved, a text that is too
    long is shortened, and a field that the provider refuses is left out, for the life of the process.
    """

    client: httpx.AsyncClient
    url: str
    keys: tuple[str, ...]
    model: str
    dimensions: int
    provider: str = "openai"
    limits: LearnedLimits = field(default_factory=LearnedLimits)
    clock: Clock = field(default_factory=SystemClock)
    retries: RetryBudget = field(default_factory=RetryBudget)
    random_fraction: Callable[[], float] = random.random

    @property
    def name(self) -> str:
        return f"openai:{self.model}@{self.dimensions}"

    async def warm(self) -> None:
        """Do nothing: the service must start while the provider is unavailable."""

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await self._request([text], deadline)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        parts: list[EmbeddingResult] = []
        start = 0
        while start < len(texts):
            some = texts[start : start + self.limits.batch]
            try:
                parts.append(await self._request(some, Deadline.after(BATCH_SECONDS, self.clock)))
            except _TooManyTexts:
                self.limits.batch = max(1, len(some) // 2)
                log.warning("retrieval.embedding_batch_halved", model=self.model, batch=self.limits.batch)
                continue
            except EmbeddingFailed as failure:
                failure.billed = bool(parts)
                raise
            start += len(some)
        vectors = tuple(vector for part in parts for vector in part.vectors)
        # A part without usage makes the whole unknown, which is charged as the most that it can be.
        known = all(part.tokens for part in parts)
        return EmbeddingResult(vectors, sum(part.tokens for part in parts) if known else 0)

    async def close(self) -> None:
        await self.client.aclose()

    @cached_property
    def _ring(self) -> KeyRing:
        return KeyRing(len(self.keys), self.clock)

    @cached_property
    def endpoint(self) -> ModelEndpoint:
        return ModelEndpoint.at(self.provider, self.model, self.url)

    async def _request(self, texts: Sequence[str], deadline: Deadline) -> EmbeddingResult:
        """Errors: EmbeddingFailed, OutOfTime, _TooManyTexts."""
        self.retries.deposit()
        attempt, keys = 1, KeyTries(self._ring, self.model)
        while True:
            try:
                return await self._attempt(texts, deadline, keys.key)
            except _Refused as refused:
                log.warning(
                    "retrieval.embedding_failed",
                    model=self.model,
                    status=refused.status,
                    reason=str(refused),
                    texts=len(texts),
                    attempt=attempt,
                )
                if self._omits(refused) or keys.another(refused.failure):
                    continue
                if shorter := self._shorter(texts, refused):
                    texts = shorter
                    continue
                if not await self._may_retry(keys.final(refused.failure), attempt, deadline):
                    raise self._failed(refused) from refused
                keys = KeyTries(self._ring, self.model)
            attempt += 1

    def _omits(self, refused: _Refused) -> bool:
        """Whether the request can be sent again without a field that was refused."""
        # Not by the whole reply: some quote the request, which has these fields.
        reply = refused.failure.reply
        reply_text = " ".join((str(refused), *reply.paths, reply.text)) if reply else ""
        if not refused.about_the_request or not _REFUSES.search(reply_text):
            return False
        fields = [name for name in _OPTIONAL if name in reply_text and name not in self.limits.omitted]
        self.limits.omitted.update(fields)
        if fields:
            log.warning("retrieval.embedding_field_omitted", model=self.model, fields=fields)
        return bool(fields)

    def _shorter(self, texts: Sequence[str], refused: _Refused) -> list[str] | None:
        """The only text, halved, where it is too long. Errors: _TooManyTexts, where there are several."""
        too_much = refused.status == 413 or (refused.about_the_request and _TOO_MUCH.search(refused.words))
        if not too_much:
            return None
        if len(texts) > 1:
            raise _TooManyTexts
        characters = len(texts[0])
        if characters <= SHORTEST_CHARACTERS:
            return None
        log.warning("retrieval.embedding_text_shortened", model=self.model, characters=characters)
        # The batch was refused for this text, and not for the number of its texts.
        self.limits.batch = self.limits.configured
        return [texts[0][: characters // 2]]

    async def _may_retry(self, failure: ModelFailure, attempt: int, deadline: Deadline) -> bool:
        """Waits, and tells whether the request is sent again."""
        if failure.reaction is not Reaction.RETRY or attempt >= MAX_ATTEMPTS:
            return False
        wait = failure.retry_after
        if wait is None:
            wait = backoff(attempt, self.random_fraction())
        if wait >= deadline.remaining() or not self.retries.withdraw():
            return False
        await asyncio.sleep(wait)
        return True

    def _failed(self, refused: _Refused) -> EmbeddingFailed:
        if refused.status is None:
            return EmbeddingFailed(f"{self.model} cannot be reached: {refused}.", reason="unreachable")
        detail = f"{self.model} replied with {refused}."
        return EmbeddingFailed(detail, reason="refused", provider_status=refused.status)

    async def _attempt(self, texts: Sequence[str], deadline: Deadline, key: int) -> EmbeddingResult:
        """Errors: _Refused, EmbeddingFailed for a reply that cannot be used, OutOfTime."""
        with embeddings(self.endpoint, self.dimensions) as call:
            try:
                async with asyncio.timeout(deadline.remaining()):
                    response = await self._post(self._body(texts), key)
            except TimeoutError as error:
                raise OutOfTime(f"{self.model} returned no embedding in time.") from error
            except BROKEN as error:
                raise _Refused(ModelUnreachable(failure_reason(error))) from error
            self._check_status(response)
            result = parse_response(response.content, len(texts), self.dimensions, self.model)
            if result.tokens:
                call.used(result.tokens)
            return result

    def _body(self, texts: Sequence[str]) -> bytes:
        fields: dict[str, Any] = {"dimensions": self.dimensions, "encoding_format": "float"}
        asked = {name: value for name, value in fields.items() if name not in self.limits.omitted}
        return orjson.dumps(
            {"model": self.model, "input": [each if each.strip() else BLANK for each in texts], **asked}
        )

    def _check_status(self, response: httpx.Response) -> None:
        """Errors: _Refused, for an error status and for an error with status 200."""
        status, raw = response.status_code, response.content
        wait = retry_after(response.headers.get("retry-after"), self.clock.now())
        words = raw[:4000].decode(errors="replace")
        if status != 200:
            raise _Refused(parse_failure(status, raw, wait), status, words)
        body = _object(raw)
        if body is not None and not body.get("data") and (error := error_in(body)):
            failure = failure_in(error, wait)
            named = re.search(r"status (\d{3})", str(failure))
            raise _Refused(failure, int(named[1]) if named else status, words)

    async def _post(self, body: bytes, key: int) -> httpx.Response:
        headers = {"content-type": "application/json"}
        if self.keys:
            headers["authorization"] = f"Bearer {self.keys[key]}"
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


def _object(raw: bytes) -> dict[str, Any] | None:
    """The reply, or the only entry of a list around an error."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    body = body[0] if isinstance(body, list) and len(body) == 1 else body
    return body if isinstance(body, dict) else None


def make_openai_embedder(
    url: str, keys: Sequence[str], model: str, dimensions: int, batch: int = BATCH, rules: OutboundRules = DIRECT
) -> OpenAIEmbedder:
    """An embedder of an OpenAI-compatible provider. url: of the API, as in https://host/v1. batch: the most texts of a
    request.
    """
    client = make_client(rules=rules, seconds=None)
    return OpenAIEmbedder(
        client, f"{url.rstrip('/')}/embeddings", tuple(keys), model, dimensions, limits=LearnedLimits(batch)
    )
