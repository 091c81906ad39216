"""How one process calls a room in another: key, deadline, trace, retries, circuit breaker, other versions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
import structlog
from aiohttp import web

from app.adapters.rooms.client import MAX_REPLY_BYTES
from app.adapters.rooms.retrieval import RemoteSearch, make_remote_search
from app.core.clock import Deadline, SystemClock
from app.core.database import DatabaseUnavailable
from app.core.errors import OutOfTime, Overloaded, Problem
from app.core.problems import MEDIA, encoded
from app.core.rooms import SECONDS_LEFT, RoomKeyInvalid, RoomKeyRefused, RoomReplyInvalid, RoomUnavailable
from app.core.telemetry import configure_tracing, current_trace_id, shutdown_tracing, span
from app.identity.domain import Principal
from app.inference.domain.answer import AnswerNotFound
from app.retrieval.domain import EmbedderMismatch, Evidence, NoLiveIndex
from app.retrieval.domain.room_messages import evidence_message
from tests.clock import leap, until
from tests.samples import total
from tests.serving import web_server

KEY = b"k" * 32
CALLER = Principal(uuid4(), uuid4(), "anna", frozenset({"admin"}), frozenset({"geo"}))
NOTHING = Evidence((), UUID(int=1), 1, 0, None, 0.0)

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def good(_: web.Request) -> web.Response:
    return json(evidence_message(NOTHING))


def json(body: bytes, status: int = 200, kind: str = "application/json") -> web.Response:
    return web.Response(body=body, status=status, content_type=kind)


def failing(problem: Problem) -> Reply:
    async def reply(request: web.Request) -> web.Response:
        found = json(encoded(problem, {"request_id": "r", "instance": request.path}), problem.status, MEDIA)
        if problem.retry_after:
            found.headers["retry-after"] = str(int(problem.retry_after))
        return found

    return reply


class Room:
    """A process that stands where the room should be. replies: one for each call, then good ones."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.always: Reply = good
        self.calls: list[tuple[dict[str, str], dict[str, object]]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, orjson.loads(raw) if raw else {}))
        return await (self.replies.pop(0) if self.replies else self.always)(request)

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with web_server(app, port, handler_cancellation=True) as address:
            yield address


@pytest_asyncio.fixture
async def room() -> AsyncIterator[tuple[Room, RemoteSearch]]:
    standing = Room()
    async with standing.listening() as url:
        search = make_remote_search(url, KEY, SystemClock())
        search.client.random_fraction = lambda: 0.0
        yield standing, search
        await search.close()


async def ask(search: RemoteSearch, seconds: float = 600.0) -> Evidence:
    return await search.search(CALLER, "Where is the lamp?", deadline=Deadline.after(seconds, search.client.clock))


