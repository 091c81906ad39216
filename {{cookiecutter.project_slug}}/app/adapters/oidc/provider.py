"""What an OpenID provider publishes about itself, and how it is fetched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from app.adapters.addresses import is_protected
from app.core.clock import Clock
from app.core.outbound import DIRECT, OutboundRules
from app.identity.domain.tokens import IssuerUnavailable

SECONDS = 5.0
MAX_BYTES = 512 * 1024
METADATA_SECONDS = 3600.0

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """OpenID Connect Discovery 1.0. names_itself: whether authorization responses have `iss` (RFC 9207)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    names_itself: bool


@dataclass
class OpenIdProvider:
    """One issuer over HTTP: no redirects, no cookies, bounded replies.

    rules: for outgoing calls. transport: for tests.
    """

    issuer: str
    clock: Clock
    rules: OutboundRules = DIRECT
    transport: httpx.AsyncBaseTransport | None = None
    _metadata: ProviderMetadata | None = None
    _read_at: float = field(default=0.0)

    async def metadata(self) -> ProviderMetadata:
        """Cached for an hour; a failure to read it again keeps the old one. Errors: IssuerUnavailable."""
        now = self.clock.monotonic()
        if self._metadata and now - self._read_at < METADATA_SECONDS:
            return self._metadata
        try:
            self._metadata = self._parsed(await self.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"))
        except IssuerUnavailable:
            if self._metadata is None:
                raise
        self._read_at = now
        return self._metadata

    def _parsed(self, found: Json) -> ProviderMetadata:
        if found.get("issuer") != self.issuer:
            raise IssuerUnavailable("What the identity provider publishes is of another issuer.")
        addresses = ("jwks_uri", "authorization_endpoint", "token_endpoint")
        if unusable := [name for name in addresses if not is_protected(found.get(name))]:
            raise IssuerUnavailable(f"The identity provider publishes no {unusable[0]} over https.")
        jwks_uri, authorization, token = (str(found[name]) for name in addresses)
        names_itself = found.get("authorization_response_iss_parameter_supported") is True
        return ProviderMetadata(self.issuer, jwks_uri, authorization, token, names_itself)

    async def get(self, address: str) -> Json:
        """Errors: IssuerUnavailable."""
        status, body = await self._send("GET", address)
        if status != 200:
            raise IssuerUnavailable(f"The identity provider replied {status}.", retry_after=5)
        return body

    async def post(
        self, address: str, form: Mapping[str, str], secret: tuple[str, str] | None = None
    ) -> tuple[int, Json]:
        """The status and the JSON of a reply. secret: a client and its secret. Errors: IssuerUnavailable."""
        return await self._send("POST", address, data=dict(form), auth=secret)

    async def _send(self, method: str, address: str, **request: Any) -> tuple[int, Json]:
        # Imported late: most processes never ask the identity provider.
        from app.adapters.outbound import BROKEN, failure_reason, make_client

        try:
            async with (
                make_client(1, self.rules, seconds=SECONDS, transport=self.transport) as client,
                client.stream(method, address, headers={"accept": "application/json"}, **request) as reply,
            ):
                body = b""
                async for part in reply.aiter_bytes():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise IssuerUnavailable("A reply of the identity provider is too long.")
            found = orjson.loads(body)
        except (*BROKEN, httpx.InvalidURL, orjson.JSONDecodeError) as error:
            raise IssuerUnavailable(
                f"The identity provider did not reply: {failure_reason(error)}.", retry_after=5
            ) from error
        if not isinstance(found, dict):
            raise IssuerUnavailable("The identity provider replied with something else than a JSON object.")
        return reply.status_code, found
