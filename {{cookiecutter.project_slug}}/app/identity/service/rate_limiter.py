"""Rate limits of keys and tenants, shared by all processes."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.identity import repository
from app.identity.domain import Principal, RateLimited
from app.identity.domain.rate_limits import RequestLimits, RequestShare

MAX_SHARES = 20_000


@dataclass(frozen=True)
class RateLimiter:
    """Each process takes parts of a caller's limit from the database, larger ones while the caller is busy. Together
    they never let through more than the limit.

    by_clock: for tests; otherwise the time is the database's, the same for every process.
    """

    database: Database
    clock: Clock
    limits: RequestLimits
    by_clock: bool = False
    _shares: dict[UUID, RequestShare] = field(default_factory=dict)
    _locks: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    async def check(self, caller: Principal) -> None:
        """Counts a request against the limits of the key and of its tenant. Errors: RateLimited."""
        own = min(caller.requests_per_minute or self.limits.per_key, self.limits.per_key)
        for subject, limit, whose in (
            (caller.key_id, own, "key"),
            (caller.tenant_id, self.limits.per_tenant, "tenant"),
        ):
            if wait := await self._seconds_to_wait(subject, limit):
                raise RateLimited(f"At most {limit} requests a minute of this {whose}.", retry_after=wait)

    async def _seconds_to_wait(self, subject: UUID, per_minute: int) -> float:
        share = self._shares.get(subject)
        if share and (wait := share.use(self.clock.monotonic())) is not None:
            return wait
        # One request at a time asks the database; the others wait for its share.
        async with self._locks.setdefault(subject, asyncio.Lock()):
            share = self._shares.get(subject) or self._new_share(subject)
            if (wait := share.use(self.clock.monotonic())) is not None:
                return wait
            now = self.clock.monotonic()
            at = self.clock.now() if self.by_clock else None
            taken = await repository.take_requests(
                self.database, subject, per_minute, share.next_size(per_minute, now), at
            )
            share.fill(*taken, now)
            return share.use(now) or 0.0

    def _new_share(self, subject: UUID) -> RequestShare:
        if len(self._shares) >= MAX_SHARES:
            self._shares.clear()
            unlocked = [each for each, lock in self._locks.items() if not lock.locked()]
            for each in unlocked:
                del self._locks[each]
        return self._shares.setdefault(subject, RequestShare())
