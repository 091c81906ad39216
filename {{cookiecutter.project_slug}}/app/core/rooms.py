"""What processes agree on of which one calls a room that runs alone in another: keys, headers, and problems that come
back as the exceptions they were.
"""

import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from app.core.errors import BadGateway, Problem, Unauthenticated, Unavailable
from app.core.http import App, Receive, Scope, Send, header_of, name_request
from app.core.problems import problem_response

SECONDS_LEFT = "x-seconds-left"
"""The header with the time until the deadline of the caller: clocks of machines differ, durations hardly."""
MAX_SECONDS = 3600.0

_ENVELOPE = {"type", "title", "status", "detail", "code", "action", "request_id", "instance", "error"}


class RoomKeyInvalid(Unauthenticated):
    code, title = "room_key_invalid", "Only other processes of this service may call this one"
    action = "Set the same APP_ROOM_KEY in the process that calls and in this one."


class RoomKeyRefused(Unavailable):
    code, title = "room_key_refused", "Another process of the service does not accept the key of this one"
    action = "Set the same APP_ROOM_KEY in both, and start them again."


class RoomUnavailable(Unavailable):
    code, title = "room_unavailable", "Another process of the service cannot be reached"
    action = "Try again after the time in Retry-After; /health/ready says which process is missing."


class RoomReplyInvalid(BadGateway):
    code, title = "room_reply_invalid", "Another process of the service does not understand this one"
    action = "Run the same version of the service in both, and check the address in the settings."


@dataclass(frozen=True, repr=False)
class RoomKeys:
    """The secret that processes of the service share. previous: accepted too, while a new one is rolled out."""

    current: bytes
    previous: bytes | None = None

    def check(self, authorization: str | None) -> None:
        """Errors: RoomKeyInvalid. Takes the same time whichever character is wrong."""
        sent = (authorization or "").encode("latin-1", "replace")
        accepted = [b"Bearer " + key for key in (self.current, self.previous) if key]
        matches = [hmac.compare_digest(sent, each) for each in accepted]
        if True not in matches:
            raise RoomKeyInvalid()


@dataclass(frozen=True)
class RoomsOnly:
    """ASGI middleware: rejects a request without the key before its body is read, except to `open_paths`."""

    app: App
    keys: RoomKeys
    open_paths: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self.open_paths:
            try:
                self.keys.check(header_of(scope, b"authorization"))
            except RoomKeyInvalid as problem:
                await problem_response(problem, name_request(scope), scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)


def seconds_left(value: str | None) -> float:
    """The time that the caller allows, at most an hour. Errors: ValueError."""
    seconds = float(value or "")
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"not from 0 to {MAX_SECONDS:.0f} seconds")
    return seconds


def problem_of_reply(body: bytes, retry_after: float | None = None) -> Problem | None:
    """The problem that another process replied with, as the same exception.

    None where it is no problem, one that this code does not know, or one about the call itself, such as a path that
    does not exist: then the two do not understand each other, and no caller of the service is to blame.
    """
    try:
        sent: Any = orjson.loads(body)
        kind = next((each for each in _problems() if each.code == sent["code"]), None)
    except (ValueError, KeyError, TypeError):
        return None
    if kind is None or (kind.status < 500 and kind.__module__ == Problem.__module__):
        return None
    problem = kind.__new__(kind)
    extra = {name: value for name, value in sent.items() if name not in _ENVELOPE}
    Problem.__init__(problem, sent.get("detail", ""), action=sent.get("action"), retry_after=retry_after, **extra)
    return problem


def _problems(above: type[Problem] = Problem) -> Iterator[type[Problem]]:
    yield above
    for kind in above.__subclasses__():
        yield from _problems(kind)
