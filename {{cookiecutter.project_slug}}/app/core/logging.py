import contextlib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog

from app.core.masking import LogMask, MaskText
from app.core.options import LogFormat
from app.core.redaction import redact, redact_value
from app.core.telemetry import current_trace_id
from app.core.text import safe_str

_AS_THEY_ARE = frozenset({"level", "timestamp", "trace_id", "exc_info", "stack_info", "_record", "_from_structlog"})


def _trace_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        event["trace_id"] = trace_id
    return event


def _json(event: dict[str, Any], default: Any = str, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except Exception:  # a lone surrogate, a number too large, a value that cannot be encoded
        return orjson.dumps({safe_str(name): safe_str(value) for name, value in event.items()}).decode()


def _redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event without credentials. A value that is no text is written as one, so that its form is known here."""
    return {name: _redacted_value(name, value) for name, value in event.items()}


def _redacted_value(name: str, value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)) or name in _AS_THEY_ARE:
        return value
    if isinstance(value, (str, Mapping, list, tuple, set, frozenset)):
        return redact_value({name: value})[name]
    return redact(safe_str(value))


def _redacted_line(_: Any, __: str, line: Any) -> str:
    """The finished line, whose traceback may quote a text."""
    return redact(str(line))


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


def configure_logging(level: str, style: LogFormat, mask: MaskText | None = None) -> None:
    """Write every log line, the libraries' too, as one JSON object or one readable line to standard error.

    mask: what is done to every text of a line, tracebacks included.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_id,
    ]
    # A plain traceback: the pretty one prints local variables, which contain text of users.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json) if style == "json" else console
    )
    tail: list[structlog.typing.Processor] = [_redacted, *([LogMask(mask)] if mask else []), last, _redacted_line]
    if style == "json" or mask:
        tail.insert(0, structlog.processors.format_exc_info)
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
