import contextlib
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from app.core.options import LogFormat
from app.core.redaction import MaskText, Remembered, redact, redact_member
from app.core.telemetry import current_trace_id
from app.core.text import safe_str

_AS_THEY_ARE = frozenset({"level", "timestamp", "trace_id", "exc_info", "stack_info", "_record", "_from_structlog"})
_OWN_IDS = frozenset({"key_id", "tenant_id", "tenant_hash", "answer_id", "release_id", "review_id"})
"""Ids of the service's own. `request_id` may be a caller's, so that it could be a credential; personal
data it is not.
"""


def _trace_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        event["trace_id"] = trace_id
    return event


def _json(event: dict[str, Any], default: Any = str, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except Exception:  # a lone surrogate, a number too large, a value that cannot be encoded
        return orjson.dumps({safe_str(name): safe_str(value) for name, value in event.items()}).decode()


_FEW_VALUES = frozenset({"event", "method", "route", "environment", "arm", "answer_status", "model"})
"""Members whose values come again and again, so that what becomes of each is remembered."""


@dataclass(frozen=True)
class _Redaction:
    """The event without credentials, and with `mask` applied to its texts. A value that is no text is written as one,
    so that its form is known here.
    """

    mask: MaskText
    _remembered: Remembered = field(default_factory=Remembered)

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: self._value(name, value) for name, value in event.items()}

    def _value(self, name: str, value: object) -> object:
        if value is None or isinstance(value, (bool, int, float)) or name in _AS_THEY_ARE or name in _OWN_IDS:
            return value
        if name == "request_id":
            return redact(safe_str(value))
        if name in _FEW_VALUES and isinstance(value, str):
            return self._remembered.member(name, value, self.mask)
        return self._masked(name, value)

    def _masked(self, name: str, value: object) -> object:
        if isinstance(value, (str, Mapping, list, tuple, set, frozenset)):
            return redact_member(name, value, self.mask)
        return self.mask(redact(safe_str(value)))


def log_failure(logger: Any, event: str, error: BaseException, **facts: Any) -> None:
    """Log an error with its traceback. Never raises, even if logging itself is broken."""
    try:
        logger.error(event, exc_info=error, **facts)
    except Exception as broken:
        _write_to_stderr(event, type(error).__name__, type(broken).__name__, facts)


def _write_to_stderr(event: str, error: str, broken: str, facts: Mapping[str, Any]) -> None:
    with contextlib.suppress(Exception):
        line = {"level": "error", "event": event, "error": error, "logging_failed": broken}
        bound = structlog.contextvars.get_contextvars()
        sys.stderr.write(redact(_json({**line, **bound, **facts})) + "\n")


def configure_logging(level: str, style: LogFormat, mask: MaskText = str) -> None:
    """Write every log line, the libraries' too, as one JSON object or one readable line to standard error.

    Lines have colours on a terminal, unless NO_COLOR is set (https://no-color.org), and none in files and pipes.
    mask: what is done to every text of a line, tracebacks included.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_id,
    ]
    # A plain traceback: the pretty one prints local variables, which contain text of users.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
    )
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json) if style == "json" else console
    )
    tail: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, _Redaction(mask), last]
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelName(level), logging.WARNING))
