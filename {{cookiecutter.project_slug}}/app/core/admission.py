"""Admission control: cheap rejection of what finds no slot and no place in the queue, and the adaptive limit."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

import orjson
import structlog

from app.core.concurrency_limit import AdaptiveLimit
from app.core.cors import OriginHeaders, no_origin_headers
from app.core.fair_queue import Tenant
from app.core.http import App, Receive, Scope, Send, safe_request_id
from app.core.prefix import without_prefix
from app.core.problems import MEDIA, count, encoded, is_openai, retry_after
from app.core.queue_waits import LOOP, QueueWaits
from app.core.slots import LIMIT, Slots
from app.core.telemetry import gauge

log = structlog.get_logger(__name__)

LOG_SECONDS = 1.0
"""Rejections are logged as one line per interval of this length."""
PROBE_SECONDS = 0.01
ADAPT_SECONDS = 0.25

STANDING_WAIT = gauge(
    "app_standing_wait_seconds", "How long work that is ready waits for the processor or a database connection."
)

Headers = Sequence[tuple[bytes, bytes]]


def no_tenant(_: bytes) -> Tenant:
    return None


@dataclass(frozen=True)
class AdmissionLimits:
    """The slots of each path, `other` for paths that have none of their own. open_paths: never rejected.

    tenant_of: the tenant of an Authorization header that was valid before, without any I/O; None for any other.
    prefix: of the paths behind a proxy, which the HTTP server has not taken off yet.
    """

    other: Slots
    by_path: Mapping[str, Slots]
    open_paths: Collection[str] = ()
    tenant_of: Callable[[bytes], Tenant] = no_tenant
    prefix: str = ""

    def for_path(self, path: str) -> Slots | None:
        return None if path in self.open_paths else self.by_path.get(path, self.other)

    def tenant(self, headers: Headers) -> Tenant:
        return self.tenant_of(authorization(headers))


def authorization(headers: Headers) -> bytes:
    return next((value for name, value in headers if name == b"authorization"), b"")


@dataclass(frozen=True)
class Rejection:
    """The response to a rejected request. headers: without content-length."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass
class AdmissionControl:
    """Decides about requests by their first line and headers alone, and renders the rejections.

    A slot is acquired once the body has been read (core.intake), so that a slow client occupies none.
    """

    limits: AdmissionLimits
    origin_headers: OriginHeaders = no_origin_headers
    _rejected: dict[str, int] = field(default_factory=dict)
    _heads: dict[tuple[str, bool, int], tuple[int, bytes, Headers]] = field(default_factory=dict)

    def rejection(self, path: str, headers: Headers) -> Rejection | None:
        """None: the request may come in. Costs no I/O and no body."""
        return self._rejection(path, headers, Slots.rejects)

    def rejection_before_task(self, path: str, headers: Headers) -> Rejection | None:
        """As `rejection`, for a request that has no task yet."""
        return self._rejection(path, headers, Slots.rejects_behind_expected)

    def expect(self, path: str, headers: Headers) -> None:
        """A request that may come in is complete, and its task has not run yet."""
        if (slots := self.limits.for_path(without_prefix(path, self.limits.prefix))) is not None:
            slots.expect(self.limits.tenant(headers))

    def _rejection(self, path: str, headers: Headers, rejects: Callable[[Slots, Tenant], bool]) -> Rejection | None:
        inner = without_prefix(path, self.limits.prefix)
        slots = self.limits.for_path(inner)
        if slots is None or slots.free or not rejects(slots, self.limits.tenant(headers)):
            return None
        return self._rejected_by(slots, path, inner, headers)

    def _rejected_by(self, slots: Slots, path: str, inner: str, headers: Headers) -> Rejection:
        problem = slots.reject("full")
        count(problem)
        self._count_rejection(slots.kind)
        wait = retry_after(problem) or 1
        key = (slots.kind, is_openai(inner), wait)
        if key not in self._heads:
            head = [(b"content-type", MEDIA.encode()), (b"retry-after", str(wait).encode())]
            self._heads[key] = problem.status, encoded(problem, for_openai=key[1])[:-1] + b",", head
        status, before, shared = self._heads[key]
        request_id = safe_request_id(next((value for name, value in headers if name == b"x-request-id"), None))
        name = (request_id or token_hex(16)).encode()
        body = b'%b"request_id":"%b","instance":%b}' % (before, name, _json(path))
        own = [(b"x-request-id", name), *self.origin_headers(inner, headers)]
        return Rejection(status, [*shared, *own], body)

    def _count_rejection(self, kind: str) -> None:
        if not self._rejected:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self._log_rejections)
        self._rejected[kind] = self._rejected.get(kind, 0) + 1

    def _log_rejections(self) -> None:
        rejected = dict(self._rejected)
        self._rejected.clear()
        log.warning("core.requests_rejected", **rejected)


def _json(path: str) -> bytes:
    return orjson.dumps(path.encode("utf-8", "replace").decode())


@dataclass(frozen=True)
class Admission:
    """ASGI middleware, the outermost: rejects a request before its body, key and release are looked at.

    The HTTP server asks `control` itself, before a task exists for the request; the middleware is for pipelined
    requests, and for applications without that server.
    """

    app: App
    control: AdmissionControl

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (rejection := self.control.rejection(scope["path"], scope["headers"])) is None:
            await self.app(scope, receive, send)
            return
        length = (b"content-length", str(len(rejection.body)).encode())
        headers = [*rejection.headers, length]
        await send({"type": "http.response.start", "status": rejection.status, "headers": headers})
        await send({"type": "http.response.body", "body": rejection.body})


@dataclass
class LimitAdaptation:
    """Measures how long ready work waits in this process, and adapts the limit of `slots` to it."""

    slots: Slots
    limit: AdaptiveLimit
    waits: QueueWaits

    async def watch(self) -> None:
        """Runs until cancelled."""
        clock = time.perf_counter  # the loop's own clock has a resolution of a millisecond in uvloop
        adapts_at = clock() + ADAPT_SECONDS
        while True:
            await asyncio.sleep(PROBE_SECONDS if self.slots.in_use else ADAPT_SECONDS)
            before = clock()
            await asyncio.sleep(0)  # one turn of the loop: whatever is ready comes first
            now = clock()
            self.waits.note(LOOP, now - before)
            if now >= adapts_at:
                adapts_at = now + ADAPT_SECONDS
                self.adapt()

    def adapt(self) -> None:
        """Once in each interval."""
        standing = self.waits.drain()
        STANDING_WAIT.set(standing)
        self.limit.update(standing, self.slots.peak_in_use)
        self.slots.peak_in_use = self.slots.in_use
        LIMIT.labels(self.slots.kind).set(self.limit.current)
        self.slots.start_waiting()
