import hashlib
import json
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import Conflict, Invalid, NotFound
from app.core.json_types import JsonObject

MAX_KEY_CHARACTERS = 255
RETENTION_HOURS = 24


class IdempotencyKeyInvalid(Invalid):
    code, title = "idempotency_key_invalid", "The Idempotency-Key cannot be used"
    action = "Send 1 to 255 printable ASCII characters, a UUID for example."


class IdempotencyKeyReused(Invalid):
    code, title = "idempotency_key_reused", "This Idempotency-Key was used for another request"
    action = "Use a new key for a new request."


class RequestInFlight(Conflict):
    code, title = "idempotency_in_flight", "The first request with this Idempotency-Key is still running"
    action = "Send the same request again after the time in Retry-After."


class ClaimSuperseded(Conflict):
    code, title = "idempotency_superseded", "Another request with the same Idempotency-Key took over"


class StoredResponseNotFound(NotFound):
    code, title = "idempotent_response_not_found", "The response to this request can no longer be read"
    action = "Send the request with a new Idempotency-Key: it is answered from the documents that you may read now."


@dataclass(frozen=True, slots=True)
class Claim:
    """The exclusive right to process a request, until the request is completed or the claim expires."""

    id: UUID
    tenant_id: UUID
    key_id: UUID
    route: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to the first request with a key."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class CompletedRequest:
    """A claim and the response to its request. documents: those that the response may quote or paraphrase."""

    claim: Claim
    response: StoredResponse
    documents: tuple[UUID, ...] = ()


def check_key(key: str) -> str:
    """Errors: IdempotencyKeyInvalid."""
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalid(f"An Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} printable ASCII characters.")
    return key


def request_digest(body: JsonObject) -> bytes:
    """One digest for every spelling of the same JSON."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()
