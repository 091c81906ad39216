"""Envelope encryption: a master key encrypts a data key of each tenant, and that encrypts what is stored."""

from dataclasses import dataclass
from uuid import UUID

from app.core.errors import Conflict, Unavailable


class MasterKeyNotFound(Unavailable):
    code, title = "master_key_not_found", "This process does not have the master key of this content"
    action = "Put the former key into APP_MASTER_KEY_PREVIOUS, then run 'app privacy rotate-master-key'."


class Undecryptable(Unavailable):
    code, title = "content_undecryptable", "Stored content does not decrypt"
    action = "It was changed, or APP_MASTER_KEY is another key than the one that it was stored with."


class TenantKeyDestroyed(Conflict):
    code, title = "tenant_key_destroyed", "The key of this content was destroyed"
    action = "The tenant was erased. Its original files cannot be decrypted any more; upload them again."


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted content. version: of the tenant's data key; None for content from before there was encryption."""

    version: int | None
    content: bytes


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is stored. wrapped: None once it was destroyed."""

    version: int
    wrapped: bytes | None
    master_key: str


def context_of(tenant_id: UUID, purpose: str) -> bytes:
    """What the encryption authenticates besides the content, so that content and keys cannot be swapped."""
    return f"{purpose} {tenant_id}".encode()
