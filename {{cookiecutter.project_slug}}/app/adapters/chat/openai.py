import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import aiohttp
import httpx
from pydantic import SecretStr

from app.adapters.chat.events import EventReader, EventTooLong
from app.adapters.chat.transport import CONNECT_SECONDS, Reuse
from app.adapters.chat.wire import body_of, parse_chunk, parse_completion, parse_failure, parse_object, usage_of
from app.core.clock import Clock, Deadline
from app.core.telemetry import traceparent
from app.costs.domain import Usage
from app.inference.domain.chat import ChatRequest, Completion, Ending, Finish, Leave, confidence_of, estimate
from app.inference.domain.failures import (
    Dropped,
    Hung,
    Interrupted,
    ModelFailure,
    Nonsense,
    Unreachable,
    failure_of,
    retry_after,
)

ENVELOPE_BYTES = 64 * 1024
ERROR_BYTES = 16 * 1024
BYTES_PER_CHARACTER = 6
LOGPROB_BYTES = 1024
"""Of a token with its text, its bytes and its probability."""
BROKEN = (httpx.HTTPError, aiohttp.ClientError, OSError)
UNSENT = (httpx.ConnectError, aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Nobody heard the question, so that nobody charges for it."""
DEAD_SECONDS = 0.5
"""A pooled connection that was dead shows it sooner; one that breaks later had been heard."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is and how to ask for it.

    url: the full address of chat completions, with its query; headers: with the key in them.
    limit_field: how this provider calls the token limit.
    """

    name: str
    url: str
    model: str
    headers: dict[str, str]
    limit_field: str = "max_tokens"
    idle_seconds: float = 10.0

    @cached_property
    def address(self) -> httpx.URL:
        return httpx.URL(self.url)

    @cached_property
    def fields(self) -> list[tuple[bytes, bytes]]:
        host = self.address.netloc
        return [(b"host", host), *((name.encode(), value.encode()) for name, value in self.headers.items())]


def openai_endpoint(name: str, base_url: str, model: str, key: SecretStr | None, **options: str | float) -> Endpoint:
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    return _endpoint(name, f"{base_url.rstrip('/')}/chat/completions", model, headers, options)


def azure_endpoint(
    name: str, base_url: str, model: str, key: SecretStr | None, version: str, **options: str | float
) -> Endpoint:
    """Azure names the deployment in the path, the version in the query and the key in a header of its own."""
    url = f"{base_url.rstrip('/')}/openai/deployments/{model}/chat/completions?api-version={version}"
    return _endpoint(name, url, model, {"api-key": key.get_secret_value()} if key else {}, options)


def _endpoint(name: str, url: str, model: str, headers: dict[str, str], options: dict[str, str | float]) -> Endpoint:
    headers = {"content-type": "application/json", "accept-encoding": "identity", **headers}
    limit_field, idle = (
        str(options.get("limit_field", "max_tokens")),
        float(options.get("idle_seconds", 10.0)),
    )
    return Endpoint(name, url, model, headers, limit_field, idle)


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
        body = body_of(request, self.endpoint.model, self.endpoint.limit_field, stream=False)
        most = ENVELOPE_BYTES + request.most_characters * BYTES_PER_CHARACTER
        most += request.max_tokens * LOGPROB_BYTES if request.logprobs else 0
        try:
            async with asyncio.timeout(deadline.remaining()):
                found = parse_object(await self._fetch(body, most))
        except TimeoutError as error:
            raise Hung("no reply in time") from error
        try:
            return parse_completion(found, request)
        except ModelFailure as failure:
            failure.usage = usage_of(found.get("usage"))
            raise

    async def _fetch(self, body: bytes, most: int) -> bytes:
        response = await self._open(body)
        try:
            return await _read(response, most)
        except BROKEN as error:
            raise Dropped(f"the reply broke off: {type(error).__name__}") from error
        finally:
            await response.aclose()

    async def stream(
        self, request: ChatRequest, deadline: Deadline, leave: Leave | None = None
    ) -> AsyncGenerator[str | Ending, None]:
        body = body_of(request, self.endpoint.model, self.endpoint.limit_field, stream=True)
        reading = _Reading(request)
        first = deadline.within(self.endpoint.idle_seconds)
        try:
            async with asyncio.timeout(first.remaining()):
                response = await self._open(body)
        except TimeoutError as error:
            raise Hung("no reply in time") from error
        left = False
        try:
            # A quiet provider is given up after the idle time however many bytes of an unfinished event drip
            # in.
            chunks, patience = _chunks(response), deadline.within(self.endpoint.idle_seconds)
            while not reading.done:
                for piece in reading.take(await _next(chunks, patience, reading)):
                    yield piece
                    patience = deadline.within(self.endpoint.idle_seconds)
            yield reading.ending()
        except (GeneratorExit, asyncio.CancelledError):
            if left := leave is not None:
                leave(self._rest(response, reading, deadline))
            raise
        finally:
            if not left:
                await response.aclose()

    async def _rest(self, response: httpx.Response, reading: "_Reading", deadline: Deadline) -> Usage | None:
        """What a stream cost that nobody reads any more, where its end says so in time."""
        try:
            chunks, patience = _chunks(response), deadline.within(self.endpoint.idle_seconds)
            while not reading.done:
                if reading.take(await _next(chunks, patience, reading)):
                    patience = deadline.within(self.endpoint.idle_seconds)
        except ModelFailure as failure:
            return failure.usage
        finally:
            await response.aclose()
        return reading.usage

    async def _open(self, body: bytes) -> httpx.Response:
        response = await self._send(body)
        if response.status_code == 200:
            return response
        try:
            wait = retry_after(response.headers.get("retry-after"), self.clock.now())
            raise parse_failure(response.status_code, await _read(response, ERROR_BYTES, cut=True), wait)
        except BROKEN as error:
            raise failure_of(response.status_code, "", None) from error
        finally:
            await response.aclose()

    async def _send(self, body: bytes) -> httpx.Response:
        until = self.clock.monotonic() + DEAD_SECONDS
        with Reuse() as reused:
            try:
                return await self._send_once(body)
            except Dropped:
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
            failure = Unreachable if unsent else Dropped
            raise failure(f"no connection: {type(error).__name__}") from error
        response.request = request
        return response


_CONNECT = {"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}}


class _Reading:
    """A stream on its way in: what came, how it ended, and whether it is past its caps."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._events = EventReader()
        self._left = request.most_characters
        self._bytes_left = ENVELOPE_BYTES + request.max_tokens * 4096
        self._parts: list[str] = []
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._logprobs: list[float] | None = [] if request.logprobs else None
        self.done = False

    @property
    def begun(self) -> bool:
        return bool(self._parts)

    @property
    def usage(self) -> Usage | None:
        """What the whole call cost, where the provider has said so: some count along, and are cut in the middle."""
        whole = self.done if self._finish is None else self._finish != "cut"
        return self._usage if whole and self._usage and (self._usage.output or not self._parts) else None

    def take(self, raw: bytes | None) -> list[str]:
        """The pieces of text in these bytes; None: the connection was closed."""
        try:
            events = list(self._events.end() if raw is None else self._events.feed(raw))
        except EventTooLong as error:
            raise self._broken("an event of the stream is too long") from error
        pieces = [piece for event in events if (piece := self._event(event))]
        self._bytes_left -= len(raw or b"")
        if self._bytes_left < 0 and not self.done:
            self.done, self._finish = True, "cut"
        if raw is None and not self.done:
            self._close()
        return pieces

    def ending(self) -> Ending:
        if not self._parts:
            raise Nonsense("the stream held no text", usage=self.usage)
        usage = self.usage
        spoken = usage or estimate(self._request, "".join(self._parts))
        return Ending(self._finish or "stop", spoken, usage is None, confidence_of(self._logprobs))

    def _close(self) -> None:
        if self._finish is None:
            raise self._broken("the stream was cut")
        self.done = True

    def _event(self, event: bytes) -> str:
        if self.done:
            return ""
        if event == b"[DONE]":
            self.done = True
            return ""
        try:
            found = parse_object(event)
            text, finish, usage, logprobs = parse_chunk(found)
        except Nonsense as error:
            raise self._broken(str(error)) from error
        except ModelFailure as error:
            error.usage = usage_of(found.get("usage"))
            raise (self._broken(str(error)) if self.begun and error.outage else error) from error
        self._finish, self._usage = finish or self._finish, usage or self._usage
        self._weigh(text, logprobs)
        return self._keep(text)

    def _weigh(self, text: str, logprobs: list[float] | None) -> None:
        """One piece of text of which nothing is told, and nothing can be told of the whole."""
        if self._logprobs is None or (logprobs is None and not text):
            return
        self._logprobs = None if logprobs is None else self._logprobs + logprobs

    def _keep(self, text: str) -> str:
        kept = text[: self._left]
        self._left -= len(kept)
        if len(kept) < len(text):
            self.done, self._finish = True, "cut"
        if kept:
            self._parts.append(kept)
        return kept

    def _broken(self, detail: str) -> ModelFailure:
        return Interrupted(detail, usage=self.usage) if self.begun else Nonsense(detail, usage=self.usage)


async def _read(response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
    parts, size = [], 0
    async for raw in response.aiter_raw():
        parts.append(raw)
        size += len(raw)
        if size > most:
            if cut:
                break
            raise Nonsense(f"the reply is longer than {most} bytes")
    return b"".join(parts)


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    # Not by httpx, which does not go on with a stream once reading it was interrupted.
    return aiter(cast("httpx.AsyncByteStream", response.stream))


async def _next(chunks: AsyncIterator[bytes], patience: Deadline, reading: _Reading) -> bytes | None:
    try:
        async with asyncio.timeout(patience.remaining()):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise Hung("the stream stalled", usage=reading.usage) from error
    except BROKEN as error:
        failure = Interrupted if reading.begun else Dropped
        raise failure(f"the stream broke: {type(error).__name__}", usage=reading.usage) from error
