"""Rejections that the HTTP server writes itself, before a task, a scope or a body exists for the request."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from app.core.admission import AdmissionControl, Rejection, authorization
from app.core.slots import PAUSE_SECONDS

MAX_IGNORED_BYTES = 65_536
"""The body of a rejected request is read and ignored up to this size; a larger one ends the connection."""


class Connection(Protocol):
    """What is needed of a connection of the server."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    parser: httptools.HttpRequestParser
    cycle: RequestResponseCycle
    server_state: ServerState
    url: bytes
    headers: list[tuple[bytes, bytes]]
    expect_100_continue: bool
    since: float

    def close_after_response(self) -> None: ...


@dataclass
class ConnectionRejections:
    """The rejections of one connection.

    A caller that ignores the Retry-After of its last rejection here is answered when a second is over, so that it costs
    nothing meanwhile. That goes by its key: another caller's request over the same connection of a proxy does not wait.
    """

    connection: Connection
    admission: AdmissionControl
    _key: bytes = b""
    _until: float = 0.0
    _pause: asyncio.TimerHandle | None = None

    @property
    def paused(self) -> bool:
        return self._pause is not None

    def answer(self) -> bool:
        """Rejects the request whose headers are complete; False where it may come in."""
        if (rejection := self._rejection()) is None:
            return False
        connection = self.connection
        if self.paused:
            connection.transport.close()  # it goes on without having read the last response
            return True
        head = self._head(rejection)
        if self._can_go_on():
            self._send(b"".join((head, b"\r\n", rejection.body)))
        else:
            connection.transport.write(b"".join((head, b"connection: close\r\n\r\n", rejection.body)))
            connection.close_after_response()
        return True

    def expect(self) -> None:
        """The request was not rejected, and is complete."""
        if (path := self._path()) is not None:
            self.admission.expect(path, self.connection.headers)

    def close(self) -> None:
        """The connection is lost."""
        if self._pause is not None:
            self._pause.cancel()

    def _rejection(self) -> Rejection | None:
        """None also where only the middleware can decide."""
        connection = self.connection
        busy = connection.cycle is not None and not connection.cycle.response_complete
        if busy or (path := self._path()) is None:
            return None
        return self.admission.rejection_before_task(path, connection.headers)

    def _path(self) -> str | None:
        """None where only the application knows it."""
        url = self.connection.url
        if not url.startswith(b"/") or b"%" in url:
            return None
        return url.partition(b"?")[0].decode("latin-1")

    def _send(self, response: bytes) -> None:
        connection = self.connection
        key, now = authorization(connection.headers), connection.loop.time()
        left = self._until - now if key == self._key else 0.0
        self._key, self._until = key, now + max(left, 0.0) + PAUSE_SECONDS
        if left > 0:
            connection.flow.pause_reading()
            self._pause = connection.loop.call_later(left, self._end_pause, response)
        else:
            self._write(response)

    def _end_pause(self, response: bytes) -> None:
        self._pause = None
        if not self.connection.transport.is_closing():
            self._write(response)
            self.connection.flow.resume_reading()

    def _write(self, response: bytes) -> None:
        self.connection.since = self.connection.loop.time()
        self.connection.server_state.total_requests += 1
        self.connection.transport.write(response)

    def _head(self, rejection: Rejection) -> bytes:
        lines = [b"%b: %b\r\n" % pair for pair in rejection.headers]
        return b"".join([STATUS_LINE[rejection.status], *lines, b"content-length: %d\r\n" % len(rejection.body)])

    def _can_go_on(self) -> bool:
        """Whether the rest of the request is short enough to be ignored."""
        connection, sent = self.connection, dict(self.connection.headers)
        length = sent.get(b"content-length", b"0")
        short = length.isdigit() and int(length) <= MAX_IGNORED_BYTES and b"transfer-encoding" not in sent
        return bool(short and not connection.expect_100_continue and connection.parser.should_keep_alive())
