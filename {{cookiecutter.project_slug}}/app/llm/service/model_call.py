"""The span and metrics of one call to a model, the same for a plain reply and a stream."""

import asyncio
import time
from contextlib import AbstractContextManager
from functools import lru_cache
from types import TracebackType
from typing import Any

from app.core import genai
from app.core.genai import ModelEndpoint
from app.core.telemetry import captures_content, counter, histogram
from app.costs.domain import Usage
from app.llm.domain.errors import ModelFailure, OutputFiltered
from app.llm.domain.messages import ChatRequest, CompletionEnd

CALLS = counter("app_model_calls_total", "Calls to models, by how they ended", ("model", "outcome"))
REASONING = counter("app_model_reasoning_tokens_total", "Output tokens of reasoning, which no reader sees", ("model",))
SECONDS = histogram("app_model_seconds", "Time of one call to a model", ("model",))


class ModelCall:
    """A context manager around one call. It may span the yields of a stream, whose generator may be closed in another
    task: its span is the current one only inside `current`.
    """

    def __init__(self, endpoint: ModelEndpoint, number: int, request: ChatRequest, streamed: bool = False) -> None:
        self._model, self._began, self._request = endpoint.model, time.perf_counter(), request
        self._call = genai.chat(endpoint, attempt=number)
        self._call.requested(request.max_tokens, request.temperature, streamed)
        self._ending: CompletionEnd | None = None
        self._pieces: list[str] = []

    def __enter__(self) -> "ModelCall":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A reader that disconnects after the end leaves no unfinished call.
        self._end(None if self._ending else error)

    def current(self) -> AbstractContextManager[None]:
        return self._call.current()

    def piece(self, piece: str | CompletionEnd, first: bool = False) -> None:
        """A piece of a stream has arrived."""
        if isinstance(piece, CompletionEnd):
            if first:
                self._call.chunk(first=True)
            self.completed(piece)
            return
        self._call.chunk(first)
        if captures_content():
            self._pieces.append(piece)

    def completed(self, ending: CompletionEnd, text: str | None = None) -> None:
        """The reply has ended. text: of one that was no stream."""
        self._ending = ending
        self._call.responded(ending.finish, ending.model)
        usage = ending.usage
        if ending.estimated:
            self._call.own(estimated_input_tokens=usage.input, estimated_output_tokens=usage.output)
        else:
            self._call.used(usage.input, usage.cached_input, usage.output, usage.reasoning)
        self._reasoned(usage)
        if captures_content():
            system, *others = self._request.messages
            reply = "".join(self._pieces) if text is None else text
            self._call.content(system.text, ((each.role, each.text) for each in others), reply)

    def _reasoned(self, usage: Usage) -> None:
        if usage.reasoning:
            REASONING.labels(self._model).inc(usage.reasoning)

    def _end(self, error: BaseException | None) -> None:
        if self._ending and self._ending.finish == "content_filter":
            error = OutputFiltered()
        elif isinstance(error, OutputFiltered):
            self._call.responded("content_filter", None)
        if isinstance(error, ModelFailure) and error.usage and not self._ending:
            self._call.used(error.usage.input, error.usage.cached_input, error.usage.output, error.usage.reasoning)
            self._reasoned(error.usage)
        outcome = _outcome(error)
        self._call.own(outcome=outcome)
        self._call.end(error)
        _seconds_of(self._model).observe(time.perf_counter() - self._began)
        _calls_of(self._model, outcome).inc()


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, ModelFailure):
        return error.reason
    return "cancelled" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "error"


@lru_cache(maxsize=64)
def _seconds_of(model: str) -> Any:
    return SECONDS.labels(model)


@lru_cache(maxsize=512)
def _calls_of(model: str, outcome: str) -> Any:
    return CALLS.labels(model, outcome)
