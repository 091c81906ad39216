"""Waiting requests in one line for each tenant, so that one tenant's crowd does not take the others' places."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Tenant = Hashable | None
"""None: callers whose tenant is not known yet; they share one line."""


@dataclass
class FairQueue(Generic[T]):
    """First in, first out within a tenant; between tenants, the one that uses the least comes first."""

    _lines: dict[Tenant, deque[T]] = field(default_factory=dict)
    _length: int = 0

    def __len__(self) -> int:
        return self._length

    def length_of(self, tenant: Tenant) -> int:
        return len(self._lines.get(tenant, ()))

    def add(self, tenant: Tenant, item: T) -> None:
        self._lines.setdefault(tenant, deque()).append(item)
        self._length += 1

    def remove(self, tenant: Tenant, item: T) -> bool:
        """Whether it was still waiting."""
        line = self._lines.get(tenant)
        if line is None or item not in line:
            return False
        line.remove(item)
        self._shrunk(tenant, line)
        return True

    def next(self, use: Callable[[Tenant], Any], may_start: Callable[[Tenant], bool]) -> T | None:
        """Takes out the first of the tenant with the least use, among equals of the one that was served longest ago;
        None where no tenant may start. use: can be compared.
        """
        ready = [tenant for tenant in self._lines if may_start(tenant)]
        if not ready:
            return None
        tenant = min(ready, key=use)
        line = self._lines.pop(tenant)
        item = line.popleft()
        self._length -= 1
        if line:
            self._lines[tenant] = line  # at the end: the others come first next time
        return item

    def gives_way(self, newcomer: Tenant, expected: int = 0) -> bool:
        """Whether a line is so much longer than the newcomer's own that its newest gives way when the queue is full.
        expected: how many of the newcomer's are about to join the queue.

        Only a clearly longer one does, so that equally loud tenants do not displace each other without end; a tenant
        with nothing in the queue always gets a place.
        """
        if not self._lines:
            return False
        own = self.length_of(newcomer) + expected
        return self.length_of(self._longest()) > (own + 1 if own else 0) and self._longest() != newcomer

    def displace(self) -> T:
        """Takes out the newest of the longest line: it has waited for the shortest time."""
        tenant = self._longest()
        line = self._lines[tenant]
        item = line.pop()
        self._shrunk(tenant, line)
        return item

    def _longest(self) -> Tenant:
        return max(self._lines, key=self.length_of)

    def _shrunk(self, tenant: Tenant, line: deque[T]) -> None:
        self._length -= 1
        if not line:
            del self._lines[tenant]
