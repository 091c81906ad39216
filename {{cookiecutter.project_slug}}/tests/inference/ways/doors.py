"""The ways out of one result. Another one is one more class here, in DOORS."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import httpx

from tests.inference.forms import events
from tests.inference.ways.outcomes import Outcome

Json = dict[str, Any]
UNKNOWN = "x_unknown"
"""A field that the service does not know: the OpenAI format allows it, and the answer has a warning."""
HELD_TEXT = "This answer waits for a person to look at it."


@dataclass(frozen=True)
class Seen:
    """What a caller gets. text: all text that a reader is shown. body: the answer, or the notice of a held one.
    problem: in its place. pieces: the pieces of a stream. finish, usage, heads: of the OpenAI format; a head is the id,
    the time and the model of a reply or of one of its chunks. came: when the whole of it was there.
    """

    status: int
    headers: Mapping[str, str]
    text: str = ""
    body: Json | None = None
    problem: Json | None = None
    pieces: tuple[str, ...] = ()
    finish: str | None = None
    usage: Json | None = None
    heads: tuple[tuple[str, int, str], ...] = ()
    raw: str = ""
    came: datetime = field(default_factory=partial(datetime.now, UTC))

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotency-replayed") == "true"

    @property
    def held(self) -> bool:
        return self.body is not None and self.body["status"] == "held"


class Door(ABC):
    """One way to ask. streamed: the answer comes in pieces. openai: in the format of the OpenAI API."""

    path: str
    streamed = False
    openai = False

    @abstractmethod
    def body(self, outcome: Outcome) -> Json:
        """The request."""

    @abstractmethod
    def read(self, reply: httpx.Response) -> Seen:
        """What the caller gets."""

    @property
    def name(self) -> str:
        return type(self).__name__

    def see(self, reply: httpx.Response) -> Seen:
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == "application/problem+json"
            return Seen(reply.status_code, reply.headers, problem=reply.json(), raw=reply.text)
        expected = "text/event-stream" if self.streamed else "application/json"
        assert reply.headers["content-type"].startswith(expected)
        return self.read(reply)

    def check(self, seen: Seen) -> None:
        """The form agrees with the answer that is in it."""
        if seen.body is not None and seen.held and not self.streamed:
            assert (seen.status, seen.headers.get("location")) == (202, seen.body["where"])


def _given(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


class NativeJson(Door):
    path = "/v1/answers"

    def body(self, outcome: Outcome) -> Json:
        sent = {"question": outcome.question, "stream": self.streamed, "actions": [*outcome.actions]}
        limits = _given(max_tokens=outcome.max_tokens, temperature=outcome.temperature)
        return sent | limits | _given(model=outcome.model)

    def read(self, reply: httpx.Response) -> Seen:
        body = reply.json()
        return Seen(reply.status_code, reply.headers, body.get("text", ""), body, raw=reply.text)


class NativeStream(NativeJson):
    streamed = True

    def read(self, reply: httpx.Response) -> Seen:
        *before, (kind, last) = events(reply.text)
        assert {name for name, _ in before} <= {"text"}
        pieces = tuple(piece["text"] for _, piece in before)
        common = {"pieces": pieces, "raw": reply.text}
        text = "".join(pieces)
        if kind == "problem":
            return Seen(reply.status_code, reply.headers, text, problem=last, **common)  # type: ignore[arg-type]
        assert kind == ("held" if last["status"] == "held" else "answer")
        return Seen(reply.status_code, reply.headers, text, last, **common)  # type: ignore[arg-type]


class OpenAIJson(Door):
    path = "/v1/chat/completions"
    openai = True
    kind = "chat.completion"
    prefix = "chatcmpl-"

    def body(self, outcome: Outcome) -> Json:
        messages = [{"role": "user", "content": outcome.question}]
        sent: Json = {"model": outcome.model or "default", "messages": messages}
        sent |= _given(max_tokens=outcome.max_tokens, temperature=outcome.temperature)
        sent |= {UNKNOWN: 1} if outcome.unknown_field else {}
        if outcome.actions:
            sent["tools"] = [{"type": "function", "function": {"name": name}} for name in outcome.actions]
        return sent | ({"stream": True, "stream_options": {"include_usage": True}} if self.streamed else {})

    def read(self, reply: httpx.Response) -> Seen:
        whole = reply.json()
        [choice] = whole["choices"]
        message = choice["message"]
        assert (choice["index"], choice["logprobs"], message["role"], message["refusal"]) == (
            0,
            None,
            "assistant",
            None,
        )
        return Seen(
            reply.status_code,
            reply.headers,
            message["content"],
            whole["answer"],
            finish=choice["finish_reason"],
            usage=whole.get("usage"),
            heads=(self._head(whole),),
            raw=reply.text,
        )

    def check(self, seen: Seen) -> None:
        super().check(seen)
        if seen.problem is not None:
            check_error(seen.problem)
        if seen.body is None:
            return
        held, body = seen.held, seen.body
        assert seen.finish == ("content_filter" if held else body["finish_reason"])
        assert (seen.usage is None) == held
        if seen.usage is not None:
            read, written = body["usage"]["input_tokens"], body["usage"]["output_tokens"]
            assert seen.usage["prompt_tokens"] == read
            assert seen.usage["completion_tokens"] == written
            assert seen.usage["total_tokens"] == read + written
        for name, created, model in seen.heads:
            assert created == int(datetime.fromisoformat(body["created_at"]).timestamp())
            assert name == f"{self.prefix}{UUID(body['id']).hex}"
            assert model == ("held" if held else body["model"])

    def _head(self, part: Json) -> tuple[str, int, str]:
        assert part["object"] == self.kind
        return part["id"], part["created"], part["model"]


class OpenAIStream(OpenAIJson):
    streamed = True
    kind = "chat.completion.chunk"

    def read(self, reply: httpx.Response) -> Seen:
        named = events(reply.text)
        if named[-1][0] == "error":
            *chunks, problem = [each for _, each in named]
            text, heads = self._text(chunks), tuple(map(self._head, chunks))
            common = {"pieces": (text,), "heads": heads, "raw": reply.text}
            return Seen(reply.status_code, reply.headers, text, problem=problem, **common)  # type: ignore[arg-type]
        assert {name for name, _ in named} == {""}
        chunks = [each for _, each in named]
        assert chunks.pop() == "[DONE]"
        heads = tuple(map(self._head, chunks))
        usage = chunks.pop()["usage"] if not chunks[-1]["choices"] else None
        *before, last = chunks
        [choice] = last["choices"]
        assert before[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert [each["choices"][0]["finish_reason"] for each in before] == [None] * len(before)
        pieces = tuple(each["choices"][0]["delta"]["content"] for each in before[1:])
        return Seen(
            reply.status_code,
            reply.headers,
            "".join(pieces),
            last["answer"],
            None,
            pieces,
            choice["finish_reason"],
            usage,
            heads,
            reply.text,
        )

    def _text(self, chunks: Sequence[Json]) -> str:
        return "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks)


class ResponsesJson(OpenAIJson):
    path = "/v1/responses"
    prefix = "resp_"

    def body(self, outcome: Outcome) -> Json:
        sent: Json = {"model": outcome.model or "default", "input": outcome.question, "stream": self.streamed}
        sent |= _given(max_output_tokens=outcome.max_tokens, temperature=outcome.temperature)
        sent |= {UNKNOWN: 1} if outcome.unknown_field else {}
        return sent | (
            {"tools": [{"type": "function", "name": name} for name in outcome.actions]} if outcome.actions else {}
        )

    def read(self, reply: httpx.Response) -> Seen:
        whole = reply.json()
        return Seen(reply.status_code, reply.headers, raw=reply.text, heads=(self._head(whole),), **_ended(whole))

    def _head(self, part: Json) -> tuple[str, int, str]:
        assert part["object"] == "response"
        return part["id"], part["created_at"], part["model"]


class ResponsesStream(ResponsesJson):
    streamed = True

    def read(self, reply: httpx.Response) -> Seen:
        named = events(reply.text)
        sent = [each for _, each in named]
        assert [(each["type"], each["sequence_number"]) for each in sent] == [
            (kind, n) for n, (kind, _) in enumerate(named)
        ]
        pieces = tuple(each["delta"] for each in sent if each["type"] == "response.output_text.delta")
        heads = tuple(self._head(each["response"]) for each in sent if "response" in each)
        common: Json = {"pieces": pieces, "heads": heads, "raw": reply.text}
        if sent[-1]["type"] == "error":
            assert (sent[-2]["type"], sent[-2]["response"]["status"]) == ("response.failed", "failed")
            problem = {name: sent[-1][name] for name in ("code", "error")}
            return Seen(reply.status_code, reply.headers, "".join(pieces), problem=problem, **common)
        assert sent[-1]["type"] == f"response.{sent[-1]['response']['status']}"
        ended = _ended(sent[-1]["response"])
        assert [each["text"] for each in sent if each["type"] == "response.output_text.done"] == [ended["text"]]
        return Seen(reply.status_code, reply.headers, **ended | {"text": "".join(pieces)}, **common)


def _ended(response: Json) -> Json:
    """What a response holds at its end, in the words of the chat format."""
    [item] = response["output"]
    [part] = item["content"]
    assert (item["status"], response["error"], part["type"]) == (response["status"], None, "output_text")
    reason, used = response["incomplete_details"], response["usage"]
    finish = {"max_output_tokens": "length"}.get(reason["reason"], reason["reason"]) if reason else "stop"
    read = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens"}
    usage = used and {name: used[other] for name, other in read.items()}
    return {"text": part["text"], "body": response["answer"], "finish": finish, "usage": usage}


def check_error(problem: Json) -> None:
    """The member `error`, by which clients of the OpenAI API read a problem."""
    error = problem["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert error["code"] == problem["code"]
    assert error["message"].startswith(problem.get("detail", ""))
    assert problem.get("action", "") in error["message"]


@dataclass(frozen=True)
class Pair:
    """The plain and the streamed form of one path."""

    plain: Door
    streamed: Door

    @property
    def doors(self) -> tuple[Door, Door]:
        return self.plain, self.streamed

    def other(self, door: Door) -> Door:
        return self.streamed if door is self.plain else self.plain


PAIRS = (
    Pair(NativeJson(), NativeStream()),
    Pair(OpenAIJson(), OpenAIStream()),
    Pair(ResponsesJson(), ResponsesStream()),
)
DOORS: tuple[Door, ...] = tuple(door for pair in PAIRS for door in pair.doors)
