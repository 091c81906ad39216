"""Webhooks over HTTP to URLs that callers name, protected against SSRF."""

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
    """A resolver that rejects hosts with a private address, at the time of the connection."""

    def __init__(self, all_addresses: AbstractResolver | None = None) -> None:
        self._all = all_addresses or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._all.resolve(host, port, family)
        if private := [each["host"] for each in addresses if not is_public(each["host"])]:
            raise OSError(f"the host is at a private address ({private[0]})")
        return addresses

    async def close(self) -> None:
        await self._all.close()


@dataclass(frozen=True)
class HttpWebhookTransport:
    """A WebhookTransport over HTTP/1.1, with a new connection per request: no redirects, no proxies, no cookies."""

    seconds: float = SECONDS
    resolver: Callable[[], AbstractResolver] = PublicAddresses

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        url = URL(target.url, encoded=True)
        # IP addresses are not resolved, so that the resolver does not check them.
        if not target.private and not _is_hostname(url.host or "") and not is_public(url.host or ""):
            raise DeliveryFailed("the address is private")
        try:
            async with asyncio.timeout(self.seconds), self._session(target) as session:
                # The body of the reply is not read: only its status matters.
                reply = await session.post(url, data=body, headers=headers, allow_redirects=False)
                reply.close()
                return reply.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(_reason(error)) from error

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


def _is_hostname(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return True
    return False


def _reason(error: Exception) -> str:
    """The reason without the URL, which may contain a secret."""
    return "no reply in time" if isinstance(error, TimeoutError) else f"no reply: {type(error).__name__}"
