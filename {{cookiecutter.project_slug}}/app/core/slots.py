"""The slots that requests occupy while they are in progress, and the queue of those that wait for one."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal

from app.core.brownout import Brownout
from app.core.errors import Overloaded, Problem
from app.core.fair_queue import FairQueue, Tenant
from app.core.telemetry import counter, gauge, histogram

PAUSE_SECONDS = 1.0
"""How long a caller that ignores Retry-After waits for the next rejection on the same connection."""
RETRY_SECONDS: Final = (1, 2, 3)
"""Retry-After is one of these, at random, so that those who were rejected together do not come back together."""
OTHERS_SECONDS = 60.0
"""For how long a tenant counts as active after its last request."""
HOLD_SMOOTHING = 0.05
MAX_TURNS = 10_000
QUEUE_FILL: Final = 0.7
"""The part of the longest wait for which the queue is filled: turns vary, and one that comes too late has cost the read
of a body and an unused place.
"""

RejectionReason = Literal["full", "displaced", "waited"]
"""full: no place in the queue; displaced: its place went to another tenant; waited: its turn did not come in time."""

AT_WORK = gauge("app_requests_at_work", "Requests in progress, by kind.", ["kind"])
LIMIT = gauge("app_requests_limit", "Most requests in progress at a time, by kind.", ["kind"])
WAITING = gauge("app_requests_waiting", "Requests that wait for their turn, by kind.", ["kind"])
LEVEL = gauge("app_brownout_level", "Step of the brownout that applies to new answers; 0 for none.")
WAIT = histogram("app_request_wait_seconds", "Time that accepted requests waited for their turn, by kind.", ["kind"])
REFUSED = counter("app_requests_refused_total", "Requests rejected by admission control, by kind.", ["kind", "reason"])
# To look up a child takes longer than to count with it.
_wait, _refused = cache(WAIT.labels), cache(REFUSED.labels)


@dataclass(frozen=True)
class QueueRules:
    """seconds: the longest wait. longest: the most that wait. tenant_share: the part of the limit that one tenant may
    use while others are active.
    """

    seconds: float = 0.0
    longest: int = 0
    tenant_share: float = 1.0


@dataclass
class ActiveTenants:
    """Whether more than one tenant has sent requests lately: the last two are enough to know."""

    _last: tuple[Hashable, float] | None = None
    _other: tuple[Hashable, float] | None = None

    def note(self, tenant: Tenant, now: float) -> None:
        if tenant is None:
            return
        if self._last and self._last[0] != tenant:
            self._other = self._last
        self._last = (tenant, now)

    def others_than(self, tenant: Tenant, now: float) -> bool:
        latest = self._other if self._last and self._last[0] == tenant else self._last
        return latest is not None and now - latest[1] < OTHERS_SECONDS


@dataclass(frozen=True, eq=False)
class _Turn:
    """done: without an error once the slot is the request's own."""

    tenant: Tenant
    done: asyncio.Future[None]


