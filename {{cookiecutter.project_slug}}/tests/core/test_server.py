"""Limits on connections, headers and slow clients, tested over a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from app.core.admission import Admission, AdmissionControl, AdmissionLimits
from app.core.http import Observed
from app.core.intake import BodyLimits, Intake
from app.core.options import ServerLimits
from app.core.server import make_server
from app.core.slots import Slots
from tests.clock import until
from tests.serving import running

TIMEOUT = 20.0
"""Seconds; reached only when a connection is never closed."""


class App:
    """An application that answers with the length of the body; `/slow` waits for the event `finish`. tasks: the
    requests that reached its middleware.
    """

    def __init__(self) -> None:
        self.begun = self.ended = self.tasks = 0
        self.clients: list[str] = []
        self.finish = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.begun += 1
        self.clients.append(scope["client"][0])
        size, more = 0, scope["method"] == "POST"
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        if scope["path"] == "/slow":
            await self.finish.wait()
        body = b"x" * 50_000_000 if scope["path"] == "/much" else str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(body), 100_000):
            await send({"type": "http.response.body", "body": body[start : start + 100_000], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended += 1


@asynccontextmanager
async def serving(
    app: App, limits: ServerLimits, limit: int = 1000, body: BodyLimits | None = None
) -> AsyncIterator[Callable[[], Awaitable["Connection"]]]:
    admission = AdmissionLimits(Slots("other", lambda: limit), {}, {"/health/live"})
    inner = Intake(app, body or BodyLimits(1_000_000, seconds=limits.body_seconds), admission)
    control = AdmissionControl(admission)
    stack = Admission(Observed(inner), control)

    async def counted(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        app.tasks += scope["type"] == "http"
        await stack(scope, receive, send)

    server = make_server(counted, "127.0.0.1", 0, limits, control)
    connections: list[Connection] = []

    async def connect() -> Connection:
        connections.append(Connection(*await asyncio.open_connection("127.0.0.1", port)))
        return connections[-1]

    async with running(server) as port:
        try:
            yield connect
        finally:
            app.finish.set()
            for connection in connections:
                connection.writer.close()


class Connection:
    """A client connection that can send any bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            try:
                await self.writer.drain()
            except ConnectionError:
                return

    async def reply(self) -> tuple[int, dict[bytes, bytes], bytes]:
        async with asyncio.timeout(TIMEOUT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.strip().split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers.get(b"content-length", b"0")))
            return int(first.split()[1]), headers, body

    async def problem(self) -> dict[str, Any]:
        status, headers, body = await self.reply()
        assert headers[b"content-type"] == b"application/problem+json"
        problem: dict[str, Any] = orjson.loads(body)
        assert problem["status"] == status
        assert problem["request_id"].encode() == headers[b"x-request-id"]
        return problem

    async def is_closed(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self.reader.read() is not None
        except ConnectionError:
            return True


async def sent(connect: Callable[[], Awaitable[Connection]], data: bytes) -> Connection:
    """A connection that sends at once: on a busy machine a silent one is closed before many others are made."""
    connection = await connect()
    await connection.send(data)
    return connection


GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
QUICK = ServerLimits(header_seconds=0.3, body_seconds=0.3, send_seconds=0.3)


async def test_no_header_changes_the_address_of_a_caller() -> None:
    app = App()
    async with serving(app, ServerLimits()) as connect:
        for header in (b"x-forwarded-for: 203.0.113.7", b"forwarded: for=203.0.113.7", b"x-real-ip: 203.0.113.7"):
            connection = await connect()
            await connection.send(GET + header + b"\r\n\r\n")
            assert (await connection.reply())[0] == 200
    assert app.clients == ["127.0.0.1"] * 3


async def test_a_connection_serves_several_requests() -> None:
    async with serving(App(), ServerLimits()) as connect:
        connection = await connect()
        for size in (3, 40_000, 5):
            await connection.send(POST + b"content-length: %d\r\n\r\n" % size, b"x" * size)
            status, _, body = await connection.reply()
            assert (status, body) == (200, str(size).encode())
        await connection.send(GET + b"\r\n" + GET + b"\r\n")
        assert [(await connection.reply())[0] for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "head",
    [
        [GET + b"a: ", *[b"x" * 65_536] * 100],
        [GET, *[b"a: " + b"x" * 1000 + b"\r\n"] * 50, b"\r\n"],
        [GET + b"".join(b"a%d: x\r\n" % n for n in range(200)) + b"\r\n"],
        [b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET /", *[b"x" * 65_536] * 50],
        [b"\r\n" * 50_000],
    ],
    ids=[
        "a long one",
        "many at once",
        "many short ones",
        "a long request line",
        "an endless request line",
        "empty lines only",
    ],
)
async def test_headers_over_the_limit_are_rejected_before_the_application(head: list[bytes]) -> None:
    app = App()
    async with serving(app, ServerLimits()) as connect:
        connection = await connect()
        sending = asyncio.ensure_future(connection.send(*head))
        problem = await connection.problem()
        assert (problem["status"], problem["code"]) == (431, "headers_too_large")
        assert await connection.is_closed()
        sending.cancel()
    assert app.begun == 0


async def test_trailers_are_bounded_too() -> None:
    async with serving(App(), ServerLimits()) as connect:
        connection = await connect()
        await connection.send(POST + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: ", *[b"x" * 65_536] * 100)
        assert await connection.is_closed()


async def test_incomplete_headers_time_out() -> None:
    app = App()
    async with serving(app, QUICK) as connect:
        connections = [await sent(connect, GET + b"a: b") for _ in range(20)]
        for connection in connections:
            assert (await connection.problem())["code"] == "request_timeout"
            assert await connection.is_closed()
        silent = await connect()
        assert await silent.is_closed()
    assert app.begun == 0


async def test_the_headers_of_a_second_request_time_out_too() -> None:
    async with serving(App(), QUICK) as connect:
        connection = await connect()
        await connection.send(GET + b"\r\n")
        assert (await connection.reply())[0] == 200
        await connection.send(GET)
        assert (await connection.problem())["code"] == "request_timeout"


@pytest.mark.parametrize("framing", [b"content-length: 1000\r\n", b"transfer-encoding: chunked\r\n"])
async def test_an_incomplete_body_times_out_and_takes_no_slot(framing: bytes) -> None:
    app = App()
    async with serving(app, QUICK, limit=1) as connect:
        begun = POST + framing + b"\r\n" + (b"1\r\nx\r\n" if b"chunked" in framing else b"x")
        connections = [await sent(connect, begun) for _ in range(50)]
        whole = await connect()
        await whole.send(POST + b"content-length: 1\r\n\r\nx")
        assert (await whole.reply())[0] == 200
        for connection in connections:
            assert (await connection.problem())["code"] == "request_timeout"
            assert await connection.is_closed()
    assert app.begun == 1


async def test_the_bodies_being_read_are_bounded_together() -> None:
    app = App()
    async with serving(app, ServerLimits(), body=BodyLimits(1_000_000, buffered=500_000)) as connect:
        first, second = await connect(), await connect()
        for connection in (first, second):
            await connection.send(POST + b"content-length: 900000\r\n\r\n" + b"x" * 300_000)
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(connection.problem()) for connection in (first, second)],
            return_when=asyncio.FIRST_COMPLETED,
            timeout=TIMEOUT,
        )
        assert {task.result()["code"] for task in done} == {"overloaded"}
    assert app.begun == 0


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    app = App()
    async with serving(app, QUICK) as connect:
        connection = await connect()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await connection.send(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: app.ended)  # writing to the closed connection does not block
        connection.writer.transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await connection.reply()


async def test_a_request_that_is_not_http_gets_a_problem() -> None:
    async with serving(App(), ServerLimits()) as connect:
        for sent in (b"\x16\x03\x01\x00\xa5 what?\r\n\r\n", GET + b"a: b\0c\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
            connection = await connect()
            await connection.send(sent)
            problem = await connection.problem()
            assert problem["code"] == problem["error"]["code"] == "bad_request"  # its path is unknown: for any client


async def test_a_new_connection_replaces_the_longest_idle_one() -> None:
    app = App()
    async with serving(app, ServerLimits(connections=3)) as connect:
        working = await connect()
        await working.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        while not app.begun:  # noqa: ASYNC110, it is a number
            await asyncio.sleep(0.005)
        first, second = await connect(), await connect()
        await first.send(GET)
        third = await connect()
        assert await first.is_closed() or await second.is_closed()
        await third.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await third.reply())[0] == 200
        app.finish.set()
        assert (await working.reply())[0] == 200, "a connection with a request in progress is not closed"


async def test_requests_over_the_limit_are_rejected_at_once_and_health_checks_are_not() -> None:
    app = App()
    async with serving(app, ServerLimits(), limit=2) as connect:
        working = [await connect() for _ in range(2)]
        for connection in working:
            await connection.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        while app.begun < 2:  # noqa: ASYNC110, it is a number
            await asyncio.sleep(0.005)
        late = await connect()
        await late.send(b"POST /slow HTTP/1.1\r\nhost: x\r\nx-request-id: my-request\r\ncontent-length: 9\r\n\r\n")
        problem = await late.problem()
        assert (problem["code"], problem["instance"], problem["request_id"]) == ("overloaded", "/slow", "my-request")
        health = await connect()
        await health.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await health.reply())[0] == 200
        assert app.begun == 3, "the rejected one did not reach the application"
        app.finish.set()
        assert [(await connection.reply())[0] for connection in working] == [200, 200]
        await late.send(b"x" * 9)
        await health.send(GET + b"\r\n")
        assert (await health.reply())[0] == 200


