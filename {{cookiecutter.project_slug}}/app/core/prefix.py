"""The service under a prefix of paths, behind a proxy that leaves the prefix on or takes it off."""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from app.core.http import App, Receive, Scope, Send


def without_prefix(path: str, prefix: str) -> str:
    """The path within the service. One that is not under the prefix is left as it is."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


class UnderPrefix:
    """ASGI middleware, the outermost: takes the prefix off paths, and puts it on redirects to paths."""

    def __init__(self, app: App, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def prefixed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [self._header(*header) for header in message.get("headers", ())]
            await send(message)

        path = scope["path"]
        if (inner := without_prefix(path, self.prefix)) != path:
            scope = {**scope, "path": inner, "raw_path": scope.get("raw_path", b"")[len(self.prefix) :] or b"/"}
        await self.app(scope, receive, prefixed)

    def _header(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name != b"location":
            return name, value
        parts = urlsplit(value.decode("latin-1"))
        if not parts.path.startswith("/") or parts.path.startswith(f"{self.prefix}/"):
            return name, value
        return name, parts._replace(path=self.prefix + parts.path).geturl().encode("latin-1")
