"""How this process reaches other hosts: through which proxy, and which certificate authorities it trusts."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

PORTS: Mapping[str, int] = {"https": 443, "http": 80}


@dataclass(frozen=True)
class OutboundRules:
    """https_proxy, http_proxy: the address of the proxy for targets of this scheme, None for none. no_proxy: targets
    that are reached directly, as in NO_PROXY. ca_file: authorities that are trusted besides the usual ones.
    """

    https_proxy: str | None = field(default=None, repr=False)
    http_proxy: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()
    ca_file: Path | None = None

    @property
    def proxies(self) -> frozenset[str]:
        """The addresses of all proxies that may be used."""
        return frozenset(each for each in (self.https_proxy, self.http_proxy) if each)

    def proxy_for(self, scheme: str, host: str, port: int | None = None) -> str | None:
        """The proxy for a target; None where it is reached directly, as this machine always is."""
        proxy = self.https_proxy if scheme == "https" else self.http_proxy
        if proxy is None or reached_directly(host, port or PORTS.get(scheme, 0), self.no_proxy):
            return None
        return proxy


DIRECT = OutboundRules()
"""No proxy, and the usual certificate authorities."""


@lru_cache(maxsize=1024)
def reached_directly(host: str, port: int, no_proxy: tuple[str, ...]) -> bool:
    """Whether a host is this machine or is named in `no_proxy`: by its name, which includes its sub-domains, by its
    address or network, each with a port or without; `*` names all.
    """
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost") or _is_loopback(host):
        return True
    return any(_names(entry.strip().lower(), host, port) for entry in no_proxy)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, own_port = _split(entry)
    if own_port not in (None, port):
        return False
    if (network := _network(name)) is not None:
        return _is_in(host, network)
    domain = name.removeprefix("*").lstrip(".").rstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split(entry: str) -> tuple[str, int | None]:
    """The host of an entry and its port, if it has one."""
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (name.startswith("[") or ":" not in name):
        return name.strip("[]"), int(port)
    return entry.strip("[]"), None


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None


def _is_in(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
