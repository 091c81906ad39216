"""What every route shares: problems as RFC 9457, request ids, one span, one log line and one set of metrics each."""

import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, TypeVar, cast
from uuid import uuid4

import orjson
import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from opentelemetry.trace import SpanKind
from starlette.exceptions import HTTPException

from app.core.errors import BadRequest, Invalid, MethodNotAllowed, NotFound, Problem, TooLarge
from app.core.telemetry import counter, histogram, mark_failed, span

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

T = TypeVar("T")

_seconds = histogram("app_http_request_seconds", "Time until the last byte left.", ["method", "route", "status"])
_problems = counter("app_problems_total", "Requests that ended in a problem, by its code.", ["code"])

OPENAI_PATHS = ("/v1/chat/", "/v1/models")
"""Below these, clients look for what went wrong in the member `error`."""
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_BODILESS = {"GET", "HEAD", "OPTIONS"}
_QUIET = {"/health/live", "/health/ready", "/metrics"}


def provided(kind: type[T]) -> Any:
    """A dependency: the service object of type `kind`, as chosen in wiring."""

    async def find(request: Request) -> T:  # a plain function would be sent through a thread
        found: T = request.app.state.provided[kind]
        return found

    return Depends(find)


def problem_response(problem: Problem, request_id: str, instance: str) -> Response:
    body = problem.as_dict() | {"request_id": request_id, "instance": instance}
    if instance.startswith(OPENAI_PATHS):
        body["error"] = problem.as_openai()
    headers = {"retry-after": str(max(1, round(problem.retry_after)))} if problem.retry_after is not None else {}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    count_problem(problem)
    return Response(orjson.dumps(body, default=str), problem.status, headers, "application/problem+json")


def count_problem(problem: Problem) -> None:
    _problems.labels(problem.code).inc()


def request_id_of(request: Request) -> str:
    found: str = request.scope.get("request_id", "")
    return found


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
            response.headers.setdefault(name, value)
        return response

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _invalid(error: RequestValidationError) -> Problem:
    errors = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"], "kind": item["type"]}
        for item in error.errors()
    ]
    first = errors[0]
    if first["kind"] == "json_invalid":
        return BadRequest(f"The body is not valid JSON: {first['message']}.")
    return Invalid(
        f"{first['field']}: {first['message']}.",
        action="Correct the fields named in 'errors'.",
        errors=errors,
    )


def _from_status(error: HTTPException, request: Request) -> Problem:
    if error.status_code == 404:
        return NotFound(f"There is nothing at {request.url.path}.", action="See /docs for the addresses that exist.")
    if error.status_code == 405:
        return MethodNotAllowed(f"{request.url.path} does not take {request.method}.")
    if error.status_code == 413:
        return TooLarge(str(error.detail))
    return BadRequest(str(error.detail))


class BodyLimit:
    """ASGI middleware: refuses a body over the limit of its path, before it is read where its length is announced.

    limits: the most bytes by path; `most` for all others.
    """

    def __init__(self, app: App, most: int, limits: Mapping[str, int]) -> None:
        self.app, self.most, self.limits = app, most, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self.app(scope, receive, send)
            return
        most = self.limits.get(scope["path"], self.most)
        announced = _header(scope, b"content-length") or "0"
        if announced.isdecimal() and int(announced) > most:
            problem = TooLarge(_too_large(most))
            await problem_response(problem, scope.get("request_id", ""), scope["path"])(scope, receive, send)
            return
        taken = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, _too_large(most))
            return message

        await self.app(scope, counted, send)


class Closed:
    """ASGI middleware: refuses everything but `open_paths` while `why` names a problem."""

    def __init__(self, app: App, why: Callable[[], Problem | None], open_paths: Collection[str]) -> None:
        self.app, self.why, self.open_paths = app, why, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self.why()) and scope["path"] not in self.open_paths:
            await problem_response(problem, scope.get("request_id", ""), scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _too_large(most: int) -> str:
    return f"At most {most:,} bytes are taken here."


class Observed:
    """ASGI middleware: every request gets an id, a span, a log line and metrics; no error leaves as bare text."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = _header(scope, b"x-request-id")
        request_id = scope["request_id"] = given if given and _GOOD_ID.fullmatch(given) else uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        with span(scope["method"], SpanKind.SERVER, _header(scope, b"traceparent")) as current:
            try:
                await self.app(scope, receive, watched)
            except Exception as error:
                log.error("request_failed", exc_info=error)
                mark_failed(current, error)
                if status:
                    raise
                await problem_response(Problem(), request_id, scope["path"])(scope, receive, watched)
            route = getattr(scope.get("route"), "path", "unmatched")
            if current.is_recording():
                current.update_name(f"{scope['method']} {route}")
                current.set_attributes({"http.route": route, "http.response.status_code": status})
        seconds = time.perf_counter() - started
        _seconds.labels(scope["method"], route, str(status)).observe(seconds)
        if scope["path"] not in _QUIET:
            log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 2))


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)
