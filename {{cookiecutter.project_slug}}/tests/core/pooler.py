"""A minimal pooler in transaction mode: clients take turns on one session, a transaction each."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
SETTINGS = {"client_encoding": "UTF8", "server_version": "18.0", "standard_conforming_strings": "on"}
OTHER_BACKEND = b"K" + struct.pack("!iii", 12, 4242, 4242)
IDLE = b"Z" + struct.pack("!i", 5) + b"I"
ROUND_TRIP_ENDS = b"QS"


class Session:
    """The one session of the server that all clients share."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.turn = reader, writer, asyncio.Lock()

    async def round_trip(self, sent: bytes, client: asyncio.StreamWriter | None) -> bytes:
        """Forward a client's messages and every reply up to ReadyForQuery; returns the state of the transaction."""
        self.writer.write(sent)
        while True:
            kind, body = await message(self.reader)
            if client:
                client.write(kind + struct.pack("!i", len(body) + 4) + body)
            if kind == b"Z":
                return body


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


@asynccontextmanager
async def pooling(url: str) -> AsyncIterator[str]:
    """The URL of a pooler in front of `url`, a URL of the embedded server."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_unix_connection(parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432")
    startup = f"user\0{parts.username}\0database\0{parts.path[1:]}\0\0".encode()
    session = Session(reader, writer)
    await session.round_trip(struct.pack("!ii", len(startup) + 8, 196608) + startup, None)

    async def serve(client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            await _serve(session, client_reader, client)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            client.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable&gssencmode=disable"
    finally:
        server.close()
        writer.close()


async def _serve(session: Session, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)
    settings = [f"{name}\0{value}\0".encode() for name, value in SETTINGS.items()]
    client.write(AUTHENTICATED + b"".join(b"S" + struct.pack("!i", len(each) + 4) + each for each in settings))
    client.write(OTHER_BACKEND + IDLE)
    state = IDLE[-1:]
    while True:
        sent, kind = b"", b""
        while not kind or kind not in ROUND_TRIP_ENDS:
            kind, body = await message(reader)
            if kind == b"X":
                return
            sent += kind + struct.pack("!i", len(body) + 4) + body
        if state == b"I":
            await session.turn.acquire()
        state = await session.round_trip(sent, client)
        if state == b"I":
            session.turn.release()
