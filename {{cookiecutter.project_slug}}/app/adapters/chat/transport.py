from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

CONNECT_SECONDS = 2.0
KEEP_SECONDS = 15.0

_reused: ContextVar[list[bool] | None] = ContextVar("reused", default=None)


class Reuse:
    """Tells whether the call inside the block went out on a connection that had served another one before."""

    def __enter__(self) -> "Reuse":
        self._seen: list[bool] = []
        self._token = _reused.set(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        _reused.reset(self._token)

    def __bool__(self) -> bool:
        return bool(self._seen)


async def _on_reuse(_: aiohttp.ClientSession, __: SimpleNamespace, ___: Any) -> None:
    seen = _reused.get()
    if seen is not None:
        seen.append(True)


def make_transport(connections: int = 100) -> AiohttpTransport:
    """httpx's transport over aiohttp: httpx's own pool costs more CPU the more connections are open.

    Used without a client, whose cookies, redirects and address parsing no call to a model needs.
    Must be closed by its owner.
    """

    def session() -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_on_reuse)
        connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing])

    return AiohttpTransport(client=session, trust_env=False)


def make_client(connections: int = 100) -> httpx.AsyncClient:
    """A whole client over that transport."""
    return httpx.AsyncClient(transport=make_transport(connections), trust_env=False)
