import contextlib
from dataclasses import dataclass

import structlog

from app.core.database import Database
from app.core.errors import ErasedMeanwhile, Problem
from app.core.ids import new_id
from app.core.json_types import JsonObject
from app.core.telemetry import counter
from app.idempotency import repository
from app.idempotency.domain import (
    Claim,
    ClaimSuperseded,
    CompletedRequest,
    IdempotencyKeyReused,
    RequestInFlight,
    StoredResponse,
    StoredResponseNotFound,
    check_key,
    request_digest,
)
from app.identity.domain import Principal

log = structlog.get_logger(__name__)

LEASE_MARGIN_SECONDS = 1.0

REQUESTS = counter("app_idempotency_total", "Requests with an Idempotency-Key, by outcome", ("outcome",))


@dataclass(frozen=True)
class IdempotencyKeys:
    """Processes a request with an Idempotency-Key once; further requests with the key get the stored response."""

    database: Database

    async def claim(
        self, caller: Principal, route: str, key: str, body: JsonObject, seconds: float
    ) -> Claim | StoredResponse:
        """A claim to process the request, or the response to the first request. Each API key has its own keys.

        seconds: the maximum time of processing it, after which the claim of a dead process expires. Errors:
        IdempotencyKeyInvalid, IdempotencyKeyReused for another body, RequestInFlight while the first request is being
        processed, StoredResponseNotFound where the caller may no longer read what the response was derived from.
        """
        claim = Claim(new_id(), caller.tenant_id, caller.key_id, route, check_key(key))
        digest, lease = request_digest(body), seconds + LEASE_MARGIN_SECONDS
        entry = await repository.claim(self.database, claim, digest, lease, caller.groups)
        if entry.claim_id == claim.id:
            REQUESTS.labels("claimed").inc()
            return claim
        if entry.digest != digest:
            REQUESTS.labels("reused").inc()
            raise IdempotencyKeyReused
        if entry.response is None:
            REQUESTS.labels("in_flight").inc()
            raise RequestInFlight(retry_after=max(1.0, entry.claimed_seconds))
        if not entry.readable:
            REQUESTS.labels("withheld").inc()
            raise StoredResponseNotFound(
                "The response to this request was derived from documents that you may not read any more."
            )
        REQUESTS.labels("replayed").inc()
        return entry.response

    async def fail(self, claim: Claim, problem: Problem | None, body: bytes) -> None:
        """Record that the request failed.

        A permanent problem is stored and repeated. A temporary one (with Retry-After, or an outage) had no effect, so
        that its key is free for the next request; so is that of one whose text may have been erased meanwhile.
        """
        status = problem.status if problem else 500
        retryable = problem is not None and (problem.retry_after is not None or status in (429, 503, 504, 507))
        with contextlib.suppress(ClaimSuperseded):
            try:
                if not retryable:
                    with contextlib.suppress(ErasedMeanwhile):
                        response = StoredResponse(status, body)
                        return await repository.complete(self.database, CompletedRequest(claim, response))
                await repository.release(self.database, claim)
            except Problem as unavailable:
                log.warning("idempotency.claim_left_to_expire", code=unavailable.code)
