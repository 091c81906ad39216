"""Reading a stream of any server of the OpenAI chat format."""

import structlog

from app.adapters.chat.calls import CallPieces
from app.adapters.chat.characters import HalfCharacters
from app.adapters.chat.errors import failure_in
from app.adapters.chat.events import BOM, EventReader, EventTooLong
from app.adapters.chat.reasoning import ReasoningFilter
from app.adapters.chat.usage import usage_in, with_reasoning
from app.adapters.chat.wire import (
    Dialect,
    Json,
    StreamChunk,
    calls_of,
    empty_reply_reason,
    filtered_by,
    parse_chunk,
    parse_completion,
    parse_object,
)
from app.core.text import clean
from app.costs.domain import Usage
from app.llm.domain.errors import ContentFiltered, InvalidResponse, ModelFailure, OutputFiltered, StreamInterrupted
from app.llm.domain.messages import (
    ChatRequest,
    Completion,
    CompletionEnd,
    Finish,
    ToolCall,
    confidence_of,
    estimate_usage,
)

ENVELOPE_BYTES = 256 * 1024
BYTES_PER_TOKEN = 4096
"""Allowed size of a token's chunk in a stream, several times if its reasoning is in several fields."""

SHOWN = "Set starts_with_reasoning to true for this model in APP_MODEL_CHAIN."

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
    """The state of a stream: its text, how it ended, and whether it exceeded its limits.

    wait: Retry-After of the headers in seconds, for an error within the stream.
    """

    def __init__(self, request: ChatRequest, model: str, dialect: Dialect, wait: float | None = None) -> None:
        self._request, self._model, self._dialect, self._wait = request, model, dialect, wait
        self._events = EventReader()
        self._filter = ReasoningFilter(dialect.starts_with_reasoning)
        self._characters = HalfCharacters()
        self._call_pieces = CallPieces(request.max_characters)
        self._full_reply: Completion | None = None
        self._buffer = b""
        self._is_plain: bool | None = None
        self._text_left = request.max_characters
        self._bytes_left = ENVELOPE_BYTES + request.max_tokens * BYTES_PER_TOKEN
        self._parts: list[str] = []
        self._chunks = self._reasoning_fields = 0
        self._refused = self._by_delta = self.done = False
        self._finish: Finish | None = None
        self._failure: ModelFailure | None = None
        self._usage: Usage | None = None
        self._replied_as: str | None = None
        self._logprobs = TokenLogprobs(request.logprobs)

    @property
    def started(self) -> bool:
        return bool(self._parts)

    @property
    def finished(self) -> bool:
        """Whether the finish reason has arrived, so that the text is complete."""
        return self._finish is not None or self._failure is not None

    @property
    def progress(self) -> int:
        """A counter of text, reasoning and the comments that servers send as keep-alives."""
        return self._chunks + self._events.comments

    @property
    def usage(self) -> Usage | None:
        """The usage of the complete call, if the provider reported it; not a running count of a stream that was cut."""
        complete = self._finish != "cut" if self.finished else self.done
        usage = self._usage if complete else None
        return with_reasoning(usage, self._reasoned) if usage and (usage.output or not self._parts) else None

    def take(self, raw: bytes | None) -> list[str]:
        """The pieces of text in these bytes. raw: None for the end of the connection."""
        data = self._buffer + (raw or b"")
        self._bytes_left -= len(raw or b"")
        if self._is_plain is None and raw is not None and BOM.startswith(data.strip()):
            self._buffer = data
            return self._cut() if self._bytes_left < 0 else []
        if self._is_plain is None:
            # No event starts like this: it is a full reply or an error, whatever its headers say.
            self._is_plain = data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")
        if self._is_plain:
            self._buffer = data
            return self._take_plain(raw is None)
        self._buffer = b""
        pieces = self._take_events(data)
        if raw is None and not self.done:
            pieces += self._take_events(None)
            return pieces + self.close()
        if self._bytes_left < 0 and not self.done:
            return pieces + self._cut()
        return pieces + (self.close() if self.done else [])

    def close(self) -> list[str]:
        """The text that was still buffered. Errors: ModelFailure, where the stream has not ended, or in an error."""
        if not self.done and not self.finished:
            raise self._broken("the stream was cut")
        if self._failure:
            self._failure.usage = self.usage
            raise self._failure
        self.done = True
        return self._keep(self._filter.feed(clean(self._characters.end())) + self._filter.end())

    def end(self) -> CompletionEnd:
        """How the completion ended. Errors: OutputFiltered or InvalidResponse, where there was no answer."""
        if self._full_reply:
            return self._full_reply.end
        if not self._parts and not self.calls:
            if self._refused or self._finish == "content_filter":
                raise OutputFiltered(filtered_by(self._refused), usage=self.usage)
            raise InvalidResponse(empty_reply_reason(self._finish, self._reasoned), usage=self.usage)
        usage = self.usage
        written = "".join(self._parts) + "".join(call.name + call.arguments for call in self.calls)
        counted = with_reasoning(usage or estimate_usage(self._request, written, self._reasoned), self._reasoned)
        finish = "content_filter" if self._refused else self._finish or "stop"
        # With reasoning in the text, the logprobs are not those of the answer.
        confidence = None if self._filter.found else confidence_of(self._logprobs.values)
        return CompletionEnd(finish, counted, usage is None, confidence, self._replied_as)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of a stream that has ended. Errors: InvalidResponse."""
        return self._full_reply.calls if self._full_reply else calls_of(self._call_pieces.calls, self._request)

    @property
    def _reasoned(self) -> int:
        return self._reasoning_fields + self._filter.characters

    def _take_plain(self, closed: bool) -> list[str]:
        """A full reply although a stream was requested, or chunks as JSON lines."""
        if self._bytes_left < 0:
            raise InvalidResponse("the reply is too long")
        if not closed:
            return []
        lines = self._buffer.splitlines()
        try:
            reply = parse_object(self._buffer)
        except InvalidResponse:
            if len(lines) < 2:
                raise
            return self._take_events(b"".join(line + b"\n" for line in lines)) + self.close()
        completion = parse_completion(reply, self._request, self._dialect, self._wait)
        self._full_reply, self._finish, self.done = completion, completion.end.finish, True
        self._usage = None if completion.end.estimated else completion.end.usage
        return self._keep(completion.text)

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
        if event.strip(b'"[] ').upper() == b"DONE":
            self.done = True
            return []
        body: Json = {}
        try:
            body = _object(event, self._events.kind)
            if self._events.kind == b"error":
                raise failure_in(body.get("error") or body, self._wait)
            return self._chunk(parse_chunk(body, self._wait))
        except InvalidResponse as error:
            if len(lines := event.splitlines()) > 1:
                return [piece for line in lines for piece in self._event(line)]
            raise self._broken(str(error)) from error
        except ModelFailure as error:
            return self._failed(error, usage_in(body))

    def _failed(self, error: ModelFailure, usage: Usage | None) -> list[str]:
        """Handle an error in the stream: after text, a content filter ends it, and other errors may be charged."""
        error.usage = with_reasoning(usage, self._reasoned) if usage else self.usage
        if self.started and isinstance(error, ContentFiltered):
            self._finish, self._usage, self.done = "content_filter", usage or self._usage, True
            return []
        error.may_be_charged |= self.started
        raise error

    def _chunk(self, chunk: StreamChunk) -> list[str]:
        self._finish = _worse(self._finish, chunk.finish)
        self._failure = self._failure or chunk.failure
        self._usage = chunk.usage or self._usage
        self._replied_as = self._replied_as or chunk.model
        self._refused |= chunk.refused
        self._reasoning_fields += chunk.reasoning
        # Some servers repeat the full text in the last chunk.
        text = "" if chunk.whole and self._by_delta else chunk.text
        self._by_delta |= bool(text) and not chunk.whole
        self._chunks += bool(text or chunk.reasoning or chunk.refused)
        self._logprobs.add(chunk)
        self._call_pieces.add(chunk.calls, chunk.whole)
        pieces = self._keep(self._visible(clean(self._characters.feed(text))))
        if self._reasoned > self._request.max_characters and not self.done:
            return pieces + self._cut()
        return pieces

    def _visible(self, text: str) -> str:
        unopened = self._filter.unopened
        visible = self._filter.feed(text) if text else ""
        if self.started and self._filter.unopened and not unopened:
            log.warning("llm.reasoning_shown", model=self._model, advice=SHOWN)
            raise self._broken("the text so far was reasoning without an opening tag")
        return visible

    def _keep(self, text: str) -> list[str]:
        accepted = text[: self._text_left]
        self._text_left -= len(accepted)
        if accepted:
            self._parts.append(accepted)
        if len(accepted) < len(text):
            self._cut()
        return [accepted] if accepted else []

    def _cut(self) -> list[str]:
        self.done, self._finish = True, "cut"
        return []

    def _broken(self, detail: str) -> ModelFailure:
        return (StreamInterrupted if self.started else InvalidResponse)(detail, usage=self.usage)


def _object(event: bytes, kind: bytes) -> Json:
    try:
        return parse_object(event)
    except InvalidResponse:
        if kind == b"error":
            return {"error": event.decode(errors="replace")}
        raise


def _worse(one: Finish | None, other: Finish | None) -> Finish | None:
    """Some servers send the finish reason twice; one other than "stop" wins."""
    return other if one in (None, "stop") and other else one
