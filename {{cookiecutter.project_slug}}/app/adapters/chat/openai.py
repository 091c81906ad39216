import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import httpx

from app.adapters.chat.encodings import Body
from app.adapters.chat.errors import parse_failure
from app.adapters.chat.events import BOM
from app.adapters.chat.fields import LearnedRules
from app.adapters.chat.keys import KeyRing
from app.adapters.chat.reading import ENVELOPE_BYTES, StreamReading
from app.adapters.chat.tries import Tries
from app.adapters.chat.wire import Dialect, parse_completion, parse_object
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

    url: the full address of chat completions with its query; headers: without the key. keys: of the provider, each
    sent as key_header with key_prefix before it.
    """

    name: str
    url: str
    model: str
    keys: tuple[str, ...] = ()
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    dialect: Dialect = field(default_factory=Dialect)
    idle_seconds: float = 10.0

    @cached_property
    def address(self) -> httpx.URL:
        return httpx.URL(self.url)

    @cached_property
    def headers(self) -> tuple[list[tuple[bytes, bytes]], ...]:
        """The headers of a call with each of the keys."""
        common = [(b"host", self.address.netloc), *((name.encode(), value.encode()) for name, value in HEADERS.items())]
        name = self.key_header.encode()
        return tuple([*common, (name, f"{self.key_prefix}{key}".encode())] for key in self.keys) or (common,)


def openai_endpoint(
    name: str,
    base_url: str,
    model: str,
    keys: tuple[str, ...] = (),
    *,
    dialect: Dialect | None = None,
    idle_seconds: float = 10.0,
) -> Endpoint:
    """The endpoint of an OpenAI-compatible model."""
    url = f"{base_url.rstrip('/')}/chat/completions"
    return Endpoint(name, url, model, keys, dialect=dialect or Dialect(), idle_seconds=idle_seconds)


def azure_endpoint(
    name: str,
    base_url: str,
    model: str,
    keys: tuple[str, ...],
    version: str,
    *,
    dialect: Dialect | None = None,
    idle_seconds: float = 10.0,
) -> Endpoint:
    """The endpoint of an Azure deployment: in the path, with the version in the query and the key in its own header."""
    url = f"{base_url.rstrip('/')}/openai/deployments/{model}/chat/completions?api-version={version}"
    return Endpoint(name, url, model, keys, "api-key", "", dialect or Dialect(), idle_seconds)


@dataclass(frozen=True)
class OpenAIChat:
    """A ChatModel over the OpenAI chat format: OpenAI, Azure, vLLM, Ollama, llama.cpp and others.

    learned: what the models of this process refused.
    """

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    clock: Clock
    learned: LearnedRules = field(default_factory=LearnedRules)

    @property
    def name(self) -> str:
        return self.endpoint.name

    @cached_property
    def _ring(self) -> KeyRing:
        return KeyRing(len(self.endpoint.keys), self.clock)

    def _tries(self, request: ChatRequest, stream: bool) -> Tries:
        endpoint = self.endpoint
        rules = endpoint.dialect.fields
        return Tries(endpoint.name, endpoint.url, endpoint.model, request, stream, rules, self.learned, self._ring)

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        tries = self._tries(request, stream=False)
        try:
            async with asyncio.timeout(deadline.remaining()):
                while True:
                    try:
                        completion = await self._complete(request, tries)
                    except ModelFailure as failure:
                        if not tries.again(failure):
                            raise tries.final(failure) from failure.__cause__
                    else:
                        return replace(completion, end=tries.succeeded(completion.end))
        except TimeoutError as error:
            raise ModelTimeout("no reply in time") from error

    async def _complete(self, request: ChatRequest, tries: Tries) -> Completion:
        max_bytes = ENVELOPE_BYTES + request.max_characters * BYTES_PER_CHARACTER
        max_bytes += request.max_tokens * LOGPROB_BYTES if request.logprobs else 0
        raw, wait = await self._fetch(tries, max_bytes)
        if raw.removeprefix(BOM).lstrip().startswith(EVENTS):
            return _read_events(raw, self._reading(request, wait))
        return parse_completion(parse_object(raw), request, self.endpoint.dialect, wait)

    async def _fetch(self, tries: Tries, max_bytes: int) -> tuple[bytes, float | None]:
        response = await self._open(tries)
        try:
            return await _read(response, max_bytes), self._wait(response)
        except BROKEN as error:
            raise ConnectionDropped(f"the reply was interrupted: {type(error).__name__}") from error
        finally:
            await response.aclose()

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        tries = self._tries(request, stream=True)
        reply, drained = await self._begin(request, deadline, tries), False
        try:
            while not reply.reading.done:
                try:
                    pieces = await reply.next()
                except ModelFailure as failure:
                    if reply.reading.started or not tries.again(failure):
                        raise tries.final(failure) from failure.__cause__
                    await reply.response.aclose()
                    reply = await self._begin(request, deadline, tries)
                    continue
                for piece in pieces:
                    yield piece
            yield tries.succeeded(reply.reading.end())
        except (GeneratorExit, asyncio.CancelledError):
            if drained := on_disconnect is not None:
                on_disconnect(reply.drain())
            raise
        finally:
            if not drained:
                await reply.response.aclose()

    async def _begin(self, request: ChatRequest, deadline: Deadline, tries: Tries) -> "_Reply":
        """A reply with status 200. Errors: ModelFailure."""
        while True:
            idle_seconds = self.endpoint.idle_seconds if tries.streams else float("inf")
            try:
                async with asyncio.timeout(deadline.within(idle_seconds).remaining()):
                    response = await self._open(tries)
            except TimeoutError as error:
                raise ModelTimeout("no reply in time") from error
            except ModelFailure as failure:
                if not tries.again(failure):
                    raise tries.final(failure) from failure.__cause__
                continue
            return _Reply(response, self._reading(request, self._wait(response)), deadline, idle_seconds)

    def _reading(self, request: ChatRequest, wait: float | None) -> StreamReading:
        return StreamReading(request, self.name, self.endpoint.dialect, wait)

    def _wait(self, response: httpx.Response) -> float | None:
        return retry_after(response.headers.get("retry-after"), self.clock.now())

    async def _open(self, tries: Tries) -> httpx.Response:
        response = await self._send(tries.body(), tries.keys.key)
        if 200 <= response.status_code < 300:
            return response
        try:
            raw = await _read(response, ERROR_BYTES, cut=True)
        except InvalidResponse:
            raw = b""
        except BROKEN as error:
            raise failure_for_status(response.status_code, "", None) from error
        finally:
            await response.aclose()
        raise parse_failure(response.status_code, raw, self._wait(response))

    async def _send(self, body: bytes, key: int) -> httpx.Response:
        until = self.clock.monotonic() + STALE_SECONDS
        with Reuse() as reused:
            try:
                return await self._send_once(body, key)
            except ConnectionDropped:
                if not reused or self.clock.monotonic() > until:
                    raise
        return await self._send_once(body, key)

    async def _send_once(self, body: bytes, key: int) -> httpx.Response:
        endpoint = self.endpoint
        headers = [*endpoint.headers[key], (b"content-length", str(len(body)).encode())]
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


class _Reply:
    """A reply that is being read. Only progress extends its idle time, not the bytes of an unfinished event."""

    def __init__(
        self, response: httpx.Response, reading: StreamReading, deadline: Deadline, idle_seconds: float
    ) -> None:
        self.response, self.reading, self._deadline, self._idle_seconds = response, reading, deadline, idle_seconds
        self._body: Body | None = None
        self._start_idle_time()

    def _start_idle_time(self) -> None:
        self._idle, self._progress = self._deadline.within(self._idle_seconds), self.reading.progress

    async def next(self) -> list[str]:
        """The next pieces of text. Errors: ModelFailure, when none comes in time or the stream breaks."""
        self._body = self._body or _body(self.response)
        pieces = await _next(self._body, self._idle, self.reading)
        if self.reading.progress > self._progress:
            self._start_idle_time()
        return pieces

    async def drain(self) -> Usage | None:
        """Read an abandoned reply to its end, for the usage reported there; None without one before the deadline."""
        try:
            if self._body:
                self._body.resume()
            self._start_idle_time()
            while not self.reading.done:
                await self.next()
        except ModelFailure as failure:
            return failure.usage
        finally:
            await self.response.aclose()
        return self.reading.usage


def _read_events(raw: bytes, reading: StreamReading) -> Completion:
    """The reply of a server that streams although no stream was requested."""
    pieces = reading.take(raw)
    pieces += [] if reading.done else reading.take(None)
    return Completion("".join(pieces), reading.end(), reading.calls)


def _body(response: httpx.Response) -> Body:
    # Not through httpx, which cannot resume a stream after reading it was interrupted.
    return Body(cast("httpx.AsyncByteStream", response.stream), response.headers.get("content-encoding"))


async def _read(response: httpx.Response, max_bytes: int, *, cut: bool = False) -> bytes:
    parts, size = [], 0
    async for raw in _body(response):
        parts.append(raw)
        size += len(raw)
        if size > max_bytes:
            if cut:
                break
            raise InvalidResponse(f"the reply is longer than {max_bytes} bytes")
    return b"".join(parts)


async def _next(body: Body, idle: Deadline, reading: StreamReading) -> list[str]:
    """The next pieces of text. Errors: ModelFailure, when none comes before `idle` or the stream breaks."""
    failure: ModelFailure
    try:
        async with asyncio.timeout(idle.remaining()):
            raw = await anext(body, None)
    except TimeoutError as error:
        failure = ModelTimeout("the stream stalled", usage=reading.usage)
        failure.__cause__ = error
    except BROKEN as error:
        kind = StreamInterrupted if reading.started else ConnectionDropped
        failure = kind(f"the stream broke: {type(error).__name__}", usage=reading.usage)
        failure.__cause__ = error
    except InvalidResponse as error:
        if not reading.started:
            raise
        raise StreamInterrupted(str(error), usage=reading.usage) from error
    else:
        return reading.take(raw)
    if reading.finished:
        return reading.close()
    raise failure
