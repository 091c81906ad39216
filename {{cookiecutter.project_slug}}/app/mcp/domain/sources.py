"""From where a request to the MCP server may come, against pages that make a browser call it."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.errors import Forbidden

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
METADATA_PATH = "/.well-known/oauth-protected-resource"


class OriginNotAllowed(Forbidden):
    code, title = "origin_not_allowed", "A page of this origin may not use the tools"
    action = "Name the origin in APP_MCP_ORIGINS if the page is trusted; programs send no header Origin."


class HostNotAllowed(Forbidden):
    code, title = "host_not_allowed", "The tools are not served under this host name"
    action = "Name the host in APP_MCP_HOSTS, or set APP_PUBLIC_URL to the address that clients use."


@dataclass(frozen=True, slots=True)
class AllowedSources:
    """hosts, origins: besides the names of this machine and the public address."""

    hosts: Collection[str] = ()
    origins: Collection[str] = ()
    public_url: str | None = None

    def check(self, host: str | None, origin: str | None) -> None:
        """Errors: HostNotAllowed, OriginNotAllowed. An origin is sent by browsers alone."""
        sent = (host or "").lower()
        public = urlsplit(self.public_url or "")
        if sent not in (*self.hosts, public.netloc.lower() or None) and _name_of(sent) not in (
            *THIS_MACHINE,
            *self.hosts,
        ):
            raise HostNotAllowed("The header Host names another host.")
        pages = [*self.origins, *([f"{public.scheme}://{public.netloc}".lower()] if public.netloc else [])]
        if origin is not None and origin.lower() not in pages:
            raise OriginNotAllowed("The header Origin names another page.")


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """What a client of the MCP server must know to get a token, by RFC 9728. issuer: None where keys alone are used."""

    url: str | None
    issuer: str | None

    @property
    def challenge(self) -> str:
        if self.url is None or self.issuer is None:
            return "Bearer"
        return f'Bearer resource_metadata="{self.url}{METADATA_PATH}/mcp"'

    @property
    def metadata(self) -> dict[str, object] | None:
        if self.url is None or self.issuer is None:
            return None
        resource = {"resource": f"{self.url}/mcp", "authorization_servers": [self.issuer]}
        return {**resource, "bearer_methods_supported": ["header"]}


def _name_of(host: str) -> str:
    """Without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
