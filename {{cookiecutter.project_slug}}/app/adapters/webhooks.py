"""Webhooks over HTTP to URLs that callers name, protected against SSRF."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.adapters.outbound import failure_reason, proxy_options, single_use_session
from app.core.outbound import DIRECT, OutboundRules
from app.webhooks.domain import DeliveryFailed, Target, is_public

CONNECT_SECONDS = 3.0
SECONDS = 8.0
READ_BYTES = 1024


class PrivateAddress(OSError):
    """A host that must be public has a private address."""


class PublicAddresses(AbstractResolver):
    """A resolver that rejects hosts with a private address, at the time of the connection."""

    def __init__(self, all_addresses: AbstractResolver | None = None) -> None:
        self._all = all_addresses or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._all.resolve(host, port, family)
        if private := [each["host"] for each in addresses if not is_public(each["host"])]:
            raise PrivateAddress(f"the host is at a private address ({private[0]})")
        return addresses

    async def close(self) -> None:
        await self._all.close()


@dataclass(frozen=True)
class HttpWebhookTransport:
    """A WebhookTransport over HTTP/1.1, with a new connection per request: no redirects, no cookies.

    Without a proxy the address that was checked is the one that is connected to. With one, a host whose name leads to
    a private address here is refused, and one whose name only the proxy knows is left to the proxy.
    """

    seconds: float = SECONDS
    resolver: Callable[[], AbstractResolver] = PublicAddresses
    rules: OutboundRules = DIRECT

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        url = URL(target.url, encoded=True)
        # IP addresses are not resolved, so that the resolver does not check them.
        if not target.private and not _is_hostname(url.host or "") and not is_public(url.host or ""):
            raise DeliveryFailed("the address is private")
        try:
            async with asyncio.timeout(self.seconds):
                return await self._send(target, url, headers, body)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(_reason(error)) from error

    async def _send(self, target: Target, url: URL, headers: Mapping[str, str], body: bytes) -> int:
        proxy = self.rules.proxy_for(url.scheme, url.host or "", url.port)
        if proxy and not target.private:
            await self._check_address(url)
        resolver = None if proxy or target.private else self.resolver()
        async with single_use_session(self.rules, resolver, CONNECT_SECONDS, READ_BYTES) as session:
            # The body of the reply is not read: only its status matters.
            options = proxy_options(proxy)
            reply = await session.post(url, data=body, headers=headers, allow_redirects=False, **options)
            reply.close()
            return reply.status

    async def _check_address(self, url: URL) -> None:
        """Errors: PrivateAddress."""
        resolver = self.resolver()
        try:
            await resolver.resolve(url.host or "", url.port or 0)
        except PrivateAddress:
            raise
        except OSError:
            return  # The name is not known here, as in many networks that have a proxy.
        finally:
            await resolver.close()


def _is_hostname(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return True
    return False


def _reason(error: Exception) -> str:
    """The reason without the URL, which may contain a secret."""
    return "no reply in time" if isinstance(error, TimeoutError) else f"no reply: {failure_reason(error)}"
