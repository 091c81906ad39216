"""Traces and metrics. The packages declare their instruments here; wiring decides where the data goes."""

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from app.core.listening import refusals
from app.core.options import SamplerName, TraceTarget
from app.core.redaction import MaskText, Remembered, redact, redact_member

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics import MeterProvider

T = TypeVar("T")
MakeSession = Callable[[], Any]
"""Makes the HTTP session of an exporter, a requests.Session."""

CONVENTIONS = "https://opentelemetry.io/schemas/1.41.1"
"""The semantic conventions that the names of attributes follow; app.core.genai and app.core.http hold them."""
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_ids = RandomIdGenerator()
_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer = trace.NoOpTracer()
_provider: TracerProvider | None = None
_metrics: "MeterProvider | None" = None
_content = False
_root: ContextVar[trace.Span] = ContextVar("root_span", default=trace.INVALID_SPAN)


def configure_tracing(
    target: TraceTarget,
    sample: float,
    service: str,
    version: str,
    endpoint: str | None,
    named: str | None = None,
    mask: MaskText = str,
    *,
    sampler: SamplerName | None = None,
    sampler_arg: float | None = None,
    content: bool = False,
    session: MakeSession | None = None,
) -> None:
    """Send spans nowhere, to standard output or to an OTLP collector; trace ids exist in every case.

    sample: the share of traces recorded, by head-based sampling. service: the name where
    neither `named` nor OTEL_RESOURCE_ATTRIBUTES gives another. mask: what is done to every text of a span.
    sampler, sampler_arg: as OTEL_TRACES_SAMPLER names them, instead of `sample`. content: whether spans have questions,
    answers and prompts. session: makes the HTTP session of the exporter to a collector.
    """
    global _tracer, _provider, _content
    shutdown_tracing()
    _content = content and target != "none"
    if target == "none":
        _tracer = _IdsOnly()
        return
    _provider = TracerProvider(
        sampler=_sampler(sampler, sampler_arg, sample),
        resource=_resource(service, version, named),
        shutdown_on_exit=False,
    )
    if exporter := _exporter(target, endpoint, session):
        _provider.add_span_processor(BatchSpanProcessor(RedactingExporter(exporter, mask)))
    _tracer = _provider.get_tracer("app", version, CONVENTIONS)


class _IdsOnly(trace.NoOpTracer):
    """Gives every trace an id and records nothing; also where OTEL_SDK_DISABLED makes the SDK give none."""

    def start_span(self, name: str, context: Context | None = None, *_: Any, **__: Any) -> trace.Span:
        parent = trace.get_current_span(context).get_span_context()
        trace_id = parent.trace_id if parent.is_valid else _ids.generate_trace_id()
        own = trace.SpanContext(trace_id, _ids.generate_span_id(), is_remote=False, trace_state=parent.trace_state)
        return trace.NonRecordingSpan(own)


def _sampler(name: SamplerName | None, argument: float | None, sample: float) -> Sampler:
    ratio = TraceIdRatioBased(sample if argument is None else argument)
    bases = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF, "traceidratio": ratio}
    base = bases[name.removeprefix("parentbased_")] if name else TraceIdRatioBased(sample)
    return base if name in bases else ParentBased(base)


def configure_metrics(
    target: TraceTarget, service: str, version: str, named: str | None = None, session: MakeSession | None = None
) -> "Meter | None":
    """Send the metrics of OpenTelemetry to a collector or to standard output; the meter to record them with, or None.

    Prometheus reads the service's own metrics, which do not depend on this. OTEL_EXPORTER_OTLP_* say where they go, and
    OTEL_METRIC_EXPORT_INTERVAL how often.
    """
    global _metrics
    if target == "none":
        return None
    # Imported late: most processes export none.
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter, PeriodicExportingMetricReader

    exporter: MetricExporter = ConsoleMetricExporter(out=sys.stdout)
    if target == "otlp":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        exporter = OTLPMetricExporter(session=session() if session else None)
    reader = PeriodicExportingMetricReader(exporter)
    _metrics = MeterProvider([reader], resource=_resource(service, version, named), shutdown_on_exit=False)
    return _metrics.get_meter("app", version, CONVENTIONS)


def _resource(service: str, version: str, named: str | None) -> Resource:
    ours = Resource.create({"service.name": service, "service.version": version})
    merged = ours.merge(OTELResourceDetector().detect())
    return merged.merge(Resource({"service.name": named})) if named else merged


