import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import orjson
import structlog

from app.core.telemetry import current_trace_id

LogFormat = Literal["json", "console"]


def _trace_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        event["trace_id"] = trace_id
    return event


def _json(event: dict[str, Any], default: Any = str, **_: Any) -> str:
    return orjson.dumps(event, default=default).decode()


def configure_logging(level: str, style: LogFormat) -> None:
    """Every line, ours and the libraries', leaves as one JSON object (or one readable line) on standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_id,
    ]
    # A plain traceback: the pretty one prints local variables, which hold what users wrote.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json) if style == "json" else console
    )
    tail: list[structlog.typing.Processor] = [last]
    if style == "json":
        tail = [structlog.processors.format_exc_info, last]
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
