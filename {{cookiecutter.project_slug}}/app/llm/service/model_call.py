"""The span and metrics of one call to a model, the same for a plain reply and a stream."""

import asyncio
import time
from contextlib import AbstractContextManager
from functools import lru_cache
from types import TracebackType
from typing import Any

from app.core.telemetry import counter, histogram, mark_failed, start_span, within
from app.llm.domain.errors import ModelFailure, OutputFiltered
from app.llm.domain.messages import CompletionEnd

CALLS = counter("app_model_calls_total", "Calls to models, by how they ended", ("model", "outcome"))
SECONDS = histogram("app_model_seconds", "Time of one call to a model", ("model",))


class ModelCall:
    """A context manager around one call. It may span the yields of a stream, whose generator may be closed in another
    task: its span is the current one only inside `current`.
    """

    def __init__(self, model: str, number: int) -> None:
        self._model, self._began = model, time.perf_counter()
        self._span = start_span("model.complete", model=model, attempt=number)
        self._ending: CompletionEnd | None = None

    def __enter__(self) -> "ModelCall":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A reader that disconnects after the end leaves no unfinished call.
        self._end(None if self._ending else error)

    def current(self) -> AbstractContextManager[None]:
        return within(self._span)

    def first_piece(self, piece: str | CompletionEnd) -> None:
        """Record the time to the first piece of a stream."""
        if isinstance(piece, CompletionEnd):
            self.completed(piece)
        self._span.set_attribute("first_token_seconds", round(time.perf_counter() - self._began, 6))

    def completed(self, ending: CompletionEnd) -> None:
        self._ending = ending
        self._span.set_attributes(
            {
                "finish": ending.finish,
                "input_tokens": ending.usage.input,
                "output_tokens": ending.usage.output,
                "usage_estimated": ending.estimated,
            }
        )

    def _end(self, error: BaseException | None) -> None:
        if self._ending and self._ending.finish == "content_filter":
            error = OutputFiltered()
        outcome = _outcome(error)
        self._span.set_attribute("outcome", outcome)
        if isinstance(error, Exception):
            mark_failed(self._span, error)
        self._span.end()
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
