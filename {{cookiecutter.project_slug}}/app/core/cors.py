"""Requests of web pages from other origins. Off unless APP_CORS_ORIGINS names some."""

from collections.abc import Callable, Collection, Sequence
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import Forbidden
from app.core.problems import problem_response

API_PATHS = ("/v1/", "/mcp", "/.well-known/", "/openapi.json")
"""The console is not among them: its sessions are for its own pages."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED = (
    "Idempotency-Replayed",
    "Location",
    "Mcp-Protocol-Version",
    "Mcp-Session-Id",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
PREFLIGHT_SECONDS = 600

RawHeaders = Sequence[tuple[bytes, bytes]]
OriginHeaders = Callable[[str, RawHeaders], list[tuple[bytes, bytes]]]


class OriginRefused(Forbidden):
    code, title = "origin_refused", "Pages of this origin may not call the service"
    action = "Let the operator add the origin to APP_CORS_ORIGINS."


def is_open_to_origins(path: str) -> bool:
    return path.startswith(API_PATHS)


class CrossOrigin(CORSMiddleware):
    """ASGI middleware: answers preflights before anything else looks at them, and names the origin in every response,
    problems and streams too. Without credentials: a browser never gives a page the response to a cookie.
    """

    def __init__(self, app: Callable[..., object], origins: Collection[str]) -> None:
        super().__init__(
            app,  # type: ignore[arg-type]
            allow_origins=tuple(origins),
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_credentials=False,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_open_to_origins(scope["path"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        refused = problem_response(OriginRefused(bytes(response.body).decode() + "."), uuid4().hex, "")
        refused.headers.update({name: value for name, value in response.headers.items() if _is_about_origins(name)})
        return refused


def _is_about_origins(name: str) -> bool:
    return name == "vary" or name.startswith("access-control-")


def no_origin_headers(_: str, __: RawHeaders) -> list[tuple[bytes, bytes]]:
    return []


def origin_headers(origins: Collection[str]) -> OriginHeaders:
    """The headers of a response that is written before any middleware runs, by path and headers of its request."""
    allowed = frozenset(origin.encode() for origin in origins)
    exposed = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())

    def headers(path: str, sent: RawHeaders) -> list[tuple[bytes, bytes]]:
        origin = next((value for name, value in sent if name == b"origin"), None)
        if origin not in allowed or not is_open_to_origins(path):
            return []
        return [(b"access-control-allow-origin", origin), (b"vary", b"Origin"), exposed]

    return headers if allowed else no_origin_headers