class RedactingExporter(SpanExporter):
    """Exports spans without credentials in names, attributes, events and status, and with `mask` applied to them."""

    def __init__(self, exporter: SpanExporter, mask: MaskText = str) -> None:
        self._exporter, self._mask = exporter, mask
        self._remembered = Remembered()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._redacted(each) for each in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        status = span.status
        return ReadableSpan(
            self._short(span.name),
            span.context,
            span.parent,
            span.resource,
            self._attributes(span.attributes),
            [Event(self._short(each.name), self._attributes(each.attributes), each.timestamp) for each in span.events],
            span.links,
            span.kind,
            status=trace.Status(status.status_code, self._text(status.description) if status.description else None),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _text(self, text: str) -> str:
        return self._mask(redact(text))

    def _attributes(self, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        return {self._short(name): self._value(name, value) for name, value in (attributes or {}).items()}

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self._remembered.member(name, value, self._mask)
        return redact_member(name, value, self._mask)

    def _short(self, text: str) -> str:
        """A name, of which there are few."""
        return str(self._remembered.member("", text, self._mask))


def _exporter(target: TraceTarget, endpoint: str | None, session: MakeSession | None) -> SpanExporter | None:
    if target == "console":
        return ConsoleSpanExporter(out=sys.stdout)
    if target == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, session=session() if session else None)
    return None


def shutdown_tracing() -> None:
    """Flush the pending spans and metrics, and stop tracing."""
    global _provider, _tracer, _metrics
    if _provider:
        _provider.shutdown()
    if _metrics:
        _metrics.shutdown()
    _provider, _tracer, _metrics = None, trace.NoOpTracer(), None


def span(
    name: str,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    traceparent: str | None = None,
    **attributes: Any,
) -> AbstractContextManager[trace.Span]:
    """Record a step as a span; an exception marks it as failed and propagates. Never put user text into attributes.

    traceparent: the W3C header of the caller, whose trace is continued.
    """
    parent = trace.get_current_span()
    if _is_unsampled(parent):
        return nullcontext(parent)
    context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    return _recorded(_tracer.start_span(name, context, kind, attributes or None), parent)


def _is_unsampled(parent: trace.Span) -> bool:
    """Whether it belongs to a trace that is not sampled: spans within would only cost time."""
    return not parent.is_recording() and parent.get_span_context().is_valid


@contextmanager
def _recorded(current: trace.Span, parent: trace.Span) -> Iterator[trace.Span]:
    if not parent.get_span_context().is_valid:
        _root.set(current)
    token = attach(trace.set_span_in_context(current))
    try:
        yield current
    except Exception as error:
        mark_failed(current, error)
        raise
    finally:
        detach(token)
        current.end()


def start_span(
    name: str, kind: trace.SpanKind = trace.SpanKind.INTERNAL, attributes: Mapping[str, Any] | None = None
) -> trace.Span:
    """Start a span that lasts across the yields of a generator: it does not become current, and the caller ends it."""
    parent = trace.get_current_span()
    return parent if _is_unsampled(parent) else _tracer.start_span(name, kind=kind, attributes=attributes)


@contextmanager
def untraced() -> Iterator[trace.Span]:
    """Nothing in the block is recorded, nor begins a trace that is."""
    nowhere = trace.SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False)
    current = trace.NonRecordingSpan(nowhere)
    with within(current):
        yield current


async def spanned(current: trace.Span, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items, each produced with the span as the current one; the span ends with them."""
    try:
        async with aclosing(items):
            while True:
                with within(current):
                    item = await anext(items, None)
                if item is None:
                    return
                yield item
    except Exception as error:
        mark_failed(current, error)
        raise
    finally:
        current.end()


@contextmanager
def within(current: trace.Span) -> Iterator[None]:
    """Make a span from start_span the current one; the block must not yield."""
    token = attach(trace.set_span_in_context(current))
    try:
        yield
    finally:
        detach(token)


def annotate(**attributes: Any) -> None:
    """Set attributes of the current span, if it is recorded. Never user text."""
    current = trace.get_current_span()
    if current.is_recording():
        current.set_attributes(attributes)


def annotate_root(attributes: Mapping[str, Any]) -> None:
    """Set attributes of the first span of this process in the current trace, if it is recorded. Never user text."""
    root = _root.get()
    if root.is_recording():
        root.set_attributes(attributes)


def captures_content() -> bool:
    """Whether spans may have texts of users and documents."""
    return _content


def recording() -> bool:
    """Whether a span started here would be recorded; False in a trace that is not sampled."""
    return not _is_unsampled(trace.get_current_span())


def mark_failed(failed: trace.Span, error: BaseException) -> None:
    """Mark a span as failed, with the type of the error only: its message may quote a user."""
    failed.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
    failed.set_attribute("error.type", type(error).__name__)


def traceparent() -> str | None:
    """The W3C header that propagates this trace to another service; None outside of any span."""
    context = trace.get_current_span().get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}" if context.is_valid else None


def current_trace_id() -> str:
    """32 hex digits, or an empty string outside of any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_id else ""


@contextmanager
def metrics_served(host: str, port: int, setting: str) -> Iterator[int]:
    """Serve this process's metrics over HTTP from a thread; yields the port. For processes without an HTTP server.

    port: 0 for any free one. Errors: StartRefused, naming `setting` where the port is taken.
    """
    with refusals(host, port, setting):
        server, thread = start_http_server(port, host)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, text, labels)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, text, labels)


def histogram(
    name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
) -> Histogram:
    return Histogram(name, text, labels, buckets=buckets)