async def test_requests_that_are_read_in_one_turn_of_the_loop_are_rejected_before_they_have_tasks() -> None:
    app = App()
    async with serving(app, ServerLimits(), limit=2) as connect:
        connections = [await connect() for _ in range(10)]
        for connection in connections:
            connection.writer.write(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx")
        refused = [asyncio.ensure_future(connection.problem()) for connection in connections[2:]]
        assert {(await each)["code"] for each in refused} == {"overloaded"}
        assert (app.tasks, app.begun) == (2, 2)
        app.finish.set()
        assert [(await connection.reply())[0] for connection in connections[:2]] == [200, 200]
        await connections[2].send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await connections[2].reply())[0] == 200, "what was expected is forgotten"


async def test_a_rejected_caller_that_does_not_wait_is_answered_later_and_another_key_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(App(), ServerLimits(), limit=0) as connect:
        proxy = await connect()
        for key, pause in ((b"one", 1000.0), (b"two", 1000.0), (b"three", 1.0)):
            monkeypatch.setattr("app.core.connection_rejections.PAUSE_SECONDS", pause)
            await proxy.send(GET + b"authorization: Bearer " + key + b"\r\n\r\n")
            assert (await proxy.problem())["code"] == "overloaded", "none of them waits for another's pause"
        await proxy.send(GET + b"authorization: Bearer three\r\n\r\n")
        again = asyncio.ensure_future(proxy.problem())
        fresh = await connect()
        await fresh.send(GET + b"\r\n")
        await fresh.problem()
        assert not again.done()
        assert (await again)["code"] == "overloaded"
        await proxy.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await proxy.reply())[0] == 200


