"""Callers that were verified a moment ago."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from app.identity.domain import Principal

CACHE_SECONDS: Final = 0.8
"""How long a caller is cached where no notification of a change arrives."""
MAX_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class VerifiedCaller:
    """expires_at: of the credential; None: never. until: monotonic seconds."""

    principal: Principal
    expires_at: datetime | None
    until: float


@dataclass
class CallerCache:
    """By the digest of the credential. `generation` grows with every change that was notified: what was verified
    before it is not cached after it.
    """

    generation: int = 0
    _verified: dict[bytes, VerifiedCaller] = field(default_factory=dict)

    def get(self, digest: bytes, now: float) -> VerifiedCaller | None:
        """now: monotonic seconds. None: to be verified again."""
        verified = self._verified.get(digest)
        return verified if verified and verified.until > now else None

    def put(self, digest: bytes, verified: VerifiedCaller, generation: int) -> None:
        """generation: of the moment at which the verification began."""
        if generation != self.generation:
            return
        if len(self._verified) >= MAX_CALLERS:
            self._verified.clear()
        self._verified[digest] = verified

    def forget(self, key_id: UUID) -> None:
        """Drops what is cached of a key or an identity."""
        self.generation += 1
        for digest in [digest for digest, each in self._verified.items() if each.principal.key_id == key_id]:
            del self._verified[digest]
