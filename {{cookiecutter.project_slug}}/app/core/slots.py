"""The slots that requests occupy while they are in progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from app.core.errors import Overloaded, Problem
from app.core.telemetry import gauge

PAUSE_SECONDS = 1.0
"""How long a rejected connection is not read, so that a client that ignores Retry-After costs nothing."""

AT_WORK = gauge("app_requests_at_work", "Requests in progress, by kind.", ["kind"])


@dataclass
class Slots:
    """A concurrency limit for one kind of request. limit: read at each request; rejection: the error above it."""

    kind: str
    limit: Callable[[], int]
    rejection: type[Problem] = Overloaded
    in_use: int = 0

    @property
    def full(self) -> bool:
        return self.in_use >= self.limit()

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Hold a slot for the length of the block. Errors: the rejection, when none is free."""
        if self.full:
            raise self.problem()
        self._add(1)
        token = _slots.set(self)
        try:
            yield
        finally:
            _slots.reset(token)
            self._add(-1)

    def problem(self) -> Problem:
        return self.rejection(retry_after=PAUSE_SECONDS)

    def _add(self, number: int) -> None:
        self.in_use += number
        AT_WORK.labels(self.kind).set(self.in_use)


_slots: ContextVar[Slots | None] = ContextVar("slots", default=None)


@contextmanager
def slot_released() -> Iterator[None]:
    """Free the slot of a request while it only waits, for a person or for the bytes of its body."""
    slots = _slots.get()
    if slots is None:
        yield
        return
    slots._add(-1)
    try:
        yield
    finally:
        slots._add(1)
