import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
import structlog
from fastapi.responses import Response

from app.core.cancellation import was_cancelled
from app.core.errors import Problem
from app.core.http import Receive, Scope, Send
from app.core.logging import log_failure
from app.core.problems import count, encoded

log = structlog.get_logger(__name__)


def event(name: str | None, data: bytes) -> bytes:
    return b"data: %b\n\n" % data if name is None else b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def event_of(name: str | None, **data: Any) -> bytes:
    return event(name, orjson.dumps(data))


class EventStream(Response):
    """Sends events as they are produced. When the client disconnects, the generator is closed at once."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send_all(send))
        disconnected = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sending, disconnected), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (disconnected, sending):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await disconnected
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for part in events:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def start_after_first_event(events: AsyncGenerator[bytes, None]) -> EventStream:
    """Starts the stream once its first event is produced, so that an earlier error is an ordinary problem response."""
    first = await anext(events)

    async def all_events() -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            yield first
            async for part in events:
                yield part

    return EventStream(all_events())


def problem_event(problem: Problem) -> bytes:
    return event("problem", encoded(problem))


def openai_error_event(problem: Problem) -> bytes:
    """The event as clients of the OpenAI API expect it: they look for the member `error`, not at the event's name."""
    return event("error", encoded(problem, for_openai=True))


async def error_as_final_event(
    events: AsyncGenerator[bytes, None], render: Callable[[Problem], bytes]
) -> AsyncGenerator[bytes, None]:
    """Reports an error of a stream that has begun in a final event; an earlier error is raised."""
    begun = False
    try:
        async with aclosing(events):
            async for part in events:
                begun = True
                yield part
    except Problem as problem:
        if not begun:
            raise
        count(problem)
        yield render(problem)
    except BaseException as error:
        if not begun or was_cancelled(error):
            raise
        log_failure(log, "inference.stream_failed", error)
        count(Problem())
        yield render(Problem())
