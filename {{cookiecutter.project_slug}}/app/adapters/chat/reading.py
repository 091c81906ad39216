"""A stream on its way in, whatever its server makes of the format."""

import structlog

from app.adapters.chat.errors import failure_in
from app.adapters.chat.events import BOM, EventReader, EventTooLong
from app.adapters.chat.reasoning import ReasoningFilter
from app.adapters.chat.wire import (
    Dialect,
    Json,
    StreamChunk,
    nothing_said,
    parse_chunk,
    parse_completion,
    parse_object,
    usage_of,
)
from app.costs.domain import Usage
from app.llm.domain.errors import ContentFiltered, InvalidResponse, ModelFailure, OutputFiltered, StreamInterrupted
from app.llm.domain.messages import ChatRequest, CompletionEnd, Finish, confidence_of, estimate_usage

ENVELOPE_BYTES = 256 * 1024
BYTES_PER_TOKEN = 4096
"""Of a stream: the piece that a token comes in, several times if its reasoning has fields of its own."""

log = structlog.get_logger(__name__)


class TokenLogprobs:
    """The log probabilities of the tokens of a reply; None as soon as one piece of its text came without them."""

    def __init__(self, wanted: bool) -> None:
        self.values: list[float] | None = [] if wanted else None

    def add(self, chunk: StreamChunk) -> None:
        if self.values is None or chunk.reasoning or (chunk.logprobs is None and not chunk.text):
            return
        self.values = None if chunk.logprobs is None else self.values + chunk.logprobs


