import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import httpx
from pydantic import SecretStr

from app.adapters.chat.errors import parse_failure
from app.adapters.chat.events import BOM
from app.adapters.chat.reading import ENVELOPE_BYTES, StreamReading
from app.adapters.chat.wire import Dialect, body_of, parse_completion, parse_object, usage_of
from app.adapters.outbound import BROKEN, CONNECT_SECONDS, Reuse, failure_reason, was_sent
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
"""Maximum size of one token's entry in the logprobs of a reply."""
EVENTS = (b"data:", b"event:", b":")
STALE_SECONDS = 0.5
"""A stale pooled connection fails within this time; one that breaks later may have delivered the request."""


@dataclass(frozen=True)
class Endpoint:
    """The address and the options of a model.

    url: the full address of chat completions with its query; headers: including the key.
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
    """The endpoint of an OpenAI-compatible model. dialect: the fields of Dialect that differ from the defaults."""
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
    """The endpoint of an Azure deployment: in the path, with the version in the query and the key in its own header."""
    url = f"{base_url.rstrip('/')}/openai/deployments/{model}/chat/completions?api-version={version}"
    headers = HEADERS | ({"api-key": key.get_secret_value()} if key else {})
    return Endpoint(name, url, model, headers, Dialect(**dialect), idle_seconds)


@dataclass(frozen=True)
class OpenAIChat:
    """A ChatModel over the OpenAI chat format: OpenAI, Azure, vLLM, Ollama, llama.cpp and others."""

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    clock: Clock

    @property
    def name(self) -> str:
        return self.endpoint.name

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        body = body_of(request, self.endpoint.model, self.endpoint.dialect, stream=False)
        max_bytes = ENVELOPE_BYTES + request.max_characters * BYTES_PER_CHARACTER
        max_bytes += request.max_tokens * LOGPROB_BYTES if request.logprobs else 0
        try:
            async with asyncio.timeout(deadline.remaining()):
                raw, wait = await self._fetch(body, max_bytes)
        except TimeoutError as error:
            raise ModelTimeout("no reply in time") from error
        if raw.removeprefix(BOM).lstrip().startswith(EVENTS):
            return _read_events(raw, self._reading(request, wait))
        reply = parse_object(raw)
        try:
            return parse_completion(reply, request, self.endpoint.dialect, wait)
        except ModelFailure as failure:
            failure.usage = usage_of(reply.get("usage"))
            raise

    async def _fetch(self, body: bytes, max_bytes: int) -> tuple[bytes, float | None]:
        response = await self._open(body)
        try:
            return await _read(response, max_bytes), self._wait(response)
        except BROKEN as error:
            raise ConnectionDropped(f"the reply was interrupted: {type(error).__name__}") from error
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
        reading, drained = self._reading(request, self._wait(response)), False
        try:
            # Only progress extends the idle time, not the bytes of an unfinished event.
            chunks, idle, progress = _chunks(response), deadline.within(self.endpoint.idle_seconds), 0
            while not reading.done:
                for piece in await _next(chunks, idle, reading):
                    yield piece
                if reading.progress > progress:
                    idle, progress = deadline.within(self.endpoint.idle_seconds), reading.progress
            yield reading.end()
        except (GeneratorExit, asyncio.CancelledError):
            if drained := on_disconnect is not None:
                on_disconnect(self._drain(response, reading, deadline))
            raise
        finally:
            if not drained:
                await response.aclose()

    async def _drain(self, response: httpx.Response, reading: StreamReading, deadline: Deadline) -> Usage | None:
        """Read an abandoned stream to its end, for the usage reported there; None without one before the deadline."""
        try:
            chunks, idle = _chunks(response), deadline.within(self.endpoint.idle_seconds)
            progress = reading.progress
            while not reading.done:
                await _next(chunks, idle, reading)
                if reading.progress > progress:
                    idle, progress = deadline.within(self.endpoint.idle_seconds), reading.progress
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
        until = self.clock.monotonic() + STALE_SECONDS
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
            # Nothing is charged for what was not sent.
            failure = ConnectionDropped if was_sent(error) else ModelUnreachable
            raise failure(f"no connection: {failure_reason(error)}") from error
        response.request = request
        return response


_CONNECT = {"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}}


def _read_events(raw: bytes, reading: StreamReading) -> Completion:
    """The reply of a server that streams although no stream was requested."""
    pieces = reading.take(raw)
    pieces += [] if reading.done else reading.take(None)
    return Completion("".join(pieces), reading.end())


async def _read(response: httpx.Response, max_bytes: int, *, cut: bool = False) -> bytes:
    parts, size = [], 0
    async for raw in response.aiter_raw():
        parts.append(raw)
        size += len(raw)
        if size > max_bytes:
            if cut:
                break
            raise InvalidResponse(f"the reply is longer than {max_bytes} bytes")
    return b"".join(parts)


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    # Not through httpx, which cannot resume a stream after reading it was interrupted.
    return aiter(cast("httpx.AsyncByteStream", response.stream))


async def _next(chunks: AsyncIterator[bytes], idle: Deadline, reading: StreamReading) -> list[str]:
    """The next pieces of text. Errors: ModelFailure, when none comes before `idle` or the stream breaks."""
    failure: ModelFailure
    try:
        async with asyncio.timeout(idle.remaining()):
            raw = await anext(chunks, None)
    except TimeoutError as error:
        failure = ModelTimeout("the stream stalled", usage=reading.usage)
        failure.__cause__ = error
    except BROKEN as error:
        kind = StreamInterrupted if reading.started else ConnectionDropped
        failure = kind(f"the stream broke: {type(error).__name__}", usage=reading.usage)
        failure.__cause__ = error
    else:
        return reading.take(raw)
    if reading.finished:
        return reading.close()
    raise failure
