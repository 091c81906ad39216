import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import aiohttp
import httpx
from pydantic import SecretStr

from app.adapters.chat.errors import parse_failure
from app.adapters.chat.events import BOM
from app.adapters.chat.reading import ENVELOPE_BYTES, StreamReading
from app.adapters.chat.transport import CONNECT_SECONDS, Reuse
from app.adapters.chat.wire import Dialect, body_of, parse_completion, parse_object, usage_of
from app.core.clock import Clock, Deadline
from app.core.telemetry import traceparent
from app.costs.domain import Usage
from app.llm.domain.errors import (
    ConnectionDropped,
    InvalidResponse,
    ModelFailure,
    ModelTimeout,
    ModelUnreachable,
    StreamInterrupted,
    failure_for_status,
    retry_after,
)
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, OnDisconnect

ERROR_BYTES = 16 * 1024
BYTES_PER_CHARACTER = 6
HEADERS = {"content-type": "application/json", "accept-encoding": "identity"}
LOGPROB_BYTES = 1024
"""Of a token with its text, its bytes and its probability."""
EVENTS = (b"data:", b"event:", b":")
BROKEN = (httpx.HTTPError, aiohttp.ClientError, OSError)
UNSENT = (httpx.ConnectError, aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Nobody heard the question, so that nobody charges for it."""
DEAD_SECONDS = 0.5
"""A pooled connection that was dead shows it sooner; one that breaks later had been heard."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is and how to ask for it.

    url: the full address of chat completions, with its query; headers: with the key in them.
    """

    name: str
    url: str
    model: str
    headers: dict[str, str]
    dialect: Dialect = field(default_factory=Dialect)
    idle_seconds: float = 10.0

    @cached_property
    def address(self) -> httpx.URL:
        return httpx.URL(self.url)

    @cached_property
    def fields(self) -> list[tuple[bytes, bytes]]:
        host = self.address.netloc
        return [(b"host", host), *((name.encode(), value.encode()) for name, value in self.headers.items())]


def openai_endpoint(
    name: str, base_url: str, model: str, key: SecretStr | None, *, idle_seconds: float = 10.0, **dialect: Any
) -> Endpoint:
    """dialect: the fields of a Dialect in which this model differs from the rest."""
    headers = HEADERS | ({"authorization": f"Bearer {key.get_secret_value()}"} if key else {})
    url = f"{base_url.rstrip('/')}/chat/completions"
    return Endpoint(name, url, model, headers, Dialect(**dialect), idle_seconds)


def azure_endpoint(
    name: str,
    base_url: str,
    model: str,
    key: SecretStr | None,
    version: str,
    *,
    idle_seconds: float = 10.0,
    **dialect: Any,
) -> Endpoint:
    """Azure names the deployment in the path, the version in the query and the key in a header of its own."""
    url = f"{base_url.rstrip('/')}/openai/deployments/{model}/chat/completions?api-version={version}"
    headers = HEADERS | ({"api-key": key.get_secret_value()} if key else {})
    return Endpoint(name, url, model, headers, Dialect(**dialect), idle_seconds)


@dataclass(frozen=True)
class OpenAIChat:
    """A ChatModel over the OpenAI chat format: OpenAI, Azure, vLLM, Ollama, llama.cpp and the rest."""

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    clock: Clock

    @property
    def name(self) -> str:
        return self.endpoint.name

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        body = body_of(request, self.endpoint.model, self.endpoint.dialect, stream=False)
        most = ENVELOPE_BYTES + request.max_characters * BYTES_PER_CHARACTER
        most += request.max_tokens * LOGPROB_BYTES if request.logprobs else 0
        try:
            async with asyncio.timeout(deadline.remaining()):
                raw, wait = await self._fetch(body, most)
        except TimeoutError as error:
            raise ModelTimeout("no reply in time") from error
        if raw.removeprefix(BOM).lstrip().startswith(EVENTS):
            return _read_events(raw, self._reading(request, wait))
        found = parse_object(raw)
        try:
            return parse_completion(found, request, self.endpoint.dialect, wait)
        except ModelFailure as failure:
            failure.usage = usage_of(found.get("usage"))
            raise

    async def _fetch(self, body: bytes, most: int) -> tuple[bytes, float | None]:
        response = await self._open(body)
        try:
            return await _read(response, most), self._wait(response)
        except BROKEN as error:
            raise ConnectionDropped(f"the reply broke off: {type(error).__name__}") from error
        finally:
            await response.aclose()

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        body = body_of(request, self.endpoint.model, self.endpoint.dialect, stream=True)
        first = deadline.within(self.endpoint.idle_seconds)
        try:
            async with asyncio.timeout(first.remaining()):
                response = await self._open(body)
        except TimeoutError as error:
            raise ModelTimeout("no reply in time") from error
        reading, left = self._reading(request, self._wait(response)), False
        try:
            # A quiet provider is given up after the idle time however many bytes of an unfinished event drip
            # in.
            chunks, patience, signs = _chunks(response), deadline.within(self.endpoint.idle_seconds), 0
            while not reading.done:
                for piece in await _next(chunks, patience, reading):
                    yield piece
                if reading.signs > signs:
                    patience, signs = deadline.within(self.endpoint.idle_seconds), reading.signs
            yield reading.end()
        except (GeneratorExit, asyncio.CancelledError):
            if left := on_disconnect is not None:
                on_disconnect(self._rest(response, reading, deadline))
            raise
        finally:
            if not left:
                await response.aclose()

    async def _rest(self, response: httpx.Response, reading: StreamReading, deadline: Deadline) -> Usage | None:
        """What a stream cost that nobody reads any more, where its end says so in time."""
        try:
            chunks, patience = _chunks(response), deadline.within(self.endpoint.idle_seconds)
            signs = reading.signs
            while not reading.done:
                await _next(chunks, patience, reading)
                if reading.signs > signs:
                    patience, signs = deadline.within(self.endpoint.idle_seconds), reading.signs
        except ModelFailure as failure:
            return failure.usage
        finally:
            await response.aclose()
        return reading.usage

    def _reading(self, request: ChatRequest, wait: float | None) -> StreamReading:
        return StreamReading(request, self.name, self.endpoint.dialect, wait)

    def _wait(self, response: httpx.Response) -> float | None:
        return retry_after(response.headers.get("retry-after"), self.clock.now())

    async def _open(self, body: bytes) -> httpx.Response:
        response = await self._send(body)
        if response.status_code == 200:
            return response
        try:
            raw = await _read(response, ERROR_BYTES, cut=True)
            raise parse_failure(response.status_code, raw, self._wait(response))
        except BROKEN as error:
            raise failure_for_status(response.status_code, "", None) from error
        finally:
            await response.aclose()

    async def _send(self, body: bytes) -> httpx.Response:
        until = self.clock.monotonic() + DEAD_SECONDS
        with Reuse() as reused:
            try:
                return await self._send_once(body)
            except ConnectionDropped:
                if not reused or self.clock.monotonic() > until:
                    raise
        return await self._send_once(body)

    async def _send_once(self, body: bytes) -> httpx.Response:
        endpoint = self.endpoint
        headers = [*endpoint.fields, (b"content-length", str(len(body)).encode())]
        if trace := traceparent():
            headers.append((b"traceparent", trace.encode()))
        request = httpx.Request("POST", endpoint.address, headers=headers, content=body, extensions=_CONNECT)
        try:
            response = await self.transport.handle_async_request(request)
        except BROKEN as error:
            # httpx has one word for both; what aiohttp said is behind it.
            unsent = isinstance(error, UNSENT) or isinstance(error.__cause__, UNSENT)
            failure = ModelUnreachable if unsent else ConnectionDropped
            raise failure(f"no connection: {type(error).__name__}") from error
        response.request = request
        return response


_CONNECT = {"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}}


def _read_events(raw: bytes, reading: StreamReading) -> Completion:
    """The reply of a server that streams though nobody asked it to."""
    pieces = reading.take(raw)
    pieces += [] if reading.done else reading.take(None)
    return Completion("".join(pieces), reading.end())


async def _read(response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
    parts, size = [], 0
    async for raw in response.aiter_raw():
        parts.append(raw)
        size += len(raw)
        if size > most:
            if cut:
                break
            raise InvalidResponse(f"the reply is longer than {most} bytes")
    return b"".join(parts)


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    # Not by httpx, which does not go on with a stream once reading it was interrupted.
    return aiter(cast("httpx.AsyncByteStream", response.stream))


async def _next(chunks: AsyncIterator[bytes], patience: Deadline, reading: StreamReading) -> list[str]:
    """The pieces of text that come next."""
    failure: ModelFailure
    try:
        async with asyncio.timeout(patience.remaining()):
            raw = await anext(chunks, None)
    except TimeoutError as error:
        failure = ModelTimeout("the stream stalled", usage=reading.usage)
        failure.__cause__ = error
    except BROKEN as error:
        kind = StreamInterrupted if reading.begun else ConnectionDropped
        failure = kind(f"the stream broke: {type(error).__name__}", usage=reading.usage)
        failure.__cause__ = error
    else:
        return reading.take(raw)
    if reading.finished:
        return reading.close()
    raise failure