class StreamReading:
    """What came of a stream, how it ended, and whether it is past its caps.

    wait: what the headers said of it, should the stream hold an error.
    """

    def __init__(self, request: ChatRequest, model: str, dialect: Dialect, wait: float | None = None) -> None:
        self._request, self._model, self._dialect, self._wait = request, model, dialect, wait
        self._events = EventReader()
        self._filter = ReasoningFilter(dialect.starts_with_reasoning)
        self._head = b""
        self._plain: bool | None = None
        self._text_left = request.max_characters
        self._bytes_left = ENVELOPE_BYTES + request.max_tokens * BYTES_PER_TOKEN
        self._parts: list[str] = []
        self._chunks = self._apart = 0
        self._refused = self._by_delta = False
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._logprobs = TokenLogprobs(request.logprobs)
        self._whole: CompletionEnd | None = None
        self.done = False

    @property
    def begun(self) -> bool:
        return bool(self._parts)

    @property
    def finished(self) -> bool:
        """Whether the provider has said how it ended, so that nothing is lost if no more comes."""
        return self._finish is not None

    @property
    def signs(self) -> int:
        """Grows with each sign of life: text, reasoning, and the comments that servers send while they work."""
        return self._chunks + self._events.comments

    @property
    def usage(self) -> Usage | None:
        """What the whole call cost, where the provider has said so: some count along, and are cut in the middle."""
        whole = self.done if self._finish is None else self._finish != "cut"
        return self._usage if whole and self._usage and (self._usage.output or not self._parts) else None

    def take(self, raw: bytes | None) -> list[str]:
        """The pieces of text in these bytes; None: the connection was closed."""
        data = self._head + (raw or b"")
        self._bytes_left -= len(raw or b"")
        if self._plain is None and raw is not None and BOM.startswith(data.strip()):
            self._head = data
            return self._cut() if self._bytes_left < 0 else []
        if self._plain is None:
            # No event begins like this: it is a whole reply, or an error, whatever its headers say.
            self._plain = data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")
        if self._plain:
            self._head = data
            return self._take_plain(raw is None)
        self._head = b""
        pieces = self._take_events(data)
        if raw is None and not self.done:
            pieces += self._take_events(None)
            return pieces + self.close()
        if self._bytes_left < 0 and not self.done:
            return pieces + self._cut()
        return pieces + (self.close() if self.done else [])

    def close(self) -> list[str]:
        """What was held back. Errors: ModelFailure, where the stream has not ended."""
        if not self.done and not self.finished:
            raise self._broken("the stream was cut")
        self.done = True
        return self._keep(self._filter.end())

    def end(self) -> CompletionEnd:
        """Errors: OutputFiltered or InvalidResponse, where there was no answer."""
        if self._whole:
            return self._whole
        if not self._parts:
            if self._refused or self._finish == "content_filter":
                raise OutputFiltered(
                    "the model refused" if self._refused else "the provider filtered the reply", usage=self.usage
                )
            raise InvalidResponse(nothing_said(self._finish, self._reasoned), usage=self.usage)
        usage = self.usage
        spoken = usage or estimate_usage(self._request, "".join(self._parts), self._reasoned)
        finish = "content_filter" if self._refused else self._finish or "stop"
        # The probabilities of reasoning say nothing about the answer.
        sure = None if self._filter.found else confidence_of(self._logprobs.values)
        return CompletionEnd(finish, spoken, usage is None, sure)

    @property
    def _reasoned(self) -> int:
        return self._apart + self._filter.characters

    def _take_plain(self, closed: bool) -> list[str]:
        """A reply that came whole, though a stream was asked for; or pieces of one, a line each."""
        if self._bytes_left < 0:
            raise InvalidResponse("the reply is too long")
        if not closed:
            return []
        lines = self._head.splitlines()
        try:
            found = parse_object(self._head)
        except InvalidResponse:
            if len(lines) < 2:
                raise
            return self._take_events(b"".join(line + b"\n" for line in lines)) + self.close()
        return self._take_reply(found)

    def _take_reply(self, found: Json) -> list[str]:
        try:
            reply = parse_completion(found, self._request, self._dialect, self._wait)
        except ModelFailure as failure:
            failure.usage = usage_of(found.get("usage"))
            raise
        self._whole, self._finish, self.done = reply.end, reply.end.finish, True
        self._usage = None if reply.end.estimated else reply.end.usage
        return self._keep(reply.text)

    def _take_events(self, raw: bytes | None) -> list[str]:
        pieces: list[str] = []
        try:
            for event in self._events.end() if raw is None else self._events.feed(raw):
                pieces += self._event(event)
        except EventTooLong as error:
            raise self._broken("an event of the stream is too long") from error
        return pieces

    def _event(self, event: bytes) -> list[str]:
        if self.done:
            return []
        if event == b"[DONE]":
            self.done = True
            return []
        found: Json = {}
        try:
            found = _object(event, self._events.kind)
            if self._events.kind == b"error":
                raise failure_in(found.get("error") or found, self._wait)
            return self._chunk(parse_chunk(found, self._wait))
        except InvalidResponse as error:
            if len(lines := event.splitlines()) > 1:
                return [piece for line in lines for piece in self._event(line)]
            raise self._broken(str(error)) from error
        except ModelFailure as error:
            return self._failed(error, usage_of(found.get("usage")))

    def _failed(self, error: ModelFailure, usage: Usage | None) -> list[str]:
        """An error in the middle. What the reader has seen stays; a filter ends it, anything else breaks it off."""
        error.usage = usage
        if not self.begun:
            raise error
        if isinstance(error, ContentFiltered):
            self._finish, self._usage, self.done = "content_filter", usage or self._usage, True
            return []
        raise self._broken(str(error)) if error.outage else error

    def _chunk(self, chunk: StreamChunk) -> list[str]:
        self._finish = _worse(self._finish, chunk.finish)
        self._usage = chunk.usage or self._usage
        self._refused |= chunk.refused
        self._apart += chunk.reasoning
        # Some servers repeat at the end, as a whole, what they had sent in pieces.
        text = "" if chunk.whole and self._by_delta else chunk.text
        self._by_delta |= bool(text) and not chunk.whole
        self._chunks += bool(text or chunk.reasoning or chunk.refused)
        self._logprobs.add(chunk)
        pieces = self._keep(self._visible(text))
        if self._reasoned > self._request.max_characters and not self.done:
            return pieces + self._cut()
        return pieces

    def _visible(self, text: str) -> str:
        unopened = self._filter.unopened
        seen = self._filter.feed(text) if text else ""
        if self.begun and self._filter.unopened and not unopened:
            advice = "Set starts_with_reasoning to true for this model in APP_MODEL_CHAIN."
            log.warning("llm.reasoning_shown", model=self._model, advice=advice)
            raise self._broken("what came so far was reasoning, which no tag had opened")
        return seen

    def _keep(self, text: str) -> list[str]:
        kept = text[: self._text_left]
        self._text_left -= len(kept)
        if kept:
            self._parts.append(kept)
        if len(kept) < len(text):
            self._cut()
        return [kept] if kept else []

    def _cut(self) -> list[str]:
        self.done, self._finish = True, "cut"
        return []

    def _broken(self, detail: str) -> ModelFailure:
        return StreamInterrupted(detail, usage=self.usage) if self.begun else InvalidResponse(detail, usage=self.usage)


def _object(event: bytes, kind: bytes) -> Json:
    try:
        return parse_object(event)
    except InvalidResponse:
        if kind == b"error":
            return {"error": event.decode(errors="replace")}
        raise


def _worse(one: Finish | None, other: Finish | None) -> Finish | None:
    """Some say twice how it ended; what is not the plain end counts."""
    return other if one in (None, "stop") and other else one
