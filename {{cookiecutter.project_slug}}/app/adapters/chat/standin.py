"""A small server of the OpenAI chat format, for tests, benchmarks and trials without a provider.

It answers with the first sentence of the first passage in the prompt and cites it. If tools are offered, it calls
those that the question names, with arguments from the question. A question of a conversation that it is to rewrite it
puts behind the one before. To run it:
python -m app.adapters.chat.standin --port 9000
"""

import argparse
import asyncio
import contextlib
import math
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

Json = dict[str, Any]
Write = Callable[[bytes], Awaitable[None]]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PASSAGE = re.compile(r"<passage n=\"(\d+)\"(?: \w+=\"[^\"]*\")*>\n?(.+?)(?:(?<=[.!?])\s|\n|</passage\b)", re.DOTALL)
_ASKED = re.compile(r"<asked\b[^>]*>(.*?)</asked\b", re.DOTALL)
_QUESTION = re.compile(r"<question\b[^>]*>(.*?)</question\b", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """The scripted fault of one call, in place of a good reply.

    status, headers, body: sent as they are. hang: seconds before the reply. drop: the connection is closed before the
    first byte. pieces: a stream's pieces of text, () for none; pause: seconds between them; cut: the stream ends after
    its pieces without an end event; stall: seconds of silence after them. flood: bytes of filler text. The next apply
    to plain replies too. finish: the finish_reason, in place of the right one. refusal: the text of the field
    `refusal`, after the text. reasoning: pieces of reasoning before the text, in reasoning_in: the name of a field, or
    an opening tag such as <think> within the text. error: the field `error` after the text, with status 200. whole: a
    stream is answered with a plain reply. async_filter: filter results in chunks of their own, as from Azure.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    hang: float = 0.0
    drop: bool = False
    pieces: tuple[str, ...] | None = None
    pause: float = 0.0
    cut: bool = False
    stall: float = 0.0
    flood: int = 0
    finish: str | None = None
    refusal: str = ""
    reasoning: tuple[str, ...] = ()
    reasoning_in: str = "reasoning_content"
    error: Json | None = None
    whole: bool = False
    async_filter: bool = False

    def text(self, written: str) -> str:
        """The content of the text field, with the reasoning if that is between tags."""
        return "".join(self.tagged) + written

    @property
    def tagged(self) -> tuple[str, ...]:
        if not self.reasoning or not self.reasoning_in.startswith("<"):
            return ()
        return (f"{self.reasoning_in}\n", *self.reasoning, f"\n</{self.reasoning_in[1:]}\n\n")

    @property
    def fields(self) -> tuple[Json, ...]:
        """Deltas of reasoning in a field of its own."""
        in_field = self.reasoning and not self.tagged
        return tuple({self.reasoning_in: piece} for piece in self.reasoning) if in_field else ()


@dataclass
class Call:
    """A received call; `gone`: the client disconnected before the end of the reply; `silent`: its stream stalled."""

    path: str
    headers: dict[str, str]
    body: Json
    gone: bool = False
    silent: bool = False


@dataclass
class StandIn:
    """The server. faults: of the next calls, one each; always: of every call after them; context: its maximum of prompt
    tokens; mind: makes its reply, a text or a message, `reply_to` by default; confidence: the probability it reports of
    each token, None for a server without logprobs.
    """

    model: str = "stand-in"
    port: int = 0
    context: int = 7000
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault | None = None
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=10_000))
    drop_after_stream: bool = False
    mind: Callable[[Json], str | Json] | None = None
    confidence: float | None = 0.9
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The base URL for a client of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
            for writer in self._open:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (call := await _receive(reader)) is not None:
                self.calls.append(call)
                if not await self._reply(call, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        fault = self.faults.popleft() if self.faults else self.always or Fault()
        working = asyncio.ensure_future(self._work(call, fault, writer))
        if fault == Fault() and not call.body.get("stream"):
            return await working
        watching = asyncio.ensure_future(_disconnected(reader))
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        call.gone = not working.done() or isinstance(working.exception(), ConnectionError)
        for task in (working, watching):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await working
        return False

    async def _work(self, call: Call, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        async def send(raw: bytes) -> None:
            writer.write(raw)
            await writer.drain()

        if fault.hang:
            await asyncio.sleep(fault.hang)
        if fault.drop:
            return False
        if fault.status != 200 or fault.body is not None:
            await send(_response(fault.body or _error(fault.status), fault.status, fault.headers))
            return True
        if _usage(call.body, "")["prompt_tokens"] > self.context:
            await send(_response(_error(400, "exceed_context_size_error"), 400))
            return True
        if call.body.get("stream") and not fault.whole:
            return await self._stream(call, fault, send)
        await send(_response(orjson.dumps(self._completion(call, fault))))
        return True

    def _completion(self, call: Call, fault: Fault) -> Json:
        if fault.error is not None:
            return self._envelope("chat.completion") | {"choices": [], "error": fault.error}
        pieces = None if fault.pieces is None else "".join(fault.pieces)
        written = "x" * fault.flood or (self._mind(call) if pieces is None else pieces)
        message = dict(written) if isinstance(written, dict) else {"content": fault.text(written)}
        if fault.refusal:
            message["refusal"] = fault.refusal
        if fault.fields:
            message[fault.reasoning_in] = "".join(fault.reasoning)
        finish = fault.finish or ("tool_calls" if message.get("tool_calls") else "stop")
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        choice |= self._logprobs(call, _text_of(message))
        usage = _usage(call.body, _text_of(message) + "".join(fault.reasoning) * bool(fault.fields) + fault.refusal)
        return self._envelope("chat.completion") | {"choices": [choice], "usage": usage}

    async def _stream(self, call: Call, fault: Fault, send: Write) -> bool:
        await send(_STREAM_HEAD)
        pieces = tuple(re.findall(r"\S+\s*", self._write(call))) if fault.pieces is None else fault.pieces
        await send(self._chunk({"role": "assistant", "content": None}))
        async for delta in _pace(pieces, fault):
            logprobs = self._logprobs(call, delta["content"]) if "content" in delta else {}
            await send(self._chunk(delta, **logprobs))
            if fault.async_filter:
                await send(self._chunk(None, content_filter_results={}, content_filter_offsets={"check_offset": 9}))
        if fault.stall:
            call.silent = True
            await asyncio.sleep(fault.stall)
        if fault.cut:
            return False
        if fault.refusal:
            await send(self._chunk({"refusal": fault.refusal}))
        last = self._envelope("chat.completion.chunk") | {"choices": []}
        if fault.error is not None:
            await send(_event(orjson.dumps(last | {"error": fault.error})) + b"0\r\n\r\n")
            return not self.drop_after_stream
        await send(self._chunk({}, fault.finish or "stop"))
        if (call.body.get("stream_options") or {}).get("include_usage"):
            written = "".join((*(fault.tagged or fault.reasoning), *pieces, fault.refusal))
            await send(_event(orjson.dumps(last | {"usage": _usage(call.body, written)})))
        await send(_event(b"[DONE]") + b"0\r\n\r\n")
        return not self.drop_after_stream

    def _mind(self, call: Call) -> str | Json:
        return (self.mind or reply_to)(call.body)

    def _write(self, call: Call) -> str:
        written = self._mind(call)
        return written if isinstance(written, str) else str(written.get("content") or "")

    def _logprobs(self, call: Call, text: str) -> Json:
        if not call.body.get("logprobs") or self.confidence is None:
            return {}
        values = {"logprob": math.log(self.confidence), "top_logprobs": []}
        return {"logprobs": {"content": [{"token": token, **values} for token in re.findall(r"\S+\s*", text)]}}

    def _chunk(self, delta: Json | None, finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "finish_reason": finish, **more} | ({} if delta is None else {"delta": delta})
        return _event(orjson.dumps(self._envelope("chat.completion.chunk") | {"choices": [choice]}))

    def _envelope(self, kind: str) -> Json:
        return {"id": "chatcmpl-stand-in", "object": kind, "created": 0, "model": self.model}


def reply_to(body: Json) -> str | Json:
    """Tool calls for the tools that the question names; their results as text, once they are there; else an answer."""
    messages = body.get("messages", ())
    results = [str(m.get("content")) for m in messages if m.get("role") == "tool"]
    if results:
        return " ".join(_as_sentence(orjson.loads(result)) for result in results)
    question = _question_of(messages)
    if rewritten := _rewritten(messages, question):
        return rewritten
    tools = [tool["function"] for tool in body.get("tools", ()) if body.get("tool_choice") != "none"]
    named = [tool for tool in tools if all(word in question.lower() for word in tool["name"].split("_"))]
    if not named:
        return answer_to(body)
    return {"content": None, "tool_calls": [_call(tool, question, place) for place, tool in enumerate(named)]}


def _rewritten(messages: Any, question: str) -> str | None:
    """The question behind the last one of the conversation, where no passages came with it: it is to be rewritten."""
    last = str(messages[-1].get("content") or "") if messages else ""
    asked = _ASKED.findall(last)
    return f"{asked[-1].strip()} {question.strip()}" if asked and not _PASSAGE.search(last) else None


def _question_of(messages: Any) -> str:
    last = next((str(m.get("content") or "") for m in reversed(messages) if m.get("role") == "user"), "")
    found = _QUESTION.search(last)
    return found[1] if found else last


def _call(tool: Json, question: str, place: int) -> Json:
    arguments = {}
    for name, schema in tool["parameters"].get("properties", {}).items():
        # An argument with a pattern is searched by it; any other is the text in quotation marks.
        pattern = schema["pattern"].strip("^$") if "pattern" in schema else r"(?<=\").+(?=\")"
        if match := re.search(pattern, question):
            arguments[name] = match.group()
    function = {"name": tool["name"], "arguments": orjson.dumps(arguments).decode()}
    return {"id": f"call-{place}", "type": "function", "function": function}


def _as_sentence(result: Any) -> str:
    # The name of a single value is left out.
    text = _plain(next(iter(result.values())) if isinstance(result, dict) and len(result) == 1 else result)
    return text if text.endswith(".") else f"{text}."


def _plain(result: Any) -> str:
    if isinstance(result, dict):
        return ", ".join(f"{name} {_plain(value)}" for name, value in result.items())
    return ", ".join(map(_plain, result)) if isinstance(result, list) else str(result)


def _text_of(message: Json) -> str:
    calls = message.get("tool_calls") or ()
    return str(message.get("content") or "") + "".join(call["function"]["arguments"] for call in calls)


def answer_to(body: Json) -> str:
    """The first sentence of the first passage with its number, or a fixed text without one."""
    text = "\n".join(str(m.get("content") or "") for m in body.get("messages", ()))
    passage = _PASSAGE.search(text)
    text = f"{passage[2].strip()} [{passage[1]}]" if passage else "There was nothing to read."
    return text[: (body.get("max_tokens") or len(text)) * 4]


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"connection: keep-alive\r\n\r\n"
)


async def _receive(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = _LENGTH.search(head)
    raw = await reader.readexactly(int(length[1])) if length else b""
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return Call(lines[0].split(" ")[1], headers, orjson.loads(raw) if raw else {})


async def _disconnected(reader: asyncio.StreamReader) -> None:
    """Returns when the client closes its side; clients here do not pipeline."""
    while not reader.at_eof():
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(0.02)


async def _pace(pieces: tuple[str, ...], fault: Fault) -> AsyncIterator[Json]:
    for delta in (*fault.fields, *({"content": piece} for piece in (*fault.tagged, *pieces))):
        yield delta
        if fault.pause:
            await asyncio.sleep(fault.pause)
    sent = 0
    while sent < fault.flood:
        yield {"content": "flood " * 170}
        sent += 1020


def _usage(body: Json, text: str) -> Json:
    read = sum(len(str(m.get("content") or "")) for m in body.get("messages", ())) // 4
    return {
        "prompt_tokens": read,
        "completion_tokens": max(1, len(text) // 4),
        "total_tokens": read + len(text) // 4,
    }


def _error(status: int, kind: str = "scripted_error") -> bytes:
    return orjson.dumps({"error": {"message": "scripted", "type": kind, "code": status}})


def _response(body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def _event(data: bytes) -> bytes:
    raw = b"data: " + data + b"\n\n"
    return b"%x\r\n" % len(raw) + raw + b"\r\n"


async def serve(port: int) -> None:
    async with StandIn(port=port) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for an OpenAI-compatible model server.")
    parser.add_argument("--port", type=int, default=9000)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
