"""Callers with an API key."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.identity import repository
from app.identity.domain import KeyExpired, KeyInvalid, NewKey, Principal, digest_of, digests_equal, parse_key
from app.identity.service.caller_cache import CACHE_SECONDS, CallerCache, VerifiedCaller


@dataclass(frozen=True)
class KeyAuthentication:
    """Verifies keys; concurrent requests with the same key share one query."""

    database: Database
    clock: Clock
    pepper: bytes
    _cache: CallerCache = field(default_factory=CallerCache)
    _pending: dict[bytes, asyncio.Future[VerifiedCaller]] = field(default_factory=dict)

    async def authenticate(self, text: str) -> Principal:
        """The principal of a key.

        Errors: KeyInvalid, for a malformed, unknown and revoked key alike; KeyExpired.
        """
        key = parse_key(text)
        digest = digest_of(key, self.pepper)
        verified = self._cache.get(digest, self.clock.monotonic())
        if verified is None:
            generation = self._cache.generation
            verified = await self._verify_once(key, digest)
            self._cache.put(digest, verified, generation)
        if verified.expires_at and verified.expires_at <= self.clock.now():
            raise KeyExpired(f"The key expired on {verified.expires_at:%Y-%m-%d %H:%M} UTC.")
        return verified.principal

    async def _verify_once(self, key: NewKey, digest: bytes) -> VerifiedCaller:
        pending = self._pending.get(digest)
        if pending is None:
            pending = self._pending[digest] = asyncio.ensure_future(self._verify(key, digest))
            pending.add_done_callback(lambda done: self._pending.pop(digest) if self._is_last(digest, done) else None)
        return await asyncio.shield(pending)

    def _is_last(self, digest: bytes, done: asyncio.Future[VerifiedCaller]) -> bool:
        return self._pending.get(digest) is done

    async def _verify(self, key: NewKey, digest: bytes) -> VerifiedCaller:
        until = self.clock.monotonic() + CACHE_SECONDS
        row = await repository.find_key(self.database, key.prefix)
        if not digests_equal(bytes(row.digest) if row else bytes(len(digest)), digest) or row is None:
            raise KeyInvalid()
        return VerifiedCaller(repository.principal_of_row(row), row.expires_at, until)

    def forget(self, key_id: UUID) -> None:
        """Drops what is cached about a key. Queries that are under way serve no further request."""
        self._pending.clear()
        self._cache.forget(key_id)
