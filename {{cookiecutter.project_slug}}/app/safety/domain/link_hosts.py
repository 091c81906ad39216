"""The hosts that an answer may link to, and the addresses that lead there and nowhere else."""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

MAX_ADDRESS_CHARACTERS = 500

HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::\d{1,5})?"
)
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][A-Za-z0-9._~/%?#=&+,;:!$'*-]*)?")
# Of a decoded path, query or fragment: what a redirect would take as an address.
_NESTED = re.compile(
    r"//|\\|@|[\x00-\x20\x7f]|[a-z][a-z0-9+.-]*:/|\b(?:javascript|data|vbscript|mailto|blob):|\bwww\."
    r"|(?:^|[=&?#;,])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|edu|gov|io|dev|app|co|ai|me|ru|cn|info|biz|xyz|top|site"
    r"|online|example|test|invalid|local|internal)(?=[/:&?#;,]|$)|(?:^|[=&?#;,])\d{1,3}(?:\.\d{1,3}){3}(?=[/:&?#;,]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LinkHosts:
    """names: hosts in ASCII, each with a port where it is not 443. Sub-domains are hosts of their own."""

    names: tuple[str, ...] = ()

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name.removesuffix(":443") for name in self.names)

    def permits(self, address: str) -> bool:
        """Whether the address leads over https to one of the hosts, and has no user name and no other address in it."""
        if not self.names or len(address) > MAX_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(address):
            return False
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        name = f"{host}:{port}" if port not in (None, 443) else host
        return name in self._names and not _nests_address(address[len(parts.scheme) + 3 + len(parts.netloc) :])


def _nests_address(rest: str) -> bool:
    for _ in range(3):
        if _NESTED.search(rest):
            return True
        decoded = unquote(rest, errors="replace")
        if decoded == rest:
            return False
        rest = decoded
    return True
