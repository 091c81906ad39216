"""A model-based test of the queue: claims, releases, decisions and expired leases in any order, with a clock that
jumps.

Runs print their seed; repeat one with pytest --hypothesis-seed=….
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.core.errors import Conflict, Forbidden
from app.review.domain.items import ReviewItem
from app.review.repository import ReviewFilters
from tests.review.conftest import Desk, Seated, said

T = TypeVar("T")
PEOPLE = ("ana", "bob", "eve")
SEED = 20261122
who = st.sampled_from(PEOPLE)
which = st.integers(0, 30)


@dataclass
class Known:
    """The expected state of an item."""

    needed: int
    due: float
    fence: int = 0
    holder: str | None = None
    until: float = 0.0
    version: int = 1
    approved: set[str] = field(default_factory=set)
    end: str | None = None


class Queue(RuleBasedStateMachine):
    run: Callable[[Coroutine[Any, Any, T]], T]
    seat: Callable[[], Desk]

    def __init__(self) -> None:
        super().__init__()
        self.desk = type(self).seat()
        self.known: dict[UUID, Known] = {}
        self.claims: list[tuple[str, ReviewItem]] = []

    @property
    def now(self) -> float:
        return self.desk.clock.at.timestamp()

    def item(self, number: int) -> UUID:
        return list(self.known)[number % len(self.known)]

    @rule(needed=st.integers(1, 2), minutes=st.integers(5, 60))
    def send(self, needed: int, minutes: int) -> None:
        item = type(self).run(self.desk.queue(decisions=needed, due_minutes=minutes))
        self.known[item.id] = Known(needed, self.now + minutes * 60)

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.desk.clock.advance(seconds)

    @precondition(lambda self: self.known)
    @rule(name=who, number=which)
    def claim(self, name: str, number: int) -> None:
        item_id = self.item(number)
        known = self.known[item_id]
        free = known.holder in (None, name) or known.until <= self.now
        may = known.end is None and self.now < known.due and free and name not in known.approved
        try:
            mine = type(self).run(self.desk.reviews.queue.claim(self.desk.person(name), item_id))
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        known.fence, known.holder, known.until = known.fence + 1, name, self.now + 300
        assert mine.fence == known.fence
        self.claims.append((name, mine))

    @precondition(lambda self: self.claims)
    @rule(number=which, decision=st.sampled_from(["approve", "reject", "edit", "request_changes"]))
    def decide(self, number: int, decision: Any) -> None:
        """Decide with any earlier claim, most of which have expired."""
        name, mine = self.claims[number % len(self.claims)]
        known = self.known[mine.id]
        live = known.holder == name and known.fence == mine.fence and self.now < known.until
        may = known.end is None and self.now < known.due and live and known.version == mine.version
        text = f"At seven, says {name} at {self.now}." if decision == "edit" else None
        try:
            type(self).run(
                self.desk.reviews.decisions.decide(self.desk.person(name), mine.id, said(mine, decision, text))
            )
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        self._decided(known, name, decision)

    def _decided(self, known: Known, name: str, decision: str) -> None:
        known.holder = None
        if decision == "reject":
            known.end = "rejected"
        if decision in ("edit", "request_changes"):
            known.version, known.approved = known.version + 1, set()
        if decision in ("approve", "edit"):
            known.approved.add(name)
            if len(known.approved) >= known.needed:
                known.end = "delivered"

    @rule()
    def sweep(self) -> None:
        type(self).run(self.desk.reviews.lifecycle.expire_due())
        for known in self.known.values():
            if known.end is None and known.due <= self.now:
                known.end = "rejected"

    @invariant()
    def what_left_is_what_was_decided(self) -> None:
        rows = type(self).run(
            self.desk.rows(
                "select i.id, i.state, a.state, i.fence, i.version, i.digest = a.digest "
                "from review_items i join reviewed_answers a on a.answer_id = i.subject_id"
            )
        )
        assert {row[0] for row in rows} == set(self.known)
        for item_id, state, answer, fence, version, same in rows:
            known = self.known[item_id]
            assert answer == (known.end or "held")
            assert (state == "open") == (known.end is None)
            assert (fence, version) == (known.fence, known.version)
            assert same or answer != "delivered"

    @invariant()
    def the_earliest_due_is_first(self) -> None:
        items = type(self).run(
            self.desk.reviews.queue.list(self.desk.person("ana"), ReviewFilters(state=None), None, 200)
        )
        assert [item.due_at for item in items] == sorted(item.due_at for item in items)


async def test_the_queue_keeps_its_invariants(seat: Seated) -> None:
    loop = asyncio.get_running_loop()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    class Seated_(Queue):
        pass

    Seated_.run = staticmethod(run)  # type: ignore[assignment]
    Seated_.seat = staticmethod(lambda: run(seat()))  # type: ignore[assignment]
    print(f"seed {SEED}")
    # Its own thread: the machine is synchronous, and the queue lives on this loop.
    limits = settings(max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    await asyncio.to_thread(run_state_machine_as_test, seed(SEED)(Seated_), settings=limits)
