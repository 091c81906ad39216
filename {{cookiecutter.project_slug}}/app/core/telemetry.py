"""Traces and metrics. Rooms declare their instruments here; where the data goes is wiring's choice."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

TraceTarget = Literal["none", "console", "otlp"]

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer = trace.NoOpTracer()
_provider: TracerProvider | None = None


def configure_tracing(target: TraceTarget, sample: float, service: str, version: str, endpoint: str | None) -> None:
    """Sends spans to nowhere, standard output or an OTLP collector; ids exist in every case.

    sample: the share of traces recorded, decided at the head and followed by the children.
    """
    global _tracer, _provider
    shutdown_tracing()
    sampler = ALWAYS_OFF if target == "none" else TraceIdRatioBased(sample)
    _provider = TracerProvider(
        sampler=ParentBased(sampler) if target != "none" else ALWAYS_OFF,
        resource=Resource.create({"service.name": service, "service.version": version}),
        shutdown_on_exit=False,
    )
    if exporter := _exporter(target, endpoint):
        _provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("app")


def _exporter(target: TraceTarget, endpoint: str | None) -> SpanExporter | None:
    if target == "console":
        return ConsoleSpanExporter(out=sys.stdout)
    if target == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint) if endpoint else OTLPSpanExporter()
    return None


def shutdown_tracing() -> None:
    """Sends what is still waiting and stops."""
    global _provider, _tracer
    if _provider:
        _provider.shutdown()
    _provider, _tracer = None, trace.NoOpTracer()


@contextmanager
def span(
    name: str,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    traceparent: str | None = None,
    **attributes: Any,
) -> Iterator[trace.Span]:
    """A step as a span; an exception marks it as failed and goes on. Never put user text into attributes.

    traceparent: the W3C header of a caller whose trace this continues.
    """
    parent = trace.get_current_span()
    if parent.get_span_context().is_valid and not parent.is_recording():
        # The head was not sampled: its children would only cost time.
        yield parent
        return
    context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    with _tracer.start_as_current_span(
        name, context, kind, attributes or None, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            mark_failed(current, error)
            raise


def annotate(**attributes: Any) -> None:
    """Adds to the span that is current, if it is kept. Never user text."""
    current = trace.get_current_span()
    if current.is_recording():
        current.set_attributes(attributes)


def recording() -> bool:
    """Whether a span begun here would be kept; False in a trace that was not sampled."""
    parent = trace.get_current_span()
    return parent.is_recording() or not parent.get_span_context().is_valid


def mark_failed(failed: trace.Span, error: BaseException) -> None:
    """Only the kind of the error: its message may quote a user."""
    failed.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
    failed.set_attribute("error.type", type(error).__name__)


def traceparent() -> str | None:
    """The W3C header that lets the next service continue this trace; None outside of any span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str:
    """32 hex digits, or an empty string outside of any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_id else ""


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, text, labels)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, text, labels)


def histogram(
    name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
) -> Histogram:
    return Histogram(name, text, labels, buckets=buckets)
