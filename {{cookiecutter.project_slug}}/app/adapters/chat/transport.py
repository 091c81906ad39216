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
    """Whether the request inside the block was sent over a reused connection."""

    def __enter__(self) -> "Reuse":
        self._events: list[bool] = []
        self._token = _reused.set(self._events)
        return self

    def __exit__(self, *_: object) -> None:
        _reused.reset(self._token)

    def __bool__(self) -> bool:
        return bool(self._events)


async def _on_reuse(_: aiohttp.ClientSession, __: SimpleNamespace, ___: Any) -> None:
    events = _reused.get()
    if events is not None:
        events.append(True)


def make_transport(connections: int = 100) -> AiohttpTransport:
    """An httpx transport over aiohttp: the CPU cost of httpx's own pool grows with the number of open connections.

    Used without a client: no call to a model needs cookies, redirects or URL parsing.
    Must be closed by its owner.
    """

    def session() -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_on_reuse)
        connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing])

    return AiohttpTransport(client=session, trust_env=False)


def make_client(connections: int = 100) -> httpx.AsyncClient:
    """An httpx client over that transport."""
    return httpx.AsyncClient(transport=make_transport(connections), trust_env=False)
