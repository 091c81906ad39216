"""The tenants of keys and tokens that were valid before, for decisions before authentication."""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from app.identity.domain import Principal

MAX_KNOWN: Final = 10_000


@dataclass(frozen=True)
class KnownTenants:
    """By the digest of the Authorization header, without any I/O; the longest unused are dropped.

    It grants nothing: it only says in whose line a request waits, and authentication comes after that.
    """

    _known: OrderedDict[bytes, tuple[UUID, UUID]] = field(default_factory=OrderedDict)

    def note(self, header: bytes, principal: Principal) -> None:
        """The caller with this header was authenticated."""
        digest = _digest(header)
        self._known[digest] = (principal.tenant_id, principal.key_id)
        self._known.move_to_end(digest)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def of(self, header: bytes) -> UUID | None:
        """None for a header that was not seen to be valid."""
        known = self._known.get(_digest(header)) if header else None
        return known[0] if known else None

    def forget(self, key_id: UUID) -> None:
        """Drops what is known of a key or an identity that was revoked or changed."""
        for digest in [digest for digest, (_, key) in self._known.items() if key == key_id]:
            del self._known[digest]


def _digest(header: bytes) -> bytes:
    return sha256(header).digest()
