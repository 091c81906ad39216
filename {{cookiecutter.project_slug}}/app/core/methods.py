"""The methods of a path: HEAD and OPTIONS, which FastAPI leaves out, and 405 for those that it does not have."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from app.core.errors import MethodNotAllowed
from app.core.http import App, Receive, Scope, Send
from app.core.problems import problem_response

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadAndOptions:
    """ASGI middleware: HEAD is answered as GET without the body, OPTIONS with the methods that a path has. A path that
    a route writes out, as /v1/releases/import, is never read as the id in the path of another.

    routes: those of the application. A path that has no GET, or does not exist, is left to the application.
    """

    def __init__(self, app: App, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, own = scope["method"], self._written_out.get(scope["path"])
        if method == "HEAD" and self._has(scope, "GET"):
            await self._head(scope, receive, send)
        elif method == "OPTIONS" and (methods := self._methods(scope)):
            await Response(status_code=204, headers={"allow": _allow(methods)})(scope, receive, send)
        elif own and method not in own:
            scope["route"] = next(iter(own.values()))  # for its log line, metrics and span
            problem = MethodNotAllowed(f"{scope['path']} does not support {method}.")
            response = problem_response(problem, scope.get("request_id", ""), scope["path"])
            response.headers["allow"] = _allow(own)
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_body(message: Scope) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, without_body)
        finally:
            scope["route"] = as_get.get("route")

    @cached_property
    def _written_out(self) -> Mapping[str, Mapping[str, BaseRoute]]:
        """The methods of each path without a parameter, with their routes."""
        found: dict[str, dict[str, BaseRoute]] = {}
        for route in self.routes():
            path, methods = getattr(route, "path", "{"), getattr(route, "methods", None)
            if "{" not in path and methods:
                found.setdefault(path, {}).update(dict.fromkeys(methods, route))
        return found

    def _methods(self, scope: Scope) -> Collection[str]:
        """The methods of the path; none where it does not exist."""
        own = self._written_out.get(scope["path"])
        return own or frozenset(method for method in METHODS if self._matches(scope, method))

    def _has(self, scope: Scope, method: str) -> bool:
        own = self._written_out.get(scope["path"])
        return method in own if own else self._matches(scope, method)

    def _matches(self, scope: Scope, method: str) -> bool:
        asked = {**scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in self.routes())


def _allow(methods: Collection[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
