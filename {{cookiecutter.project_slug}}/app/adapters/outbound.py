"""Outgoing HTTP. Every client is made here, so that each call honours the proxies and authorities of the settings."""

import ssl
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import httpx
import structlog
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from app.core.outbound import DIRECT, OutboundRules

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 2.0
KEEP_SECONDS = 15.0
BROKEN = (httpx.HTTPError, aiohttp.ClientError, OSError)
"""Errors of an outgoing call that got no reply, or a part of one."""
NOT_SENT = (
    httpx.ConnectError,
    httpx.ProxyError,
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)
"""Those of them before the request was sent."""

NO_COOKIES = DefaultCookiePolicy(allowed_domains=())
"""Of a client of many callers: what one call was given is sent with no other."""

log = structlog.get_logger(__name__)

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


def was_sent(error: BaseException) -> bool:
    """Whether a failed request may have reached its target; not where no connection came about."""
    return not any(isinstance(each, NOT_SENT) for each in _causes(error))


def failure_reason(error: BaseException) -> str:
    """Why a call failed, in words without its address, which may contain a secret."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            return f"its certificate is not trusted ({_certificate_error(each)}); see APP_CA_FILE"
        if isinstance(each, aiohttp.ClientHttpProxyError):
            return f"the proxy refused the connection with status {each.status}"
        if isinstance(each, aiohttp.ClientProxyConnectionError):
            return "the proxy cannot be reached"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """httpx raises the same error for several of aiohttp, which is its cause."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _certificate_error(error: BaseException) -> str:
    original = getattr(error, "certificate_error", error)
    return str(getattr(original, "verify_message", "") or type(original).__name__)


def _is_about_the_network(error: BaseException) -> bool:
    return failure_reason(error) != type(error).__name__


@lru_cache(maxsize=8)
def tls_of(rules: OutboundRules) -> ssl.SSLContext | Literal[True]:
    """Which authorities are trusted: those of the system or of SSL_CERT_FILE, and those of the rules. True: the first
    of them only.
    """
    if rules.ca_file is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=rules.ca_file)
    return context


class OutboundTransport(httpx.AsyncBaseTransport):
    """An httpx transport over aiohttp: the CPU cost of httpx's own pool grows with the number of open connections.

    Used without a client: no call to a model needs cookies, redirects or URL parsing. Must be closed by its owner.
    """

    def __init__(self, rules: OutboundRules, connections: int) -> None:
        self._rules, self._connections, self._tls = rules, connections, tls_of(rules)
        self._direct = self._new_transport(None)
        self._through = {proxy: self._new_transport(_parsed_proxy(proxy)) for proxy in rules.proxies}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._transport_for(request).handle_async_request(request)
        except BROKEN as error:
            if _is_about_the_network(error):
                log.warning("core.outgoing_call_failed", host=request.url.host, reason=failure_reason(error))
            raise

    async def aclose(self) -> None:
        for transport in (self._direct, *self._through.values()):
            await transport.aclose()

    def _transport_for(self, request: httpx.Request) -> AiohttpTransport:
        if not self._through:
            return self._direct
        url = request.url
        proxy = self._rules.proxy_for(url.scheme, url.host, url.port)
        return self._through[proxy] if proxy else self._direct

    def _new_transport(self, proxy: httpx.Proxy | None) -> AiohttpTransport:
        def session() -> aiohttp.ClientSession:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_reuseconn.append(_on_reuse)
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_SECONDS, ssl=self._tls)
            return aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing]
            )

        # The library makes a context of its own otherwise, which the session does not use.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._tls is True else self._tls
        return AiohttpTransport(client=session, verify=verify, trust_env=False, proxy=proxy)


def make_transport(connections: int = 100, rules: OutboundRules = DIRECT) -> OutboundTransport:
    """A transport for calls without a client."""
    return OutboundTransport(rules, connections)


def make_client(
    connections: int = 100,
    rules: OutboundRules = DIRECT,
    *,
    seconds: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """An httpx client, without redirects and cookies. seconds: of each step of a request; None: only to connect is
    limited. transport: in place of its own, for tests.
    """
    timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS if seconds is None else seconds)
    own = transport or make_transport(connections, rules)
    return httpx.AsyncClient(transport=own, timeout=timeout, trust_env=False, cookies=CookieJar(NO_COOKIES))


def single_use_session(
    rules: OutboundRules, resolver: AbstractResolver | None, connect_seconds: float, read_bytes: int
) -> aiohttp.ClientSession:
    """A session for one request: no redirects, no cookies, no headers of its own. resolver: None for the usual one."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, force_close=True, ssl=tls_of(rules)),
        timeout=aiohttp.ClientTimeout(sock_connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=read_bytes,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
        trust_env=False,
    )


def proxy_options(proxy: str | None) -> dict[str, Any]:
    """The arguments of a request of such a session that send it through a proxy."""
    if proxy is None:
        return {}
    parsed = _parsed_proxy(proxy)
    return {"proxy": str(parsed.url), "proxy_headers": parsed.headers}


def _parsed_proxy(address: str) -> httpx.Proxy:
    """aiohttp sends the header as the one for proxies, with a tunnel and without."""
    proxy = httpx.Proxy(address)
    if proxy.auth is None:
        return proxy
    return httpx.Proxy(proxy.url, headers={"authorization": aiohttp.encode_basic_auth(*proxy.auth)})


def make_requests_session(rules: OutboundRules) -> "requests.Session":
    """For the exporters of OpenTelemetry, which use this library."""
    # Imported late: only processes that export traces or metrics need it.
    import requests
    from requests.adapters import HTTPAdapter

    own = tls_of(rules)
    context = ssl.create_default_context() if own is True else own

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
            super().init_poolmanager(*arguments, **named, ssl_context=context)

        def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
            return super().proxy_manager_for(*arguments, **named, ssl_context=context)

        def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
            url = httpx.URL(request.url or "")
            proxy = rules.proxy_for(url.scheme, url.host, url.port)
            named["proxies"] = {url.scheme: proxy} if proxy else {}
            return super().send(request, *arguments, **named)

    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(NO_COOKIES)
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session
