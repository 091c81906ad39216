"""Sends one question in the four response forms, and reads the responses."""

from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from tests.inference.conftest import Service

WHO = "Who built the lighthouse of Karlen?"
FORMS = ("json", "stream", "openai json", "openai stream")


@dataclass
class Received:
    """A response. pieces: the pieces of a stream; text: the whole text.

    answer: the final answer or problem. finish: the finish reason in the OpenAI format.
    """

    status: int
    text: str
    answer: dict[str, Any]
    pieces: tuple[str, ...] = ()
    finish: str | None = None
    chunks: tuple[dict[str, Any], ...] = ()
    usage: dict[str, int] | None = None
    raw: str = ""


async def ask(
    service: Service, form: str, question: str = WHO, key: str | None = None, bearer: str | None = None, **body: Any
) -> Received:
    headers = {"idempotency-key": key} if key else {}
    streaming: dict[str, Any] = {"stream": True} if form.endswith("stream") else {}
    async with service.client(bearer) as client:
        if not form.startswith("openai"):
            asked = {"question": question, **body, **streaming}
            return _native(await client.post("/v1/answers", json=asked, headers=headers))
        if actions := body.pop("actions", None):
            body["tools"] = [{"type": "function", "function": {"name": name}} for name in actions]
        if streaming:
            streaming["stream_options"] = {"include_usage": True}
        messages = [{"role": "user", "content": question}]
        asked = {"model": "default", "messages": messages, **body, **streaming}
        return _openai(await client.post("/v1/chat/completions", json=asked, headers=headers))


def events(raw: str) -> list[tuple[str, Any]]:
    found = []
    for block in filter(None, raw.split("\n\n")):
        lines = dict(line.partition(": ")[::2] for line in block.split("\n"))
        found.append(
            (lines.get("event", ""), lines["data"] if lines["data"] == "[DONE]" else orjson.loads(lines["data"]))
        )
    return found


def _native(reply: httpx.Response) -> Received:
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return Received(reply.status_code, reply.json().get("text", ""), reply.json(), raw=reply.text)
    *pieces, (_, last) = events(reply.text)
    results = tuple(piece["text"] for _, piece in pieces)
    return Received(reply.status_code, "".join(results), last, results, raw=reply.text)


def _openai(reply: httpx.Response) -> Received:
    if reply.headers["content-type"].startswith("text/event-stream"):
        return _chunks(reply)
    whole = reply.json()
    if reply.status_code >= 400:
        return Received(reply.status_code, "", whole, raw=reply.text)
    [choice] = whole["choices"]
    assert choice["message"]["refusal"] is None
    seen = Received(reply.status_code, choice["message"]["content"], whole["answer"], finish=choice["finish_reason"])
    seen.chunks, seen.usage, seen.raw = (whole,), whole.get("usage"), reply.text
    return seen


def _chunks(reply: httpx.Response) -> Received:
    chunks = [chunk for _, chunk in events(reply.text)]
    if "error" in chunks[-1]:
        texts = tuple(c["choices"][0]["delta"].get("content") or "" for c in chunks[:-1])
        return Received(reply.status_code, "".join(texts), chunks[-1], texts, raw=reply.text)
    assert chunks.pop() == "[DONE]"
    usage = chunks.pop()["usage"] if not chunks[-1]["choices"] else None
    *before, last = chunks
    pieces = tuple(piece for c in before if (piece := c["choices"][0]["delta"].get("content")))
    [choice] = last["choices"]
    assert all(c["choices"][0]["finish_reason"] is None for c in before)
    return Received(
        reply.status_code,
        "".join(pieces),
        last["answer"],
        pieces,
        choice["finish_reason"],
        tuple(chunks),
        usage,
        reply.text,
    )
