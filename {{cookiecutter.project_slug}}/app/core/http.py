"""What every route shares: RFC 9457 problems, request ids, and a span, a log line and metrics per request."""

import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import cache
from secrets import token_hex
from typing import Any, TypeVar, cast

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.exceptions import HTTPException

from app.core.cancellation import was_cancelled
from app.core.errors import BadRequest, Invalid, MethodNotAllowed, NotFound, Problem, TooLarge
from app.core.field_errors import field_errors
from app.core.logging import log_failure
from app.core.problems import problem_response
from app.core.telemetry import current_trace_id, histogram, mark_failed, span, untraced

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

T = TypeVar("T")

_seconds = histogram("app_http_request_seconds", "Time until the last byte left.", ["method", "route", "status"])
_seconds_of = cache(_seconds.labels)

current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being processed; None outside of one."""

_facts: ContextVar[dict[str, Any] | None] = ContextVar("request_facts", default=None)

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_OTHER_METHOD = "_OTHER"
_QUIET = {"/health/live", "/health/ready", "/metrics"}


def provided(kind: type[T]) -> Any:
    """A FastAPI dependency: the service object of type `kind` that wiring built."""

    async def find(request: Request) -> T:  # FastAPI runs a plain function in a thread
        service: T = request.app.state.provided[kind]
        return service

    return Depends(find)


def note_in_log(facts: Mapping[str, Any]) -> None:
    """Adds facts to the log line that the current request ends with; without one it has no effect. Never user text."""
    noted = _facts.get()
    if noted is not None:
        noted.update(facts)


def request_id_of(request: Request) -> str:
    request_id: str = request.scope.get("request_id", "")
    return request_id


def install_problem_handlers(app: FastAPI) -> None:
    def answer(request: Request, problem: Problem) -> Response:
        return problem_response(problem, request_id_of(request), request.url.path)

    async def on_problem(request: Request, error: Exception) -> Response:
        return answer(request, cast(Problem, error))

    async def on_invalid(request: Request, error: Exception) -> Response:
        return answer(request, _invalid(cast(RequestValidationError, error)))

    async def on_http(request: Request, error: Exception) -> Response:
        raised = cast(HTTPException, error)
        response = answer(request, _from_status(raised, request))
        for name, value in (raised.headers or {}).items():
            with contextlib.suppress(UnicodeEncodeError):
                response.headers.setdefault(name, value)
        return response

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _invalid(error: RequestValidationError) -> Problem:
    errors = field_errors(error)
    first = errors[0]
    if first["kind"] == "json_invalid":
        return BadRequest(f"The body is not valid JSON: {first['message']}.")
    if isinstance(error.body, bytes) and first["field"] == "body":
        return Invalid(
            "The body is not read as JSON, because the header Content-Type does not name it.",
            action="Send the header Content-Type: application/json.",
            errors=errors,
        )
    return Invalid(
        f"{first['field']}: {first['message']}.",
        action="Correct the fields named in 'errors'.",
        errors=errors,
    )


def _from_status(error: HTTPException, request: Request) -> Problem:
    if error.status_code == 404:
        return NotFound(f"There is nothing at {request.url.path}.", action="See /docs for the addresses that exist.")
    if error.status_code == 405:
        return MethodNotAllowed(f"{request.url.path} does not support {request.method}.")
    if error.status_code == 413:
        return TooLarge(str(error.detail))
    return BadRequest(str(error.detail))


class Closed:
    """ASGI middleware: rejects every request except to `open_paths` while `why` returns a problem."""

    def __init__(self, app: App, why: Callable[[], Problem | None], open_paths: Collection[str]) -> None:
        self.app, self.why, self.open_paths = app, why, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self.why()) and scope["path"] not in self.open_paths:
            await problem_response(problem, scope.get("request_id", ""), scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Observed:
    """ASGI middleware: gives every request an id, a span, a log line and metrics.

    Any exception, also one raised while an error is reported, ends as a problem with a log line.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = name_request(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        current_request_id.set(request_id)
        facts: dict[str, Any] = {}
        _facts.set(facts)
        started = time.perf_counter()
        status = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        with _server_span(scope) as current:
            facts["trace_id"] = current_trace_id()
            try:
                await self.app(scope, receive, watched)
            except BaseException as error:  # a SystemExit in a request must not end the process
                if was_cancelled(error):
                    raise
                log_failure(log, "core.request_failed", error)
                with contextlib.suppress(Exception):
                    mark_failed(current, error)
                if status:
                    raise ResponseAborted(type(error).__name__) from None
                await problem_response(Problem(), request_id, scope["path"])(scope, receive, watched)
            route = getattr(scope.get("route"), "path", UNMATCHED)
            if current.is_recording():
                _describe_response(current, scope, route, status)
        seconds = time.perf_counter() - started
        _seconds_of(_method_of(scope), route, str(status)).observe(seconds)
        if scope["path"] not in _QUIET:
            with contextlib.suppress(Exception):  # the reply is sent; a failure to log must not fail the request
                log.info(
                    "core.request_completed",
                    method=scope["method"],
                    route=route,
                    status=status,
                    ms=round(seconds * 1000, 2),
                    **facts,
                )


def _method_of(scope: Scope) -> str:
    """The method as telemetry names it: one of few, whatever a caller sends."""
    method = str(scope["method"])
    return method if method in _METHODS else _OTHER_METHOD


def _span_name(scope: Scope) -> str:
    method = _method_of(scope)
    return "HTTP" if method == _OTHER_METHOD else method


def _server_span(scope: Scope) -> AbstractContextManager[Span]:
    """The span of a request, by the stable conventions for HTTP. Checks of health and scrapes are not traced.

    Without query, address and user agent of the caller: they may hold texts and personal data.
    """
    if scope["path"] in _QUIET:
        return untraced()
    host, port = scope.get("server") or (None, None)
    server = {"server.address": host, "server.port": port} if host and port else {}
    attributes = {
        "http.request.method": _method_of(scope),
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
        **server,
    }
    return span(_span_name(scope), SpanKind.SERVER, header_of(scope, b"traceparent"), **attributes)


def _describe_response(current: Span, scope: Scope, route: str, status: int) -> None:
    if route != UNMATCHED:
        current.update_name(f"{_span_name(scope)} {route}")
        current.set_attribute("http.route", route)
    current.set_attribute("http.response.status_code", status)
    if status >= 500:
        current.set_attribute("error.type", str(status))
        current.set_status(Status(StatusCode.ERROR))


class ResponseAborted(Exception):
    """A response that has started cannot be finished; the server closes the connection."""


def name_request(scope: Scope) -> str:
    """The id of a request, assigned on the first call: the caller's own if it is safe to log, or a new one."""
    if assigned := scope.get("request_id"):
        return str(assigned)
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    scope["request_id"] = safe_request_id(sent) or token_hex(16)
    return str(scope["request_id"])


def safe_request_id(sent: bytes | None) -> str | None:
    """The id that a caller sent, if it is safe to log."""
    text = sent.decode("latin-1") if sent else ""
    return text if _SAFE_ID.fullmatch(text) else None


def header_of(scope: Scope, header: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == header), None)
