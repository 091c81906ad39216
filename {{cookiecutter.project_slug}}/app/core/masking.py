"""Masks what leaves in log lines and traces. The mask itself comes from a room above: core knows no personal data."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import AttributeValue

MaskText = Callable[[str], str]

# Written by the service itself, and in every line.
_OWN = frozenset({"timestamp", "level", "trace_id", "request_id"})
_MAX_DEPTH = 4


class LogMask:
    """A structlog processor that masks all texts of a log line, in lists and objects too."""

    def __init__(self, mask: MaskText) -> None:
        self._mask = mask

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            if name not in _OWN:
                event[name] = self._masked(value, _MAX_DEPTH)
        return event

    def _masked(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._mask(value)
        if depth and isinstance(value, Mapping):
            return {name: self._masked(each, depth - 1) for name, each in value.items()}
        if depth and isinstance(value, list | tuple | set | frozenset):
            return [self._masked(each, depth - 1) for each in value]
        return self._mask(str(value)) if isinstance(value, BaseException) else value


class MaskedExporter(SpanExporter):
    """Masks the texts in attributes, events and status of spans before they are exported."""

    def __init__(self, exporter: SpanExporter, mask: MaskText) -> None:
        self._exporter, self._mask = exporter, mask

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._masked(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _masked(self, span: ReadableSpan) -> ReadableSpan:
        description = span.status.description
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=[Event(each.name, self._attributes(each.attributes), each.timestamp) for each in span.events],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, self._mask(description)) if description else span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _attributes(self, attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
        return {name: self._mask(each) if isinstance(each, str) else each for name, each in (attributes or {}).items()}
