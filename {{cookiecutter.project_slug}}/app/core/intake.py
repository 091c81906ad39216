"""What comes in, before anybody looks at the key: the body within its limits, and only what can be stored."""

import asyncio
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, UploadFile

from app.core.admission import Rooms, set_aside
from app.core.errors import Overloaded, Problem, RequestTimeout, TooLarge
from app.core.http import App, Receive, Scope, Send, header_of, name_request
from app.core.problems import problem_response
from app.core.text import check_json, check_query, check_text

BODILESS = {"GET", "HEAD", "OPTIONS"}
LEAST_BYTES_PER_SECOND = 16 * 1024
"""Who sends faster than this has all the time that the body takes."""


@dataclass(frozen=True)
class BodyLimits:
    """most: bytes of one body, by path in `by_path`. streamed: paths that read their own body, because it is large.

    seconds: how long a body may take beyond what it takes at LEAST_BYTES_PER_SECOND. buffered: bytes of all bodies
    that are being read.
    """

    most: int
    by_path: Mapping[str, int] = field(default_factory=dict)
    streamed: Collection[str] = ()
    seconds: float = 10.0
    buffered: int = 64_000_000


class _Left(Exception):
    """The caller has gone before the body was there."""


class Intake:
    """ASGI middleware: takes the whole request in, and then a slot to work on it.

    One guard for all routes: NUL, halves of characters and numbers that no column holds are refused by the field they
    stand in, wherever a request can carry them.
    """

    def __init__(self, app: App, limits: BodyLimits, rooms: Rooms) -> None:
        self.app, self.limits, self.rooms = app, limits, rooms
        self.buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            _check_head(scope)
            taken = await self._take(scope, receive)
            slots = self.rooms.of(scope["path"])
            held = slots.held() if slots else nullcontext()
            held.__enter__()
        except _Left:
            return
        except Problem as problem:
            response = problem_response(problem, name_request(scope), scope["path"])
            if isinstance(problem, RequestTimeout):
                response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        try:
            await self.app(scope, taken, send)
        finally:
            held.__exit__(None, None, None)

    async def _take(self, scope: Scope, receive: Receive) -> Receive:
        """What gives the body to the application. Errors: TooLarge, RequestTimeout, Overloaded, Invalid."""
        if scope["method"] in BODILESS:
            return receive
        most = self.limits.by_path.get(scope["path"], self.limits.most)
        announced = header_of(scope, b"content-length") or "0"
        if announced.isdecimal() and int(announced) > most:
            raise TooLarge(_too_large(most))
        counted = _Counted(receive, most, self.limits.seconds)
        if scope["path"] in self.limits.streamed:
            return counted
        body = await self._read(counted)
        if not (header_of(scope, b"content-type") or "").startswith("multipart/"):
            check_json(body)
        return _Replayed(body, receive)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        held = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Left
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return b"".join(parts)
                held += len(parts[-1])
                self.buffered += len(parts[-1])
                if self.buffered > self.limits.buffered:
                    raise Overloaded("Too many large requests are being read.", retry_after=1)
        finally:
            self.buffered -= held


class _Counted:
    """The body as it comes in, no larger than it may be and no slower. Errors: TooLarge, RequestTimeout."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self.receive, self.most, self.seconds = receive, most, seconds
        self.taken = 0
        self.waited = 0.0
        self.whole = False

    async def __call__(self) -> MutableMapping[str, Any]:
        if self.whole:
            return await self.receive()
        clock = asyncio.get_running_loop().time
        started = clock()
        left = self.seconds + self.taken / LEAST_BYTES_PER_SECOND - self.waited
        try:
            with set_aside():
                async with asyncio.timeout(max(0.0, left)):
                    message = await self.receive()
        except TimeoutError as error:
            said = f"{self.taken:,} bytes came in {self.waited + left:.0f} seconds, and not the rest."
            raise RequestTimeout(said) from error
        self.waited += clock() - started
        self.taken += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.taken > self.most:
            raise TooLarge(_too_large(self.most))
        return message


class _Replayed:
    """A body that is there already; after it, what becomes of the connection."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self.body: bytes | None = body
        self.receive = receive

    async def __call__(self) -> MutableMapping[str, Any]:
        body, self.body = self.body, None
        if body is None:
            return await self.receive()
        return {"type": "http.request", "body": body, "more_body": False}


def _too_large(most: int) -> str:
    return f"At most {most:,} bytes are taken here."


def _check_head(scope: Scope) -> None:
    """Errors: Invalid."""
    check_text(scope["path"], "path")
    check_query(scope["query_string"])
    for name, value in scope["headers"]:
        if b"\0" in value:
            check_text(value.decode("latin-1"), f"header.{name.decode('latin-1')}")


def check_form(form: FormData) -> None:
    """The same of a form, whose parts only its reader knows. Errors: Invalid."""
    for name, value in form.multi_items():
        check_text(name, "form")
        check_text((value.filename or "") if isinstance(value, UploadFile) else value, f"form.{name}")
