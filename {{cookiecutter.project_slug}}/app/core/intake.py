"""Reading and checking a request before authentication: body limits, and only values that can be stored."""

import asyncio
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, UploadFile

from app.core.admission import AdmissionLimits
from app.core.errors import Overloaded, Problem, RequestTimeout, TooLarge
from app.core.http import App, Receive, Scope, Send, header_of, name_request
from app.core.problems import problem_response
from app.core.slots import slot_released
from app.core.text import check_json, check_query, check_text

BODILESS = {"GET", "HEAD", "OPTIONS"}
MIN_BYTES_PER_SECOND = 16 * 1024
"""A body that arrives faster than this never times out."""


@dataclass(frozen=True)
class BodyLimits:
    """max_bytes: of one body, by path in `by_path`. streamed: paths that read their own body, because it is large.

    seconds: how long a body may take beyond what it takes at MIN_BYTES_PER_SECOND. buffered: limit on the bytes of all
    bodies that are being read.
    """

    max_bytes: int
    by_path: Mapping[str, int] = field(default_factory=dict)
    streamed: Collection[str] = ()
    seconds: float = 10.0
    buffered: int = 64_000_000


class _Disconnected(Exception):
    """The client disconnected before the body was complete."""


class Intake:
    """ASGI middleware: reads the whole request, then acquires a slot for it.

    One check for all routes: NUL, lone surrogates and numbers too large for a column are rejected with the name of the
    field, in path, query, headers and body.
    """

    def __init__(self, app: App, limits: BodyLimits, admission: AdmissionLimits) -> None:
        self.app, self.limits, self.admission = app, limits, admission
        self.buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            _check_head(scope)
            receive_body = await self._receiver(scope, receive)
            slots = self.admission.for_path(scope["path"])
            slot = slots.acquire(self.admission.tenant(scope["headers"])) if slots else nullcontext()
            await slot.__aenter__()
        except _Disconnected:
            return
        except Problem as problem:
            response = problem_response(problem, name_request(scope), scope["path"])
            if isinstance(problem, RequestTimeout):
                response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        try:
            await self.app(scope, receive_body, send)
        finally:
            await slot.__aexit__(None, None, None)

    async def _receiver(self, scope: Scope, receive: Receive) -> Receive:
        """A `receive` that gives the checked body. Errors: TooLarge, RequestTimeout, Overloaded, Invalid."""
        if scope["method"] in BODILESS:
            return receive
        max_bytes = self.limits.by_path.get(scope["path"], self.limits.max_bytes)
        announced = header_of(scope, b"content-length") or "0"
        if announced.isdecimal() and int(announced) > max_bytes:
            raise TooLarge(_too_large(max_bytes))
        counted = _Counted(receive, max_bytes, self.limits.seconds)
        if scope["path"] in self.limits.streamed:
            return counted
        body = await self._read(counted)
        if not (header_of(scope, b"content-type") or "").startswith("multipart/"):
            check_json(body)
        return _Replayed(body, receive)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Disconnected
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return b"".join(parts)
                size += len(parts[-1])
                self.buffered += len(parts[-1])
                if self.buffered > self.limits.buffered:
                    raise Overloaded("Too many large requests are being read.", retry_after=1)
        finally:
            self.buffered -= size


class _Counted:
    """The body as it arrives, limited in size and time. Errors: TooLarge, RequestTimeout."""

    def __init__(self, receive: Receive, max_bytes: int, seconds: float) -> None:
        self.receive, self.max_bytes, self.seconds = receive, max_bytes, seconds
        self.received = 0
        self.waited = 0.0
        self.complete = False

    async def __call__(self) -> MutableMapping[str, Any]:
        if self.complete:
            return await self.receive()
        clock = asyncio.get_running_loop().time
        started = clock()
        left = self.seconds + self.received / MIN_BYTES_PER_SECOND - self.waited
        try:
            with slot_released():
                async with asyncio.timeout(max(0.0, left)):
                    message = await self.receive()
        except TimeoutError as error:
            detail = f"{self.received:,} bytes came in {self.waited + left:.0f} seconds, and the rest did not."
            raise RequestTimeout(detail) from error
        self.waited += clock() - started
        self.received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.received > self.max_bytes:
            raise TooLarge(_too_large(self.max_bytes))
        return message


class _Replayed:
    """A body that was read already, then the further events of the connection."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self.body: bytes | None = body
        self.receive = receive

    async def __call__(self) -> MutableMapping[str, Any]:
        body, self.body = self.body, None
        if body is None:
            return await self.receive()
        return {"type": "http.request", "body": body, "more_body": False}


def _too_large(max_bytes: int) -> str:
    return f"At most {max_bytes:,} bytes are accepted here."


def _check_head(scope: Scope) -> None:
    """Errors: Invalid."""
    check_text(scope["path"], "path")
    check_query(scope["query_string"])
    for name, value in scope["headers"]:
        if b"\0" in value:
            check_text(value.decode("latin-1"), f"header.{name.decode('latin-1')}")


def check_form(form: FormData) -> None:
    """Check the parts of a form, once it has been parsed. Errors: Invalid, naming the field."""
    for name, value in form.multi_items():
        check_text(name, "form")
        check_text((value.filename or "") if isinstance(value, UploadFile) else value, f"form.{name}")
