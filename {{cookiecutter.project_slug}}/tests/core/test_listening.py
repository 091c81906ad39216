"""How a server listens."""

import asyncio
import socket

import pytest

from app.core.listening import ACCEPTS, claimed, repeated

CONNECTIONS = 64


class Counted(asyncio.Protocol):
    def __init__(self, made: list[asyncio.BaseTransport]) -> None:
        self.made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(transport)


def test_a_busy_server_accepts_several_connections_in_one_turn_of_its_loop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def turns() -> int:
        made: list[asyncio.BaseTransport] = []
        with claimed("127.0.0.1", 0, "APP_PORT") as sockets, repeated(sockets) as listening:
            loop = asyncio.get_running_loop()
            servers = [await loop.create_server(lambda: Counted(made), sock=one, backlog=2048) for one in listening]
            clients = [socket.create_connection(sockets[0].getsockname()) for _ in range(CONNECTIONS)]
            count = 0
            while len(made) < CONNECTIONS:
                await asyncio.sleep(0)
                count += 1
            for each in (*made, *clients, *servers):
                each.close()
            await asyncio.sleep(0)
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns()) < 3 * CONNECTIONS / ACCEPTS
