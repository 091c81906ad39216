"""What a connection may cost before anybody knows whose it is, seen through a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from app.core.admission import Admission, Rooms, Slots
from app.core.http import Observed
from app.core.intake import BodyLimits, Intake
from app.core.options import ServerLimits
from app.core.server import make_server
from tests.clock import until

PATIENCE = 20.0
"""Seconds; only a connection that is held for ever reaches them."""


class House:
    """An application that answers with the length of the body, and `/slow` once it is let go."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.let_go = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.begun += 1
        size, more = 0, scope["method"] == "POST"
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        if scope["path"] == "/slow":
            await self.let_go.wait()
        body = b"x" * 50_000_000 if scope["path"] == "/much" else str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(body), 100_000):
            await send({"type": "http.response.body", "body": body[start : start + 100_000], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended += 1


@asynccontextmanager
async def standing(
    house: House, limits: ServerLimits, most: int = 1000, body: BodyLimits | None = None
) -> AsyncIterator[Callable[[], Awaitable["Line"]]]:
    rooms = Rooms(Slots("other", lambda: most), {}, {"/health/live"})
    inner = Intake(house, body or BodyLimits(1_000_000, seconds=limits.body_seconds), rooms)
    server = make_server(Admission(Observed(inner), rooms), "127.0.0.1", 0, limits)
    running = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110, uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    lines: list[Line] = []

    async def call() -> Line:
        lines.append(Line(*await asyncio.open_connection("127.0.0.1", port)))
        return lines[-1]

    try:
        yield call
    finally:
        house.let_go.set()
        for line in lines:
            line.writer.close()
        server.should_exit = True
        await running


class Line:
    """A connection of a caller who may send whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            try:
                await self.writer.drain()
            except ConnectionError:
                return

    async def reply(self) -> tuple[int, dict[bytes, bytes], bytes]:
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.strip().split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers.get(b"content-length", b"0")))
            return int(first.split()[1]), headers, body

    async def problem(self) -> dict[str, Any]:
        status, headers, body = await self.reply()
        assert headers[b"content-type"] == b"application/problem+json"
        found: dict[str, Any] = orjson.loads(body)
        assert found["status"] == status
        assert found["request_id"].encode() == headers[b"x-request-id"]
        return found

    async def is_over(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read() is not None
        except ConnectionError:
            return True


GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
QUICK = ServerLimits(header_seconds=0.3, body_seconds=0.3, send_seconds=0.3)


async def test_an_ordinary_request_is_answered_and_its_connection_used_again() -> None:
    async with standing(House(), ServerLimits()) as call:
        line = await call()
        for size in (3, 40_000, 5):
            await line.say(POST + b"content-length: %d\r\n\r\n" % size, b"x" * size)
            status, _, body = await line.reply()
            assert (status, body) == (200, str(size).encode())
        await line.say(GET + b"\r\n" + GET + b"\r\n")
        assert [(await line.reply())[0] for _ in range(2)] == [200, 200]


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
    ids=["a long one", "many at once", "many short ones", "a long line", "an endless line", "nothing but line ends"],
)
async def test_headers_over_the_limit_are_refused_before_anything_else(head: list[bytes]) -> None:
    house = House()
    async with standing(house, ServerLimits()) as call:
        line = await call()
        saying = asyncio.ensure_future(line.say(*head))
        problem = await line.problem()
        assert (problem["status"], problem["code"]) == (431, "headers_too_large")
        assert await line.is_over()
        saying.cancel()
    assert house.begun == 0


async def test_headers_after_a_body_are_bounded_too() -> None:
    async with standing(House(), ServerLimits()) as call:
        line = await call()
        await line.say(POST + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: ", *[b"x" * 65_536] * 100)
        assert await line.is_over()


async def test_a_head_that_does_not_end_is_ended() -> None:
    house = House()
    async with standing(house, QUICK) as call:
        lines = [await call() for _ in range(20)]
        for line in lines:
            await line.say(GET + b"a: b")
        for line in lines:
            assert (await line.problem())["code"] == "request_timeout"
            assert await line.is_over()
        silent = await call()
        assert await silent.is_over()
    assert house.begun == 0


async def test_the_second_head_of_a_connection_has_no_more_time_than_the_first() -> None:
    async with standing(House(), QUICK) as call:
        line = await call()
        await line.say(GET + b"\r\n")
        assert (await line.reply())[0] == 200
        await line.say(GET)
        assert (await line.problem())["code"] == "request_timeout"


@pytest.mark.parametrize("framing", [b"content-length: 1000\r\n", b"transfer-encoding: chunked\r\n"])
async def test_a_body_that_does_not_end_is_ended_and_holds_no_slot(framing: bytes) -> None:
    house = House()
    async with standing(house, QUICK, most=1) as call:
        lines = [await call() for _ in range(50)]
        for line in lines:
            await line.say(POST + framing + b"\r\n" + (b"1\r\nx\r\n" if b"chunked" in framing else b"x"))
        whole = await call()
        await whole.say(POST + b"content-length: 1\r\n\r\nx")
        assert (await whole.reply())[0] == 200
        for line in lines:
            assert (await line.problem())["code"] == "request_timeout"
            assert await line.is_over()
    assert house.begun == 1


async def test_the_bodies_under_way_are_bounded_together() -> None:
    house = House()
    async with standing(house, ServerLimits(), body=BodyLimits(1_000_000, buffered=500_000)) as call:
        first, second = await call(), await call()
        for line in (first, second):
            await line.say(POST + b"content-length: 900000\r\n\r\n" + b"x" * 300_000)
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(line.problem()) for line in (first, second)],
            return_when=asyncio.FIRST_COMPLETED,
            timeout=PATIENCE,
        )
        assert {task.result()["code"] for task in done} == {"overloaded"}
    assert house.begun == 0


async def test_a_reader_who_does_not_read_is_cut_off() -> None:
    house = House()
    async with standing(house, QUICK) as call:
        line = await call()
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await line.say(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: house.ended)  # nothing holds up who writes to a line that is cut
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await line.reply()


async def test_what_is_not_http_is_told_so_as_a_problem() -> None:
    async with standing(House(), ServerLimits()) as call:
        for said in (b"\x16\x03\x01\x00\xa5 what?\r\n\r\n", GET + b"a: b\0c\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
            line = await call()
            await line.say(said)
            assert (await line.problem())["code"] == "bad_request"


async def test_for_a_new_connection_the_one_that_is_silent_longest_is_closed() -> None:
    house = House()
    async with standing(house, ServerLimits(connections=3)) as call:
        working = await call()
        await working.say(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        while not house.begun:  # noqa: ASYNC110, it is a number
            await asyncio.sleep(0.005)
        first, second = await call(), await call()
        await first.say(GET)
        third = await call()
        assert await first.is_over() or await second.is_over()
        await third.say(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await third.reply())[0] == 200
        house.let_go.set()
        assert (await working.reply())[0] == 200, "who is served is not closed"


async def test_what_there_is_no_room_for_is_refused_at_once_and_health_is_not() -> None:
    house = House()
    async with standing(house, ServerLimits(), most=2) as call:
        working = [await call() for _ in range(2)]
        for line in working:
            await line.say(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        while house.begun < 2:  # noqa: ASYNC110, it is a number
            await asyncio.sleep(0.005)
        late = await call()
        await late.say(b"POST /slow HTTP/1.1\r\nhost: x\r\nx-request-id: my-request\r\ncontent-length: 9\r\n\r\n")
        problem = await late.problem()
        assert (problem["code"], problem["instance"], problem["request_id"]) == ("overloaded", "/slow", "my-request")
        health = await call()
        await health.say(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await health.reply())[0] == 200
        assert house.begun == 3, "the refused one reached nothing"
        house.let_go.set()
        assert [(await line.reply())[0] for line in working] == [200, 200]
        await late.say(b"x" * 9)
        await health.say(GET + b"\r\n")
        assert (await health.reply())[0] == 200
