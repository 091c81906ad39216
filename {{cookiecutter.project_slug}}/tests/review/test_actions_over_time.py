"""A model-based test of actions: proposed, reviewed, run twice, tampered with, in any order, with a clock that jumps.

Runs print their seed; repeat one with pytest --hypothesis-seed=….
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.actions.domain import ActionProposal, NewAction, payload_of
from app.core.errors import Conflict, Forbidden
from app.releases.domain import digest_of
from app.review.domain.items import ReviewItem
from app.review.repository import ReviewFilters
from app.review.service import Reviews
from tests.actions.conftest import Opened, Shop, open_shop
from tests.review.conftest import submission
from tests.review.machines import check_machine
from tests.review.service.test_action_subject import person, reviews_of

__all__ = ["open_shop"]

T = TypeVar("T")
LEASE = 300
who = st.sampled_from(("ana", "bob", "eve"))
which = st.integers(0, 30)

ROWS = """
select a.id, a.state, coalesce(n.text, ''), (select count(*) from action_runs r where r.action_id = a.id),
       (select count(*) from audit_log l where l.subject = a.id::text and l.action in ('action.run', 'action.fail'))
from actions a left join ticket_notes n on n.action_id = a.id
"""


@dataclass
class Expected:
    """The expected state of an action. text: the note that it would write."""

    proposal: ActionProposal
    text: str
    state: str
    needed: int = 1
    due: float = 0.0
    fence: int = 0
    holder: str | None = None
    until: float = 0.0
    version: int = 1
    approved: set[str] = field(default_factory=set)
    tampered: bool = False


class Book(RuleBasedStateMachine):
    run: Callable[[Coroutine[Any, Any, T]], T]
    open: Callable[[], Shop]

    def __init__(self) -> None:
        super().__init__()
        self.shop = type(self).open()
        self.reviews: Reviews = reviews_of(self.shop)
        self.ticket = type(self).run(self.shop.ticket())
        self.expected: list[Expected] = []
        self.claims: list[tuple[Expected, str, ReviewItem]] = []
        self.written = 0

    @property
    def now(self) -> float:
        return self.shop.clock.at.timestamp()

    def words(self) -> str:
        self.written += 1
        return f"Note {self.written}."

    @rule()
    def propose_what_needs_nobody(self) -> None:
        text = self.words()
        proposal = type(self).run(self.shop.proposal(ticket=self.ticket, text=text))
        type(self).run(self.shop.enter(NewAction(proposal, "approved", None, False)))
        self.expected.append(Expected(proposal, text, "approved"))

    @rule(needed=st.integers(1, 2), minutes=st.integers(5, 60))
    def propose_what_waits(self, needed: int, minutes: int) -> None:
        text, due = self.words(), self.shop.clock.at + timedelta(minutes=minutes)
        proposal = type(self).run(self.shop.proposal(ticket=self.ticket, text=text))
        terms = self.shop.terms(decisions=needed, due_at=due)
        type(self).run(self.shop.enter(NewAction(proposal, "waiting", terms, True)))
        type(self).run(self.reviews.lifecycle.add(self.shop.tenant, proposal.id, "action"))
        self.expected.append(Expected(proposal, text, "waiting", needed, due.timestamp()))

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.shop.clock.advance(seconds)

    @precondition(lambda self: any(expected.due for expected in self.expected))
    @rule(name=who, number=which)
    def claim(self, name: str, number: int) -> None:
        judged = [expected for expected in self.expected if expected.due]
        expected = judged[number % len(judged)]
        free = expected.holder in (None, name) or expected.until <= self.now
        may = expected.state == "waiting" and self.now < expected.due and free and name not in expected.approved
        items = type(self).run(
            self.reviews.queue.list(person(self.shop, "reader"), ReviewFilters(state=None), None, 200)
        )
        item = next(each for each in items if each.subject_id == expected.proposal.id)
        try:
            claimed = type(self).run(self.reviews.queue.claim(person(self.shop, name), item.id))
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        expected.fence, expected.holder, expected.until = expected.fence + 1, name, self.now + LEASE
        self.claims.append((expected, name, claimed))

    @precondition(lambda self: self.claims)
    @rule(number=which, decision=st.sampled_from(["approve", "approve", "reject", "edit"]))
    def decide(self, number: int, decision: Any) -> None:
        """Decide with any earlier claim, most of which have expired."""
        expected, name, claimed = self.claims[number % len(self.claims)]
        live = expected.holder == name and expected.fence == claimed.fence and self.now < expected.until
        may = expected.state == "waiting" and self.now < expected.due and live and expected.version == claimed.version
        words = self.words()
        text = json.dumps({"ticket": self.ticket, "text": words}) if decision == "edit" else None
        try:
            type(self).run(
                self.reviews.decisions.decide(person(self.shop, name), claimed.id, submission(claimed, decision, text))
            )
        except (Conflict, Forbidden):
            assert not may
            return
        assert may
        expected.holder = None
        if decision == "reject":
            expected.state = "rejected"
            return
        if decision == "edit":
            expected.version, expected.approved, expected.text = expected.version + 1, set(), words
        expected.approved.add(name)
        if len(expected.approved) >= expected.needed:
            expected.state = "approved"

    @rule()
    def sweep(self) -> None:
        type(self).run(self.reviews.lifecycle.expire_due())
        for expected in self.expected:
            if expected.state == "waiting" and expected.due <= self.now:
                expected.state = "expired"

    @precondition(
        lambda self: any(expected.state == "approved" and not expected.tampered for expected in self.expected)
    )
    @rule(number=which)
    def tamper(self, number: int) -> None:
        """Change the approved arguments in the database."""
        approved = [expected for expected in self.expected if expected.state == "approved" and not expected.tampered]
        expected = approved[number % len(approved)]
        other = payload_of(expected.proposal, {"ticket": self.ticket, "text": "Pay the bearer."})
        changed = (other, digest_of(other), expected.proposal.id)
        self.shop.tamper("update actions set payload = %s, digest = %s where id = %s", *changed)
        expected.tampered = True

    @precondition(lambda self: self.expected)
    @rule(numbers=st.lists(which, min_size=1, max_size=4))
    def work(self, numbers: list[int]) -> None:
        """Run jobs of any actions, some twice at once, due or not."""
        chosen = [self.expected[number % len(self.expected)] for number in numbers]

        async def all_at_once() -> None:
            ids = [expected.proposal.id for expected in chosen]
            await asyncio.gather(*(self.shop.actions.execution.run(self.shop.tenant, each) for each in ids))

        type(self).run(all_at_once())
        for expected in chosen:
            if expected.state == "approved":
                expected.state = "failed" if expected.tampered else "done"

    @invariant()
    def what_was_done_is_what_was_approved(self) -> None:
        rows = type(self).run(self.shop.rows(ROWS))
        assert len(rows) == len(self.expected)
        by_id = {expected.proposal.id: expected for expected in self.expected}
        for action_id, state, text, runs, lines in rows:
            expected = by_id[action_id]
            assert state == expected.state
            assert text == (expected.text if state == "done" else "")
            assert runs == (state == "done")
            assert lines == (state in ("done", "failed"))


async def test_actions_keep_their_invariants(open_shop: Opened) -> None:
    await check_machine(Book, "open", open_shop)
