"""The queue in front of the slots: who waits, who gives way, who gets the next slot, and that none is lost."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.admission import LimitAdaptation
from app.core.brownout import Brownout
from app.core.concurrency_limit import AdaptiveLimit
from app.core.errors import Overloaded
from app.core.queue_waits import LOOP, QueueWaits
from app.core.slo import BrownoutStep
from app.core.slots import QueueRules, Slots, waited_seconds
from tests.clock import leap, until
from tests.samples import total


def make(limit: int = 1, seconds: float = 1000, longest: int = 4, share: float = 1.0) -> Slots:
    slots = Slots("x", lambda: limit, rules=QueueRules(seconds, longest, share))
    slots._hold_seconds = 0.001  # so that all places can be served in time
    return slots


class Held:
    """Slots in use until `free` is set."""

    def __init__(self, slots: Slots) -> None:
        self.slots, self.free = slots, asyncio.Event()
        self.started: list[str] = []
        self.refused: list[str] = []

    def ask(self, tenant: str) -> "asyncio.Task[None]":
        return asyncio.ensure_future(self._one(tenant))

    async def _one(self, tenant: str) -> None:
        try:
            async with self.slots.acquire(tenant):
                self.started.append(tenant)
                await self.free.wait()
        except Overloaded:
            self.refused.append(tenant)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_wait_start_in_turn_and_the_next_is_refused() -> None:
    held = Held(make())
    tasks = [held.ask("a") for _ in range(6)]
    await turns()
    assert (held.started, held.refused) == (["a"], ["a"])
    held.free.set()
    await asyncio.gather(*tasks)
    assert held.started == ["a"] * 5
    assert held.slots.in_use == 0


async def test_a_loud_tenants_newest_gives_way_to_a_quiet_one_that_starts_next() -> None:
    held = Held(make())
    tasks = [held.ask("loud") for _ in range(5)]
    await turns()
    tasks.append(held.ask("quiet"))
    await turns()
    assert held.refused == ["loud"]
    held.free.set()
    await asyncio.gather(*tasks)
    assert held.started == ["loud", "quiet", "loud", "loud", "loud"]


async def test_one_tenant_leaves_a_part_of_the_slots_while_others_are_active() -> None:
    held = Held(make(limit=10, share=0.8, longest=100))
    alone = [held.ask("loud") for _ in range(10)]
    await turns()
    assert Counter(held.started) == {"loud": 10}, "nobody else is there"
    held.free.set()
    await asyncio.gather(*alone)
    held.free.clear()
    held.started.clear()
    tasks = [held.ask("quiet")] + [held.ask("loud") for _ in range(20)]
    await turns()
    assert Counter(held.started) == {"quiet": 1, "loud": 8}
    tasks.append(held.ask("quiet"))
    await turns()
    assert Counter(held.started) == {"quiet": 2, "loud": 8}
    held.free.set()
    await asyncio.gather(*tasks)


async def test_a_turn_that_would_come_too_late_is_refused_at_once() -> None:
    slots = make(limit=2, seconds=1.0, longest=100)
    slots._hold_seconds = 0.25  # two slots, a quarter of a second each: eight of them in a second, five with a margin
    held = Held(slots)
    tasks = [held.ask("a") for _ in range(12)]
    await turns()
    assert (len(held.started), len(held.refused)) == (2, 5)
    held.free.set()
    await asyncio.gather(*tasks)


async def test_requests_of_one_turn_of_the_loop_do_not_all_find_the_same_place() -> None:
    slots = make(limit=1, longest=2)
    rejected = []
    for _ in range(5):
        rejected.append(slots.rejects_behind_expected("a"))
        if not rejected[-1]:
            slots.expect("a")
    assert rejected == [False] * 3 + [True] * 2, "one slot and two places"
    await turns()
    assert not slots.rejects_behind_expected("a"), "their tasks have run"


async def test_a_quiet_tenant_finds_a_place_behind_the_expected_requests_of_a_loud_one() -> None:
    slots = make(limit=1, longest=2)
    held = Held(slots)
    tasks = [held.ask("loud") for _ in range(3)]
    await turns()
    slots.expect("loud")
    assert slots.rejects_behind_expected("loud")
    assert not slots.rejects_behind_expected("quiet")
    held.free.set()
    await asyncio.gather(*tasks)


async def test_a_turn_that_does_not_come_in_time_is_refused_and_a_wait_is_known() -> None:
    slots = make(seconds=50)
    waits: list[float] = []

    async def third() -> None:
        async with slots.acquire("a"):
            waits.append(waited_seconds())

    async with slots.acquire("a"):
        late = Held(slots)
        task = late.ask("a")
        await leap(51)
        await task
        assert late.refused == ["a"]
        waiting = asyncio.ensure_future(third())
        await leap(20)
    await waiting
    assert 20 <= waits[0] < 50
    assert waited_seconds() == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 5))
def test_no_slot_is_lost_whoever_is_cancelled(seed: int, limit: int, longest: int) -> None:
    chance, slots = random.Random(seed), make(limit, longest=longest, share=0.7)
    most = 0

    async def one(tenant: str) -> None:
        nonlocal most
        with suppress(Overloaded):
            async with slots.acquire(tenant):
                most = max(most, slots.in_use)
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)

    async def run() -> None:
        tasks = []
        for _ in range(40):
            tasks.append(asyncio.ensure_future(one(chance.choice("abc"))))
            if chance.random() < 0.4:
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert most <= limit
    assert (slots.in_use, len(slots._waiting), +slots._by_tenant) == (0, 0, Counter())


async def test_the_limit_adapts_to_what_the_loop_does_and_lets_waiting_requests_begin() -> None:
    limit = AdaptiveLimit(1, 2, lambda: 8, 0.005)
    slots = Slots("x", lambda: limit.current, rules=QueueRules(1000, 10))
    slots._hold_seconds = 0.001
    adaptation, held = LimitAdaptation(slots, limit, QueueWaits()), Held(slots)
    tasks = [held.ask("a") for _ in range(4)]
    watching = asyncio.ensure_future(adaptation.watch())
    await until(lambda: len(held.started) == 4)
    watching.cancel()
    assert limit.current > 2
    for _ in range(20):
        adaptation.waits.note(LOOP, 1.0)
        adaptation.adapt()
    assert total("app_standing_wait_seconds") == 1.0
    assert limit.current <= 4
    held.free.set()
    await asyncio.gather(*tasks)
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_the_step_of_the_brownout_is_shown_as_the_queue_fills_and_empties() -> None:
    steps = (BrownoutStep(pressure=0.5, passages=4), BrownoutStep(pressure=0.9, extractive=True))
    slots = Slots("x", lambda: 1, brownout=Brownout(steps))
    for pressure, level in ((1.0, 2), (0.0, 0)):
        slots.brownout.pressure = pressure
        slots.start_waiting()
        assert total("app_brownout_level") == level
