"""Signatures of tokens, checked with the keys that the issuer publishes."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jwt
import orjson
import structlog

from app.adapters.oidc.provider import OpenIdProvider
from app.core.clock import Clock
from app.core.telemetry import counter
from app.identity.domain.tokens import IssuerUnavailable, TokenRefused, TokenRules, check_header

log = structlog.get_logger(__name__)

FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
MAX_KEYS = 50
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""RFC 7515, 7.1, without padding: one token has one spelling."""

_reads = counter("app_issuer_keys_read_total", "Reads of the identity provider's public keys, by outcome.", ["outcome"])
_jws = jwt.PyJWS(options={"enforce_minimum_key_length": True})


@dataclass
class IssuerKeys:
    """The public keys of the issuer, by id.

    keys_seconds: how long they are kept. refresh_seconds: a key that is not among them is looked for at most once in
    so many seconds, however many tokens name it.
    """

    provider: OpenIdProvider
    clock: Clock
    keys_seconds: float
    refresh_seconds: float
    _keys: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    _read_at: float | None = None
    _tried_at: float | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, key_id: str, algorithm: str) -> jwt.PyJWK:
        """Errors: TokenRefused, for a key that the issuer does not publish for this algorithm; IssuerUnavailable."""
        if self._is_stale() or key_id not in self._keys:
            await self._refresh(key_id)
        for key in self._keys.get(key_id, ()):
            if is_for(key, algorithm):
                return parsed_key(key, algorithm)
        raise TokenRefused("The token names a key that the identity provider does not publish for it.", "key")

    def _is_stale(self) -> bool:
        return self._read_at is None or self.clock.monotonic() - self._read_at >= self.keys_seconds

    async def _refresh(self, key_id: str) -> None:
        async with self._reading:
            if not self._is_stale() and key_id in self._keys:
                return
            now = self.clock.monotonic()
            if self._tried_at is not None and now - self._tried_at < self.refresh_seconds:
                if self._read_at is None:
                    raise IssuerUnavailable(retry_after=self.refresh_seconds)
                return
            self._tried_at = now
            try:
                self._keys = _by_id(await self.provider.get((await self.provider.metadata()).jwks_uri))
            except IssuerUnavailable as error:
                _reads.labels("failed").inc()
                log.warning("adapters.issuer_keys_not_read", reason=error.detail)
                # Keys that were good a moment ago stay so for a while: its outage is not one of this service.
                if self._read_at is None or now - self._read_at >= 10 * self.keys_seconds:
                    self._keys, self._read_at = {}, None
                    raise
                return
            _reads.labels("read").inc()
            self._read_at = now


@dataclass(frozen=True)
class OidcTokenVerifier:
    """A TokenVerifier with the keys of one issuer."""

    keys: IssuerKeys

    async def verify(self, token: str, rules: TokenRules) -> Mapping[str, object]:
        if not _COMPACT.fullmatch(token):
            raise TokenRefused("The token is no signed JWT.", "malformed")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused("The token is no signed JWT.", "malformed") from error
        algorithm, key_id = check_header(header, rules)
        key = await self.keys.find(key_id, algorithm)
        try:
            payload = _jws.decode(token, key, algorithms=[algorithm])
            claims = orjson.loads(payload)
        except jwt.InvalidSignatureError as error:
            raise TokenRefused("The signature of the token is not one of the issuer.", "signature") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenRefused("The token cannot be read.", "malformed") from error
        if not isinstance(claims, dict):
            raise TokenRefused("The token has no claims.", "malformed")
        return claims


def is_for(key: Mapping[str, object], algorithm: str) -> bool:
    """Whether a published key is meant for signatures with this algorithm: a public key, never a shared secret."""
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("kty") == FAMILIES.get(algorithm[:2])
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and key.get("alg", algorithm) == algorithm
    )


def parsed_key(key: Mapping[str, object], algorithm: str) -> jwt.PyJWK:
    """Errors: TokenRefused."""
    public = {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "k")}
    try:
        return jwt.PyJWK(public, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused("The identity provider's key cannot be used.", "key") from error


def _by_id(found: Mapping[str, object]) -> dict[str, list[Mapping[str, object]]]:
    """Errors: IssuerUnavailable."""
    keys = found.get("keys")
    if not isinstance(keys, Sequence) or isinstance(keys, str):
        raise IssuerUnavailable("The identity provider publishes no keys.")
    by_id: dict[str, list[Mapping[str, object]]] = {}
    for key in keys[:MAX_KEYS]:
        if isinstance(key, dict) and isinstance(key.get("kid"), str):
            by_id.setdefault(str(key["kid"]), []).append(key)
    return by_id
