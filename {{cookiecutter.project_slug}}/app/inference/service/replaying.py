import contextlib
from dataclasses import dataclass
from typing import Any

import structlog

from app.core.database import Database
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.telemetry import counter
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answers import AnswerMissing
from app.inference.domain.idempotency import (
    Claim,
    KeyReused,
    Settled,
    StillRunning,
    Stored,
    Superseded,
    check_key,
    digest_of,
)

log = structlog.get_logger(__name__)

LEASE_MARGIN = 1.0

SEEN = counter("app_idempotency_total", "Requests with an Idempotency-Key, by what became of them", ("outcome",))


@dataclass(frozen=True)
class Replays:
    """Requests that must not be carried out twice: the first one with a key is, the others get its reply."""

    database: Database

    async def begin(self, caller: Principal, route: str, key: str, body: Any, seconds: float) -> Claim | Stored:
        """A claim to carry the request out, or the reply of the one that was. Each API key has its own.

        seconds: the most that carrying it out can take; a process that died leaves its claim to the next one after it.
        Errors: KeyTooLong, KeyReused for another body, StillRunning while the first one is under way, AnswerMissing
        where the caller may no longer read what the reply came out of.
        """
        wanted = Claim(new_id(), caller.tenant_id, caller.key_id, route, check_key(key))
        digest, lease = digest_of(body), seconds + LEASE_MARGIN
        found = await repository.claim(self.database, wanted, digest, lease, caller.groups)
        holder, known, stored, left, readable = found
        if holder == wanted.id:
            SEEN.labels("claimed").inc()
            return wanted
        if known != digest:
            SEEN.labels("reused").inc()
            raise KeyReused
        if stored is None:
            SEEN.labels("in_flight").inc()
            raise StillRunning(retry_after=max(1.0, left))
        if not readable:
            SEEN.labels("withheld").inc()
            raise AnswerMissing("The answer to this request came out of documents that cannot be read any more.")
        SEEN.labels("replayed").inc()
        return stored

    async def fail(self, claim: Claim, problem: Problem | None, body: bytes) -> None:
        """The request ended without an answer.

        A verdict is kept and replayed. A request that asks to be sent again (it carries Retry-After or met an
        outage) had no effect, so its key is free for the next try.
        """
        status = problem.status if problem else 500
        again = problem is not None and (problem.retry_after is not None or status in (429, 503, 504, 507))
        with contextlib.suppress(Superseded):
            try:
                if again:
                    await repository.release(self.database, claim)
                else:
                    await repository.settle(self.database, Settled(claim, Stored(status, body)))
            except Problem as away:
                log.warning("claim_left_to_expire", code=away.code)