async def test_a_paused_connection_gives_way_to_a_new_one() -> None:
    app = App()
    async with serving(app, ServerLimits(connections=2), limit=1) as connect:
        paused, working = await connect(), await connect()
        await working.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: app.begun)
        await paused.send(GET + b"\r\n")
        await paused.problem()
        await paused.send(GET + b"\r\n")
        new = await connect()
        assert await paused.is_closed()
        await new.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await new.reply())[0] == 200


@pytest.mark.parametrize(
    ("framing", "goes_on"),
    [
        (b"content-length: 5\r\n", True),
        (b"content-length: 900000\r\n", False),
        (b"transfer-encoding: chunked\r\n", False),
        (b"content-length: 5\r\nexpect: 100-continue\r\n", False),
        (b"content-length: 5\r\nconnection: close\r\n", False),
    ],
)
async def test_the_body_of_a_rejected_request_is_ignored_or_ends_the_connection(framing: bytes, goes_on: bool) -> None:
    app = App()
    async with serving(app, ServerLimits(), limit=0) as connect:
        connection = await connect()
        await connection.send(POST + framing + b"\r\n")
        status, headers, _ = await connection.reply()
        assert (status, b"connection" in headers) == (503, not goes_on)
        if goes_on:
            await connection.send(b"12345", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await connection.reply())[0] == 200
        else:
            assert await connection.is_closed()
    assert app.begun == (1 if goes_on else 0)


@pytest.mark.parametrize("sent", [b"", b"123"])
async def test_a_rejected_request_whose_body_never_ends_loses_its_connection(sent: bytes) -> None:
    async with serving(App(), ServerLimits(body_seconds=0.2), limit=0) as connect:
        connection = await connect()
        await connection.send(POST + b"content-length: 5\r\n\r\n" + sent)
        status, headers, _ = await connection.reply()
        assert (status, b"connection" in headers) == (503, False), "it might have gone on"
        assert await connection.is_closed()
