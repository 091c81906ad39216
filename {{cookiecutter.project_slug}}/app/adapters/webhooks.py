"""Webhooks over HTTP to URLs that callers name: a request reaches that host and nothing else (no SSRF)."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.webhooks.domain import DeliveryFailed, Target, is_public

CONNECT_SECONDS = 3.0
SECONDS = 8.0
READ_BYTES = 1024


class PublicAddresses(AbstractResolver):
    """Resolves to public addresses only, at the moment of the connection."""

    def __init__(self, all_addresses: AbstractResolver | None = None) -> None:
        self._all = all_addresses or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._all.resolve(host, port, family)
        if hidden := [each["host"] for each in found if not is_public(each["host"])]:
            raise OSError(f"the host is at a private address ({hidden[0]})")
        return found

    async def close(self) -> None:
        await self._all.close()


@dataclass(frozen=True)
class HttpWebhookTransport:
    """A WebhookTransport over HTTP/1.1, a connection for each request: no redirects, no proxies, no cookies."""

    seconds: float = SECONDS
    resolver: Callable[[], AbstractResolver] = PublicAddresses

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        url = URL(target.url, encoded=True)
        # An address that is a number is not looked up, so that no resolver sees it.
        if not target.private and not _named(url.host or "") and not is_public(url.host or ""):
            raise DeliveryFailed("the address is private")
        try:
            async with asyncio.timeout(self.seconds), self._session(target) as session:
                # The reply is closed unread: its status is all there is to know.
                reply = await session.post(url, data=body, headers=headers, allow_redirects=False)
                reply.close()
                return reply.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(_why(error)) from error

    def _session(self, target: Target) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=None if target.private else self.resolver(), force_close=True),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_BYTES,
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            trust_env=False,
        )


def _named(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return True
    return False


def _why(error: Exception) -> str:
    """Without the URL, which may hold a secret of the receiver."""
    return "no reply in time" if isinstance(error, TimeoutError) else f"no reply: {type(error).__name__}"
