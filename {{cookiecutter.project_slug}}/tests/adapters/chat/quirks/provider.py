"""A provider that sends scripted bytes over HTTP, and the quirks of providers as values."""

import asyncio
import contextlib
import gzip
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from app.costs.domain import Usage
from app.llm.domain.errors import ModelFailure
from app.llm.domain.messages import Finish

Json = dict[str, Any]

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
COUNTED = Usage(7, output=3)
TEXT = "Good day."
EVENTS, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True)
class Sent:
    """One reply. framing: how its end is marked; size: the bytes of each write, 0 for all at once; encoding: of its
    bytes, which nobody asked for.
    """

    body: bytes = b""
    status: int = 200
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    framing: Literal["length", "chunked", "close"] = "length"
    size: int = 0
    encoding: str = ""

    @property
    def raw(self) -> bytes:
        """The whole response."""
        body = _encoded(self.body, self.encoding)
        headers = {"content-type": self.kind, **self.headers}
        if self.encoding:
            headers["content-encoding"] = self.encoding.removeprefix("bare ")
        if self.framing == "length":
            headers["content-length"] = str(len(body))
        elif self.framing == "chunked":
            headers["transfer-encoding"] = "chunked"
            size = self.size or max(1, len(body))
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} X\r\nconnection: close\r\n{head}\r\n".encode() + body


def _encoded(body: bytes, encoding: str) -> bytes:
    if encoding == "bare deflate":
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(body) + packer.flush()
    return {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)(body)


@dataclass(frozen=True)
class Gives:
    """What must come of it. calls: names and arguments of tool calls; wait: seconds that the provider asks for;
    requests: how many it took; without: fields that the last of them did not have, with: those that it had.
    """

    text: str = TEXT
    finish: Finish = "stop"
    usage: Usage | None = COUNTED
    calls: tuple[tuple[str, str], ...] = ()
    failure: type[ModelFailure] | None = None
    wait: float | None = None
    requests: int = 1
    without: tuple[str, ...] = ()
    having: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quirk:
    """One way in which a provider differs. plain, stream: its replies to a plain request and to one for a stream, in
    their order; none where the difference exists in the other alone.
    """

    provider: str
    sends: str
    gives: Gives
    plain: tuple[Sent, ...] = ()
    stream: tuple[Sent, ...] = ()
    logprobs: bool = False
    tools: bool = False

    @property
    def name(self) -> str:
        return f"{self.provider}: {self.sends}"


@dataclass
class Provider:
    """A server that sends the replies in their order. requests: the bodies that it received; keys: their API keys."""

    replies: deque[Sent] = field(default_factory=deque)
    requests: list[Json] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            self.keys.append(headers.get("authorization", "").removeprefix("Bearer "))
            self.requests.append(orjson.loads(await reader.readexactly(int(headers["content-length"]))))
            reply = self.replies.popleft()
            size = reply.size or len(reply.raw)
            for at in range(0, len(reply.raw), size):
                writer.write(reply.raw[at : at + size])
                await writer.drain()
        writer.close()


def in_choice(**choice: object) -> dict[str, object]:
    return {"choices": [choice]}


def piece(content: object = None, finish: str | None = None, **delta: Any) -> Json:
    """A chunk of a stream."""
    delta = delta if content is None else {"content": content, **delta}
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


HELLO = (piece("", role="assistant"), piece("Good "), piece("day."))
STOP, LAST = piece(finish="stop"), {"id": "1", "choices": [], "usage": USAGE}


def events(*chunks: Json | str | bytes, end: str = "\n\n", done: str = "data: [DONE]") -> bytes:
    """The bytes of a stream; a text is sent as it is."""
    lines = [each if isinstance(each, str | bytes) else b"data: " + orjson.dumps(each) for each in (*chunks, done)]
    raw = [each.encode() if isinstance(each, str) else each for each in lines if each]
    return b"".join(each + end.encode() for each in raw)


def streamed(*chunks: Json | str | bytes, end: str = "\n\n", done: str = "data: [DONE]", **sent: Any) -> Sent:
    return Sent(events(*chunks, end=end, done=done), kind=EVENTS, **{"framing": "chunked", "size": 7, **sent})


def reply(content: object = TEXT, finish: str | None = "stop", usage: object = USAGE, **message: Any) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}


def sent(body: object, status: int = 200, **more: Any) -> Sent:
    return Sent(body if isinstance(body, bytes) else orjson.dumps(body), status, **more)


GOOD = sent(reply())
GOOD_STREAM = streamed(*HELLO, STOP, LAST)
