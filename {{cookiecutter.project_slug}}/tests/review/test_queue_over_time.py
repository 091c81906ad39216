"""A model-based test of the queue: claims, releases, decisions and expired leases in any order, with a clock that
jumps.

Runs print their seed; repeat one with pytest --hypothesis-seed=….
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.core.errors import Conflict, Forbidden
from app.review.domain.items import ReviewItem
from app.review.repository import ReviewFilters
from tests.review.conftest import Desk, Seated, submission
from tests.review.machines import check_machine

T = TypeVar("T")
PEOPLE = ("ana", "bob", "eve")
who = st.sampled_from(PEOPLE)
which = st.integers(0, 30)


@dataclass
class Expected:
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
        self.expected: dict[UUID, Expected] = {}
        self.claims: list[tuple[str, ReviewItem]] = []

    @property
    def now(self) -> float:
        return self.desk.clock.at.timestamp()

    def item(self, number: int) -> UUID:
        return list(self.expected)[number % len(self.expected)]

    @rule(needed=st.integers(1, 2), minutes=st.integers(5, 60))
    def send(self, needed: int, minutes: int) -> None:
        item = type(self).run(self.desk.queue(decisions=needed, due_minutes=minutes))
        self.expected[item.id] = Expected(needed, self.now + minutes * 60)

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.desk.clock.advance(seconds)

    @precondition(lambda self: self.expected)
    @rule(name=who, number=which)
    def claim(self, name: str, number: int) -> None:
        item_id = self.item(number)
        expected = self.expected[item_id]
        free = expected.holder in (None, name) or expected.until <= self.now
        may = expected.end is None and self.now < expected.due and free and name not in expected.approved
        try:
            claimed = type(self).run(self.desk.reviews.queue.claim(self.desk.person(name), item_id))
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        expected.fence, expected.holder, expected.until = expected.fence + 1, name, self.now + 300
        assert claimed.fence == expected.fence
        self.claims.append((name, claimed))

    @precondition(lambda self: self.claims)
    @rule(number=which, decision=st.sampled_from(["approve", "reject", "edit", "request_changes"]))
    def decide(self, number: int, decision: Any) -> None:
        """Decide with any earlier claim, most of which have expired."""
        name, claimed = self.claims[number % len(self.claims)]
        expected = self.expected[claimed.id]
        live = expected.holder == name and expected.fence == claimed.fence and self.now < expected.until
        may = expected.end is None and self.now < expected.due and live and expected.version == claimed.version
        text = f"At seven, says {name} at {self.now}." if decision == "edit" else None
        try:
            type(self).run(
                self.desk.reviews.decisions.decide(
                    self.desk.person(name), claimed.id, submission(claimed, decision, text)
                )
            )
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        self._decided(expected, name, decision)

    def _decided(self, expected: Expected, name: str, decision: str) -> None:
        expected.holder = None
        if decision == "reject":
            expected.end = "rejected"
        if decision in ("edit", "request_changes"):
            expected.version, expected.approved = expected.version + 1, set()
        if decision in ("approve", "edit"):
            expected.approved.add(name)
            if len(expected.approved) >= expected.needed:
                expected.end = "delivered"

    @rule()
    def sweep(self) -> None:
        type(self).run(self.desk.reviews.lifecycle.expire_due())
        for expected in self.expected.values():
            if expected.end is None and expected.due <= self.now:
                expected.end = "rejected"

    @invariant()
    def what_left_is_what_was_decided(self) -> None:
        rows = type(self).run(
            self.desk.rows(
                "select i.id, i.state, a.state, i.fence, i.version, i.digest = a.digest "
                "from review_items i join reviewed_answers a on a.answer_id = i.subject_id"
            )
        )
        assert {row[0] for row in rows} == set(self.expected)
        for item_id, state, answer, fence, version, same in rows:
            expected = self.expected[item_id]
            assert answer == (expected.end or "held")
            assert (state == "open") == (expected.end is None)
            assert (fence, version) == (expected.fence, expected.version)
            assert same or answer != "delivered"

    @invariant()
    def the_earliest_due_is_first(self) -> None:
        items = type(self).run(
            self.desk.reviews.queue.list(self.desk.person("ana"), ReviewFilters(state=None), None, 200)
        )
        assert [item.due_at for item in items] == sorted(item.due_at for item in items)


async def test_the_queue_keeps_its_invariants(seat: Seated) -> None:
    await check_machine(Queue, "seat", seat)
