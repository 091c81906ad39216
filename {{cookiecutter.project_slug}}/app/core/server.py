"""The HTTP server, with limits on connections, headers and slow clients before authentication."""

import asyncio
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.core.admission import AdmissionControl
from app.core.connection_rejections import ConnectionRejections
from app.core.errors import BadRequest, HeadersTooLarge, Overloaded, Problem, RequestTimeout
from app.core.http import App
from app.core.ids import new_id
from app.core.options import ServerLimits
from app.core.problems import MEDIA, count, encoded, retry_after

LINGER_SECONDS = 1.0
"""How long a rejected connection stays open, so that the client can read the response before it is reset."""
GRACE_SECONDS = 10
FRAMING = 8
"""Allowed bytes of chunked framing per byte of a body; enough for a body that is sent byte by byte."""


def make_server(
    app: App, host: str, port: int, limits: ServerLimits, admission: AdmissionControl | None
) -> uvicorn.Server:
    """Build the server, as it is also used in tests and benchmarks. port: 0 for any free one.

    admission: that of the application, to reject requests before anything is made for them; None where it has none.
    """
    own = {"limits": limits, "admission": admission}
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=type("Connection", (BoundedConnection,), own),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(limits.proxies),
            forwarded_allow_ips=list(limits.proxies),
            timeout_keep_alive=limits.keep_alive_seconds,  # type: ignore[arg-type]  # a number of seconds will do
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


class BoundedConnection(HttpToolsProtocol):
    """A connection with limits on the size, number and time of its headers, closed when the client stalls."""

    limits: ClassVar[ServerLimits] = ServerLimits()
    admission: ClassVar[AdmissionControl | None] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.refused = False
        self.since = self.loop.time()
        self._head_open = self._in_body = self._completed = False
        self._raw = self._head = self._fields = self._body = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._rejected = False
        self.rejections = ConnectionRejections(self, self.admission) if self.admission else None
        if len(self.connections) > self.limits.connections:
            self._make_room()
        self._arm(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self.rejections is not None:
            self.rejections.close()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        began_in_body, self._completed = self._in_body, False
        super().data_received(data)
        if self.refused or self.transport.is_closing():
            return
        if self._in_body:
            if self._rejected and self._timer is None:
                self._arm(self.limits.body_seconds)  # nobody else waits for the rest of its body
            self._raw += len(data) if began_in_body else 0
            if self._raw - self._body > self.limits.header_bytes + FRAMING * self._body:
                self.transport.close()
        elif not began_in_body and not self._completed:
            self._raw += len(data)
            if self._raw > self.limits.header_bytes:
                self._refuse(HeadersTooLarge(self._too_large()))
                return
        if not self._in_body and self._timer is None and (self._head_open or not self._completed):
            self._arm(self.limits.header_seconds)

    def on_message_begin(self) -> None:
        self._head_open = True
        self._head = self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        if self._head <= self.limits.header_bytes:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        self._fields += 1
        # The trailers of a chunked body are ignored.
        if self._head_open and self._head <= self.limits.header_bytes and self._fields <= self.limits.headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_open, self._in_body = False, True
        self._raw = self._body = 0
        self.since = self.loop.time()
        self._disarm()
        if self.refused:
            return
        if self._head > self.limits.header_bytes or self._fields > self.limits.headers:
            self._refuse(HeadersTooLarge(self._too_large()))
            return
        self._rejected = self.rejections is not None and self.rejections.answer()
        if not self._rejected:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if not self.refused and not self._rejected:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._completed, self._raw = False, True, 0
        if self.refused:
            return
        if not self._rejected:
            super().on_message_complete()
            if self.rejections is not None:
                self.rejections.expect()
        if self._rejected or self.cycle.response_complete:
            self._disarm()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete and not self.transport.is_closing():
            # The application does not read the rest of this body.
            self._unset_keepalive_if_required()
            self._arm(self.limits.body_seconds)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest("This is not an HTTP request."))

    @property
    def silent(self) -> bool:
        """Whether no request is being processed: the client has to send, or was rejected."""
        if self.rejections is not None and self.rejections.paused:
            return True
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started)

    def _make_room(self) -> None:
        others = (each for each in self.connections if each is not self and not each.transport.is_closing())
        silent = [each for each in others if isinstance(each, BoundedConnection) and each.silent]
        if silent:
            min(silent, key=lambda each: each.since).transport.close()
        else:
            self._refuse(Overloaded("The limit of open connections is reached.", retry_after=1))

    def close_after_response(self) -> None:
        """Ignores further data, and closes once the client had time to read what was written."""
        self.refused = True
        self._unset_keepalive_if_required()
        self._arm(LINGER_SECONDS)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.refused or self._in_body or not self._raw:
            self.transport.close()
        else:
            detail = f"The headers were not complete within {self.limits.header_seconds:.0f} seconds."
            self._refuse(RequestTimeout(detail))

    def _too_large(self) -> str:
        return f"At most {self.limits.headers} headers and {self.limits.header_bytes:,} bytes of them are accepted."

    def _refuse(self, problem: Problem) -> None:
        """Send the problem, ignore further data, and close the connection after LINGER_SECONDS."""
        self.refused = True
        count(problem)
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # a response is in progress, and a second one would corrupt it
            return
        request_id = new_id().hex.encode()
        # Before the headers are complete the path is unknown: the problem has the member for every kind of client.
        body = encoded(problem, {"request_id": request_id.decode(), "instance": ""}, for_openai=True)
        lines = [b"content-type: " + MEDIA.encode(), b"content-length: %d" % len(body), b"connection: close"]
        lines.append(b"x-request-id: " + request_id)
        if (wait := retry_after(problem)) is not None:
            lines.append(b"retry-after: %d" % wait)
        self.transport.write(STATUS_LINE[problem.status] + b"\r\n".join([*lines, b"", b""]) + body)
        self.close_after_response()