async def broken(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(600)
    return web.Response()


async def test_a_call_carries_the_key_the_caller_the_time_left_the_trace_and_the_request(room) -> None:
    standing, search = room
    configure_tracing("none", 0.0, "tests", "0", None)
    try:
        with span("answer"), structlog.contextvars.bound_contextvars(request_id="request-1234"):
            trace = current_trace_id()
            await ask(search, 1000)
    finally:
        shutdown_tracing()
    [(headers, body)] = standing.calls
    assert headers["authorization"] == f"Bearer {KEY.decode()}"
    assert 400 < float(headers[SECONDS_LEFT]) <= 1000
    assert headers["x-request-id"] == "request-1234"
    assert trace
    assert headers["traceparent"].split("-")[1] == trace
    assert (body["tenant_id"], body["key_id"]) == (str(CALLER.tenant_id), str(CALLER.key_id))
    assert body["groups"] == ["geo"]
    assert "admin" not in str(body)


@pytest.mark.parametrize(
    "problem",
    [
        NoLiveIndex("There is none."),
        EmbedderMismatch("Another one.", action="Set it."),
        DatabaseUnavailable(retry_after=3),
        Overloaded(retry_after=1),
        OutOfTime("Too late."),
        AnswerNotFound("Of another room.", looked_for="a"),
        Problem(),
    ],
)
async def test_a_problem_comes_back_as_the_same_exception_and_is_not_asked_for_again(room, problem: Problem) -> None:
    standing, search = room
    standing.replies = [failing(problem)]
    with pytest.raises(type(problem)) as raised:
        await ask(search)
    assert type(raised.value) is type(problem)
    assert raised.value.as_dict() == problem.as_dict()
    assert raised.value.retry_after == problem.retry_after
    assert len(standing.calls) == 1


async def test_a_wrong_key_is_one_clear_error_of_the_service_and_not_of_its_caller(room) -> None:
    standing, search = room
    standing.always = failing(RoomKeyInvalid())
    for call in (ask(search), search.ready()):
        with pytest.raises(RoomKeyRefused, match=r"retrieval at http.* does not accept APP_ROOM_KEY") as raised:
            await call
        assert raised.value.status == 503
    assert len(standing.calls) == 2


async def test_a_call_without_a_reply_is_repeated_and_no_more_than_twice(room) -> None:
    standing, search = room
    standing.replies = [broken, broken]
    before = {each: total("app_room_calls_total", outcome=each) for each in ("ok", "failed")}
    assert await ask(search) == NOTHING
    assert len(standing.calls) == 3
    counted = {each: total("app_room_calls_total", outcome=each) - then for each, then in before.items()}
    assert counted == {"ok": 1, "failed": 2}
    standing.calls.clear()
    standing.always = broken
    with pytest.raises(RoomUnavailable, match="does not reply"):
        await ask(search)
    assert len(standing.calls) == 4, "that a kept connection was closed is not counted as an attempt"


async def test_repeats_stay_within_a_tenth_of_the_calls(room) -> None:
    standing, search = room
    search.client.retries.tokens, search.client.breaker.failures = 1.0, 100
    standing.always = broken
    for _ in range(3):
        with pytest.raises(RoomUnavailable):
            await ask(search)
    assert len(standing.calls) == 4


async def test_a_silent_room_is_given_up_at_the_deadline(room) -> None:
    standing, search = room
    standing.always = silent
    asking = asyncio.ensure_future(ask(search, 0.3))
    with pytest.raises(OutOfTime):
        await asking
    assert len(standing.calls) == 1
    with pytest.raises(OutOfTime, match="no time left"):
        await ask(search, 0.0)
    assert len(standing.calls) == 1


async def test_a_dead_room_is_left_alone_until_it_is_back(room) -> None:
    standing, search = room
    standing.always, opened = broken, total("app_room_breaker_opened_total")
    for _ in range(2):
        with pytest.raises(RoomUnavailable):
            await ask(search)
    before = len(standing.calls)
    assert total("app_room_breaker_opened_total") == opened + 1
    assert before == 5, "the circuit breaker opens at the fifth failure"
    with pytest.raises(RoomUnavailable, match="last calls") as raised:
        await ask(search)
    assert raised.value.retry_after == search.client.breaker.open_seconds
    assert len(standing.calls) == before
    standing.always = good
    await leap(search.client.breaker.open_seconds)
    assert await ask(search) == NOTHING
    assert search.client.breaker.state == "closed"


async def test_a_hung_room_opens_the_circuit_breaker_too_whoever_gives_up_first(room) -> None:
    standing, search = room
    standing.always = silent
    for number in range(5):
        asking = asyncio.ensure_future(ask(search, 50))
        await until(lambda: len(standing.calls) == number + 1)  # noqa: B023
        await leap(51)
        if number % 2:
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert search.client.breaker.state == "open"


async def test_a_proxy_without_a_room_behind_it_counts_as_no_reply(room) -> None:
    standing, search = room

    async def gateway(_: web.Request) -> web.Response:
        return json(b"<h1>502</h1>", 502, "text/html")

    standing.replies = [gateway]
    assert await ask(search) == NOTHING
    assert len(standing.calls) == 2


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (404, MEDIA, b'{"code": "not_found"}'),
        (422, MEDIA, b'{"code": "invalid"}'),
        (503, MEDIA, b'{"code": "of_a_later_version"}'),
        (200, "text/html", b"<h1>Welcome</h1>"),
        (200, "application/json", b'{"passages": 7}'),
        (200, "application/json", b"[" * 100),
        (200, "application/json", evidence_message(NOTHING) + b" " * MAX_REPLY_BYTES),
        (302, "text/html", b""),
    ],
)
async def test_what_is_no_room_or_of_a_strange_version_is_named(room, status: int, kind: str, body: bytes) -> None:
    standing, search = room

    async def strange(_: web.Request) -> web.Response:
        return json(body, status, kind)

    standing.always = strange
    with pytest.raises(RoomReplyInvalid, match=r"retrieval at http://127\.0\.0\.1"):
        await ask(search)
    assert len(standing.calls) == 1


async def test_a_reply_of_a_later_version_may_have_more_fields(room) -> None:
    standing, search = room

    async def later(_: web.Request) -> web.Response:
        return json(orjson.dumps({**orjson.loads(evidence_message(NOTHING)), "reranked": True, "later": {"a": [1]}}))

    standing.always = later
    assert await ask(search) == NOTHING


async def test_readiness_says_what_is_missing_there(room) -> None:
    standing, search = room

    async def unready(_: web.Request) -> web.Response:
        return json(b'{"checks": {"database": "ok", "index": "It has another embedder."}}', 503)

    await search.ready()
    standing.always = unready
    with pytest.raises(RoomUnavailable, match=r"is not ready: index: It has another embedder\."):
        await search.ready()
    standing.always = broken
    with pytest.raises(RoomUnavailable, match="does not reply"):
        await search.ready()
