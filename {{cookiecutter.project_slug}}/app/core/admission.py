"""Who may come in: at most so many requests at work at once. Refusing costs next to nothing."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from app.core.errors import Overloaded, Problem
from app.core.http import App, Receive, Scope, Send, name_request
from app.core.problems import MEDIA, count, encoded, retry_after
from app.core.telemetry import counter, gauge

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0
"""How long a refused connection is not read: whoever asks again at once, against Retry-After, costs nothing."""
TELL_SECONDS = 1.0
"""However many are refused, the log says so once in this time."""

REFUSED = counter("app_requests_refused_total", "Requests refused at the door, by what they asked for.", ["kind"])
AT_WORK = gauge("app_requests_at_work", "Requests being worked on, by what they asked for.", ["kind"])


@dataclass
class Slots:
    """Room for requests of one kind. most: asked each time; refusal: what those are told for whom there is none."""

    kind: str
    most: Callable[[], int]
    refusal: type[Problem] = Overloaded
    taken: int = 0

    @property
    def full(self) -> bool:
        return self.taken >= self.most()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A slot for the length of the block. Errors: the refusal, when there is none."""
        if self.full:
            raise self.refused()
        self._add(1)
        token = _slots.set(self)
        try:
            yield
        finally:
            _slots.reset(token)
            self._add(-1)

    def refused(self) -> Problem:
        return self.refusal(retry_after=PAUSE_SECONDS)

    def _add(self, number: int) -> None:
        self.taken += number
        AT_WORK.labels(self.kind).set(self.taken)


_slots: ContextVar[Slots | None] = ContextVar("slots", default=None)


@contextmanager
def set_aside() -> Iterator[None]:
    """A request that only waits, for a person or for its caller's bytes, leaves its slot to others meanwhile."""
    slots = _slots.get()
    if slots is None:
        yield
        return
    slots._add(-1)
    try:
        yield
    finally:
        slots._add(1)


@dataclass(frozen=True)
class Rooms:
    """The slots of each path; those of `other` for all the rest. open_paths: never refused."""

    other: Slots
    by_path: Mapping[str, Slots]
    open_paths: Collection[str] = ()

    def of(self, path: str) -> Slots | None:
        return None if path in self.open_paths else self.by_path.get(path, self.other)


@dataclass
class Admission:
    """ASGI middleware, the outermost: refuses at once what there is no room for, before body, key and assignment.

    The slot itself is taken once the body is there (core.intake): who sends slowly holds none.
    """

    app: App
    rooms: Rooms
    _refused: dict[str, int] = field(default_factory=dict)
    _heads: dict[str, tuple[bytes, list[tuple[bytes, bytes]]]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slots = self.rooms.of(scope["path"]) if scope["type"] == "http" else None
        if slots is None or not slots.full:
            await self.app(scope, receive, send)
            return
        await self._refuse(slots, scope, send)

    async def _refuse(self, slots: Slots, scope: MutableMapping[str, Any], send: Send) -> None:
        request_id = name_request(scope).encode()
        before, headers = self._head(slots)
        body = b'%b"request_id":"%b","instance":%b}' % (before, request_id, _json(scope["path"]))
        own = [*headers, (b"content-length", str(len(body)).encode()), (b"x-request-id", request_id)]
        count(slots.refused())
        REFUSED.labels(slots.kind).inc()
        self._note(slots.kind)
        await send({"type": "http.response.start", "status": slots.refusal.status, "headers": own})
        # The caller has all of it now. That it is not told to be the end keeps the server from reading on.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(PAUSE_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _head(self, slots: Slots) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """What is the same in each refusal: the body up to its last two fields, and the headers."""
        if slots.kind not in self._heads:
            problem = slots.refused()
            headers = [(b"content-type", MEDIA.encode()), (b"retry-after", str(retry_after(problem)).encode())]
            self._heads[slots.kind] = encoded(problem)[:-1] + b",", headers
        return self._heads[slots.kind]

    def _note(self, kind: str) -> None:
        if not self._refused:
            asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)
        self._refused[kind] = self._refused.get(kind, 0) + 1

    def _tell(self) -> None:
        refused = dict(self._refused)
        self._refused.clear()
        log.warning("core.requests_rejected", **refused)


def _json(path: str) -> bytes:
    return orjson.dumps(path.encode("utf-8", "replace").decode())
