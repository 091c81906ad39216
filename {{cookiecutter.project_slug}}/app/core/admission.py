"""Admission control: a limit on the requests in progress at once, and a cheap rejection above it."""

import asyncio
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from app.core.http import App, Receive, Scope, Send, name_request
from app.core.problems import MEDIA, count, encoded, is_openai, retry_after
from app.core.slots import PAUSE_SECONDS, Slots
from app.core.telemetry import counter

log = structlog.get_logger(__name__)

LOG_SECONDS = 1.0
"""Rejections are logged as one line per interval of this length."""

REFUSED = counter("app_requests_refused_total", "Requests rejected by admission control, by kind.", ["kind"])


@dataclass(frozen=True)
class AdmissionLimits:
    """The slots of each path, `other` for paths that have none of their own. open_paths: never rejected."""

    other: Slots
    by_path: Mapping[str, Slots]
    open_paths: Collection[str] = ()

    def for_path(self, path: str) -> Slots | None:
        return None if path in self.open_paths else self.by_path.get(path, self.other)


@dataclass
class Admission:
    """ASGI middleware, the outermost: rejects a request above the limit before its body, key and release are looked at.

    The slot itself is acquired once the body has been read (core.intake), so that a slow client occupies none.
    """

    app: App
    limits: AdmissionLimits
    _rejected: dict[str, int] = field(default_factory=dict)
    _heads: dict[tuple[str, bool], tuple[bytes, list[tuple[bytes, bytes]]]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slots = self.limits.for_path(scope["path"]) if scope["type"] == "http" else None
        if slots is None or not slots.full:
            await self.app(scope, receive, send)
            return
        await self._reject(slots, scope, send)

    async def _reject(self, slots: Slots, scope: MutableMapping[str, Any], send: Send) -> None:
        request_id = name_request(scope).encode()
        before, headers = self._head(slots, is_openai(scope["path"]))
        body = b'%b"request_id":"%b","instance":%b}' % (before, request_id, _json(scope["path"]))
        own = [*headers, (b"content-length", str(len(body)).encode()), (b"x-request-id", request_id)]
        count(slots.problem())
        REFUSED.labels(slots.kind).inc()
        self._count_rejection(slots.kind)
        await send({"type": "http.response.start", "status": slots.rejection.status, "headers": own})
        # The body is complete for the client. Without its end, the server does not read the next request yet.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(PAUSE_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _head(self, slots: Slots, for_openai: bool) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """The part that all rejections share: the body up to its last two fields, and the headers."""
        if (slots.kind, for_openai) not in self._heads:
            problem = slots.problem()
            headers = [(b"content-type", MEDIA.encode()), (b"retry-after", str(retry_after(problem)).encode())]
            self._heads[slots.kind, for_openai] = encoded(problem, for_openai=for_openai)[:-1] + b",", headers
        return self._heads[slots.kind, for_openai]

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