@dataclass
class Slots:
    """A concurrency limit for one kind of request, with a fair and bounded queue in front of it. A process has one for
    each kind; a scrape reads the last that was made.

    limit: read at each request; rejection: the error above it. brownout: is told how full the queue is. _expected: the
    complete requests whose tasks have not run yet.
    """

    kind: str
    limit: Callable[[], int]
    rejection: type[Problem] = Overloaded
    rules: QueueRules = QueueRules()
    brownout: Brownout = field(default_factory=Brownout)
    in_use: int = 0
    peak_in_use: int = 0
    _by_tenant: Counter[Tenant] = field(default_factory=Counter)
    _waiting: FairQueue[_Turn] = field(default_factory=FairQueue)
    _active: ActiveTenants = field(default_factory=ActiveTenants)
    _turns: dict[Tenant, int] = field(default_factory=dict)
    _taken: int = 0
    _hold_seconds: float = 0.0
    _expected: Counter[Tenant] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        AT_WORK.labels(self.kind).set_function(lambda: self.in_use)
        WAITING.labels(self.kind).set_function(lambda: len(self._waiting))
        if self.brownout.steps:
            LEVEL.set_function(lambda: self.brownout.level)

    @property
    def free(self) -> bool:
        """Whether any request would be accepted at once."""
        return not self._waiting and self.in_use + self._expected.total() < self.limit() * self.rules.tenant_share

    def expect(self, tenant: Tenant) -> None:
        """Counts a request that is complete, until its task runs in the next turn of the loop. A busy loop reads many
        requests in one turn; without this all of them would find the same place.
        """
        if not self._expected:
            asyncio.get_running_loop().call_soon(self._expected.clear)
        self._expected[tenant] += 1

    def rejects(self, tenant: Tenant) -> bool:
        """Whether a request that comes now finds neither a slot nor a place in the queue."""
        return self._rejects(tenant, 0, 0)

    def rejects_behind_expected(self, tenant: Tenant) -> bool:
        """As `rejects`, for a request that comes after those that are expected."""
        return self._rejects(tenant, self._expected.total(), self._expected[tenant])

    def _rejects(self, tenant: Tenant, expected: int, own: int) -> bool:
        unused = max(0, self.limit() - self.in_use)
        if expected < unused and self._may_start(tenant) and not self._waiting.length_of(tenant):
            return False
        places = self._places()
        full = len(self._waiting) + max(0, expected - unused) >= places
        if full:
            self._tell_brownout(1.0, time.monotonic())
        return full and not (places and self._waiting.gives_way(tenant, own))

    @asynccontextmanager
    async def acquire(self, tenant: Tenant = None) -> AsyncIterator[None]:
        """Hold a slot for the length of the block, after a wait in the queue. Errors: the rejection."""
        arrived = time.monotonic()
        self._active.note(tenant, arrived)
        if self._may_start(tenant) and not self._waiting.length_of(tenant):
            self._take(tenant)
        else:
            await self._wait(tenant)
        started = time.monotonic()
        self._note_pressure(started)
        _wait(self.kind).observe(started - arrived)
        token, waited = _slots.set((self, tenant)), _waited.set(started - arrived)
        try:
            yield
        finally:
            _waited.reset(waited)
            _slots.reset(token)
            part = HOLD_SMOOTHING if self._hold_seconds else 1.0
            self._hold_seconds += part * (time.monotonic() - started - self._hold_seconds)
            self._give_back(tenant)

    def reject(self, reason: RejectionReason) -> Problem:
        """The error for a rejected request; counts it."""
        _refused(self.kind, reason).inc()
        return self.rejection(retry_after=random.choice(RETRY_SECONDS))  # noqa: S311, not for secrets

    def start_waiting(self) -> None:
        """Gives free slots to those who wait."""
        now = time.monotonic()
        while self._waiting and self.in_use < self.limit():
            turn = self._waiting.next(self._use_of, lambda tenant: self._may_start(tenant, now))
            if turn is None:
                break
            if not turn.done.done():
                self._take(turn.tenant)
                turn.done.set_result(None)
        self._note_pressure(now)

    def _use_of(self, tenant: Tenant) -> tuple[int, int]:
        """The slots of a tenant, and when it last got one."""
        return self._by_tenant[tenant], self._turns.get(tenant, 0)

    async def _wait(self, tenant: Tenant) -> None:
        if self.rejects(tenant):
            raise self.reject("full")
        if len(self._waiting) >= self._places():
            displaced = self._waiting.displace().done
            if not displaced.done():
                displaced.set_exception(self.reject("displaced"))
        turn = _Turn(tenant, asyncio.get_running_loop().create_future())
        self._waiting.add(tenant, turn)
        self._note_pressure(time.monotonic())
        try:
            async with asyncio.timeout(self.rules.seconds):
                await turn.done
        except TimeoutError:
            if not _granted(turn):
                raise self.reject("waited") from None
        except asyncio.CancelledError:
            if _granted(turn):
                self._give_back(tenant)
            raise
        finally:
            self._waiting.remove(tenant, turn)

    def _may_start(self, tenant: Tenant, now: float | None = None) -> bool:
        limit = self.limit()
        if self.in_use >= limit:
            return False
        own = self._by_tenant[tenant]
        if own < max(1, limit * self.rules.tenant_share):
            return True
        return not self._active.others_than(tenant, time.monotonic() if now is None else now)

    def _places(self) -> int:
        """As many as get their turn in time, by how long a slot is held on average."""
        limit = self.limit()
        if not self._hold_seconds:
            return min(self.rules.longest, limit)
        return min(self.rules.longest, int(QUEUE_FILL * self.rules.seconds * limit / self._hold_seconds))

    def _note_pressure(self, now: float) -> None:
        self._tell_brownout(len(self._waiting) / max(1, self._places()), now)

    def _tell_brownout(self, pressure: float, now: float) -> None:
        if self.brownout.steps:
            self.brownout.observe(pressure, now)

    def _take(self, tenant: Tenant) -> None:
        self.in_use += 1
        self.peak_in_use = max(self.peak_in_use, self.in_use)
        self._by_tenant[tenant] += 1
        if len(self._turns) > MAX_TURNS:
            self._turns.clear()
        self._taken += 1
        self._turns[tenant] = self._taken

    def _give_back(self, tenant: Tenant) -> None:
        self.in_use -= 1
        self._by_tenant[tenant] -= 1
        if not self._by_tenant[tenant]:
            del self._by_tenant[tenant]
        self.start_waiting()


def _granted(turn: _Turn) -> bool:
    done = turn.done
    return done.done() and not done.cancelled() and done.exception() is None


_slots: ContextVar[tuple[Slots, Tenant] | None] = ContextVar("slots", default=None)
_waited: ContextVar[float] = ContextVar("waited", default=0.0)


def waited_seconds() -> float:
    """How long this request has waited for its turn; part of its deadline."""
    return _waited.get()


@contextmanager
def slot_released() -> Iterator[None]:
    """Free the slot of a request while it only waits, for a person or for the bytes of its body."""
    held = _slots.get()
    if held is None:
        yield
        return
    slots, tenant = held
    slots._give_back(tenant)
    try:
        yield
    finally:
        slots._take(tenant)
