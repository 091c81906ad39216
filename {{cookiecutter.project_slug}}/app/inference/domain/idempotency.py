import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.errors import Conflict, Invalid

LONGEST_KEY = 255
KEPT_HOURS = 24


class KeyTooLong(Invalid):
    code, title = "idempotency_key_invalid", "The Idempotency-Key cannot be used"
    action = "Send 1 to 255 printable ASCII characters, a UUID for example."


class KeyReused(Invalid):
    code, title = "idempotency_key_reused", "This Idempotency-Key was used for another request"
    action = "Use a new key for a new request."


class StillRunning(Conflict):
    code, title = "idempotency_in_flight", "The first request with this Idempotency-Key is still running"
    action = "Send the same request again as late as Retry-After says."


class Superseded(Conflict):
    code, title = "idempotency_superseded", "Another request with the same Idempotency-Key took over"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out a request. Nobody else gets it until it is settled or its time is up."""

    id: UUID
    tenant_id: UUID
    key_id: UUID
    route: str
    key: str


@dataclass(frozen=True, slots=True)
class Stored:
    """How the first request with a key ended."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A claim and how the request that held it ended. documents: those that the reply may hold words of."""

    claim: Claim
    stored: Stored
    documents: tuple[UUID, ...] = ()


def check_key(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise KeyTooLong(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters.")
    return key


def digest_of(body: Any) -> bytes:
    """One digest for every spelling of the same JSON."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()
