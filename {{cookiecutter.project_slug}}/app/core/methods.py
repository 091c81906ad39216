"""HEAD and OPTIONS on every path, which FastAPI leaves out."""

from collections.abc import Callable, Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from app.core.http import App, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadAndOptions:
    """ASGI middleware: HEAD is answered as GET without the body, OPTIONS with the methods that a path has.

    routes: those of the application. A path that has no GET, or does not exist, is left to the application.
    """

    def __init__(self, app: App, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and self._has(scope, "GET"):
            await self._head(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS" and (methods := self._methods(scope)):
            await Response(status_code=204, headers={"allow": ", ".join(sorted(methods))})(scope, receive, send)
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

    def _methods(self, scope: Scope) -> set[str]:
        """The methods of the path; none where it does not exist."""
        found = {method for method in METHODS if self._has(scope, method)}
        if not found:
            return found
        return found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())

    def _has(self, scope: Scope, method: str) -> bool:
        asked = {**scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in self.routes())
