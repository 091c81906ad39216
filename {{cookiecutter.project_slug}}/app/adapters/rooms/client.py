"""Calls of a room that runs alone in another process, over HTTP: key, deadline, trace, retries, circuit breaker."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import httpx
import structlog

from app.adapters.outbound import BROKEN, CONNECT_SECONDS, Reuse, failure_reason
from app.core.clock import Clock, Deadline
from app.core.errors import OutOfTime
from app.core.rooms import (
    SECONDS_LEFT,
    RoomKeyInvalid,
    RoomKeyRefused,
    RoomReplyInvalid,
    RoomUnavailable,
    problem_of_reply,
)
from app.core.telemetry import counter, traceparent
from app.llm.domain.circuit_breaker import CircuitBreaker
from app.llm.domain.errors import retry_after
from app.llm.domain.retry import MAX_ATTEMPTS, RetryBudget, backoff

MAX_REPLY_BYTES = 16_000_000
PROBLEM, JSON = "application/problem+json", "application/json"
_TIMEOUTS = {"timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}}

CALLS = counter("app_room_calls_total", "Attempts to call a room in another process, by how they ended", ("outcome",))
BREAKER_OPENED = counter("app_room_breaker_opened_total", "Times the circuit breaker of a room opened", ("room",))
_OK, _REFUSED, _FAILED = (CALLS.labels(outcome) for outcome in ("ok", "problem", "failed"))


@dataclass(frozen=True, slots=True)
class RoomReply:
    status: int
    kind: str
    body: bytes
    retry_after: float | None


@dataclass
class RoomClient:
    """One room in another process. For idempotent calls only: a call without a reply is repeated within its deadline.

    url: the base address. key: the secret that the processes share.
    """

    room: str
    url: str
    key: bytes
    transport: httpx.AsyncBaseTransport
    clock: Clock
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    retries: RetryBudget = field(default_factory=RetryBudget)
    random_fraction: Callable[[], float] = random.random

    async def post(self, path: str, body: bytes, deadline: Deadline) -> bytes:
        """The body of the reply. Errors: the problem that the room replied with, as the same exception; OutOfTime;
        RoomUnavailable, RoomKeyRefused, RoomReplyInvalid.
        """
        self.retries.deposit()
        number = 1
        while True:
            try:
                return self._body_of(await self._attempt("POST", path, body, deadline))
            except RoomUnavailable:
                if not await self._may_retry(number, deadline):
                    raise
            number += 1

    async def get(self, path: str, deadline: Deadline) -> RoomReply:
        """One attempt, past the circuit breaker. Errors: OutOfTime, RoomUnavailable, RoomKeyRefused."""
        reply = await self._exchange("GET", path, b"", deadline)
        if reply.status == RoomKeyInvalid.status:
            raise RoomKeyRefused(f"{self.room} at {self.url} does not accept APP_ROOM_KEY of this process.")
        return reply

    async def close(self) -> None:
        await self.transport.aclose()

    async def _may_retry(self, number: int, deadline: Deadline) -> bool:
        wait = backoff(number, self.random_fraction())
        if number >= MAX_ATTEMPTS or wait >= deadline.remaining() or self.breaker.state == "open":
            return False
        if not self.retries.withdraw():
            return False
        await asyncio.sleep(wait)
        return True

    async def _attempt(self, method: str, path: str, body: bytes, deadline: Deadline) -> RoomReply:
        """Errors: OutOfTime, RoomUnavailable; both count for the circuit breaker."""
        if deadline.expired:
            raise OutOfTime(f"There was no time left to call {self.room}.")
        if not self.breaker.allows(self.clock.monotonic()):
            raise RoomUnavailable(
                f"{self.room} did not reply to the last calls.", retry_after=self.breaker.open_seconds
            )
        try:
            reply = await self._exchange(method, path, body, deadline)
        except (OutOfTime, RoomUnavailable):
            self._record_failure()
            raise
        except asyncio.CancelledError:
            if deadline.remaining() == 0:  # the caller's own timer was a little earlier than ours
                self._record_failure()
            raise
        self.breaker.record_success()
        return reply

    async def _exchange(self, method: str, path: str, body: bytes, deadline: Deadline) -> RoomReply:
        try:
            async with asyncio.timeout(deadline.remaining()):
                reply = await self._send(method, path, body, deadline)
        except TimeoutError as error:
            raise OutOfTime(f"{self.room} did not reply in time.") from error
        except BROKEN as error:
            raise RoomUnavailable(
                f"{self.room} at {self.url} does not reply ({failure_reason(error)}).",
                retry_after=self.breaker.open_seconds,
            ) from error
        if reply.status >= 500 and reply.kind not in (PROBLEM, JSON):  # of a proxy, which found no room behind it
            raise RoomUnavailable(f"{self.room} at {self.url} does not reply (status {reply.status}).", retry_after=1)
        return reply

    async def _send(self, method: str, path: str, body: bytes, deadline: Deadline) -> RoomReply:
        with Reuse() as reused:
            try:
                return await self._send_once(method, path, body, deadline)
            except BROKEN:
                if not reused:
                    raise
        # The room may have closed the reused connection meanwhile: again, on a new one.
        return await self._send_once(method, path, body, deadline)

    async def _send_once(self, method: str, path: str, body: bytes, deadline: Deadline) -> RoomReply:
        url = _address(self.url, path)
        headers = [
            *self._headers,
            (b"host", url.netloc),
            (b"content-length", str(len(body)).encode()),
            (SECONDS_LEFT.encode(), f"{deadline.remaining():.4f}".encode()),
        ]
        if trace := traceparent():
            headers.append((b"traceparent", trace.encode()))
        if request_id := structlog.contextvars.get_contextvars().get("request_id"):
            headers.append((b"x-request-id", str(request_id).encode()))
        request = httpx.Request(method, url, headers=headers, content=body, extensions=_TIMEOUTS)
        response = await self.transport.handle_async_request(request)
        response.request = request
        try:
            return await self._read(response)
        finally:
            await response.aclose()

    @cached_property
    def _headers(self) -> list[tuple[bytes, bytes]]:
        kinds = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))
        return [(b"authorization", b"Bearer " + self.key), *kinds]

    async def _read(self, response: httpx.Response) -> RoomReply:
        parts, size = [], 0
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > MAX_REPLY_BYTES:
                raise RoomReplyInvalid(f"{self.room} at {self.url} replied with more than {MAX_REPLY_BYTES:,} bytes.")
        wait = retry_after(response.headers.get("retry-after"), self.clock.now())
        kind = response.headers.get("content-type", "").partition(";")[0]
        return RoomReply(response.status_code, kind, b"".join(parts), wait)

    def _body_of(self, reply: RoomReply) -> bytes:
        if reply.status == 200 and reply.kind == JSON:
            _OK.inc()
            return reply.body
        _REFUSED.inc()
        if reply.status == RoomKeyInvalid.status:
            raise RoomKeyRefused(f"{self.room} at {self.url} does not accept APP_ROOM_KEY of this process.")
        if reply.kind == PROBLEM and (problem := problem_of_reply(reply.body, reply.retry_after)):
            raise problem
        raise RoomReplyInvalid(f"{self.room} at {self.url} replied with status {reply.status}.")

    def _record_failure(self) -> None:
        _FAILED.inc()
        before = self.breaker.state
        self.breaker.record_failure(self.clock.monotonic())
        if self.breaker.state == "open" and before != "open":
            BREAKER_OPENED.labels(self.room).inc()


@lru_cache(maxsize=16)
def _address(url: str, path: str) -> httpx.URL:
    return httpx.URL(url.rstrip("/") + path)
