"""Spans as OTLP messages, for less processor time than the library's own encoder takes: it was half of what a trace
costs. The messages are equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_any_spans
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT


def encode_quickly() -> None:
    """Makes every exporter of traces over HTTP use `encode_spans`."""
    trace_exporter.encode_spans = encode_spans  # type: ignore[attr-defined]


def encode_spans(sdk_spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """Spans of one tracer, in order. Messages are built in place: one that is passed to another is copied."""
    try:
        return _encoded(sdk_spans)
    except (TypeError, ValueError):  # a value that spans of this service do not have; the library leaves it out
        return encode_any_spans(sdk_spans)


def _encoded(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    request = encode_any_spans(spans[:1])
    if spans:
        [resource] = request.resource_spans
        [scope] = resource.scope_spans
        for each in spans[1:]:
            _fill(scope.spans.add(), each)
    return request


def _fill(message: Any, span: ReadableSpan) -> None:
    """message: a Span of OTLP, empty."""
    if span.events or span.links or (span.context and span.context.trace_state):
        message.CopyFrom(encode_any_spans([span]).resource_spans[0].scope_spans[0].spans[0])
        return
    context, parent, status = span.context or INVALID_SPAN_CONTEXT, span.parent, span.status
    message.trace_id = context.trace_id.to_bytes(16, "big")
    message.span_id = context.span_id.to_bytes(8, "big")
    message.flags = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
    if parent:
        message.parent_span_id = parent.span_id.to_bytes(8, "big")
        message.flags |= parent.is_remote and SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    message.name = span.name
    message.kind = span.kind.value + 1
    message.start_time_unix_nano, message.end_time_unix_nano = span.start_time or 0, span.end_time or 0
    message.status.code = status.status_code.value
    if status.description:
        message.status.message = status.description
    _add(message.attributes, span.attributes or {})


def _add(members: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        _set(members.add(key=name).value, value)


def _set(message: AnyValue, value: Any) -> None:
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, (list, tuple)):
        message.array_value.SetInParent()
        for each in value:
            _set(message.array_value.values.add(), each)
    else:
        raise TypeError(type(value).__name__)
