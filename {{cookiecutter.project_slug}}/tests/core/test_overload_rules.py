"""The rules of overload on a virtual clock: the adaptive limit, the fair queue, the brownout and the waits."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.brownout import Brownout
from app.core.concurrency_limit import AdaptiveLimit
from app.core.fair_queue import FairQueue
from app.core.queue_waits import DATABASE, LOOP, QueueWaits
from app.core.slo import BrownoutStep, SloPolicy
from app.core.slots import OTHERS_SECONDS, ActiveTenants

STEPS = (BrownoutStep(pressure=0.5, passages=4), BrownoutStep(pressure=0.9, extractive=True))


def make_limit(largest: int = 64) -> AdaptiveLimit:
    return AdaptiveLimit(4, 16, lambda: largest, target_seconds=0.005)


def settle(limit: AdaptiveLimit, capacity: int, updates: int = 200) -> list[int]:
    """The limits of a process in which work waits as soon as more than `capacity` of it is in progress."""
    seen = []
    for _ in range(updates):
        standing = 0.004 * limit.current / capacity
        limit.update(standing, limit.current)
        seen.append(limit.current)
    return seen


@pytest.mark.parametrize("capacity", [8, 16, 30])
def test_the_limit_settles_near_the_concurrency_at_which_work_begins_to_wait(capacity: int) -> None:
    settled = settle(make_limit(), capacity)[50:]
    assert capacity <= min(settled)
    assert max(settled) <= 1.5 * capacity


def test_a_slow_model_alone_raises_the_limit_to_its_largest() -> None:
    limit = make_limit()
    for _ in range(60):
        limit.update(0.0, limit.current)
    assert limit.current == 64


def test_the_limit_keeps_its_place_while_it_is_not_reached() -> None:
    limit = make_limit()
    for _ in range(60):
        limit.update(0.0, 3)
        limit.update(1.0, 3)  # what makes work wait is something else
    assert limit.current == 16


def test_the_limit_recovers_within_seconds_after_a_stall() -> None:
    limit = make_limit()
    for _ in range(10):
        limit.update(1.0, limit.current)
    assert limit.current == 4
    assert settle(limit, 16)[12] >= 16  # a quarter of a second each


@pytest.mark.parametrize(
    ("standing", "in_use", "limit"),
    [
        (0.005, 15, 16),
        (0.005, 16, 17),
        (0.0051, 7, 16),
        (0.0051, 8, 14),
        (0.02, 16, 14),
        (0.0201, 16, 11),
        (0.0, 16, 17),
    ],
)
def test_one_update_of_the_limit(standing: float, in_use: int, limit: int) -> None:
    adapting = make_limit()
    adapting.update(standing, in_use)
    assert adapting.current == limit


def test_a_large_limit_grows_by_a_tenth_and_a_small_one_by_one() -> None:
    large = AdaptiveLimit(4, 50, lambda: 64, target_seconds=0.005)
    large.update(0.0, 50)
    assert large.current == 55
    small = AdaptiveLimit(2, 5, lambda: 64, target_seconds=0.005)
    small.update(0.0, 5)
    assert small.current == 6


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 500))), st.integers(0, 100))
def test_the_limit_never_leaves_its_bounds(updates: list[tuple[float, int]], largest: int) -> None:
    limit = make_limit(largest)
    for standing, most in updates:
        limit.update(standing, most)
        assert min(4, largest) <= limit.current <= largest


def test_a_queue_that_was_empty_once_is_not_standing() -> None:
    waits = QueueWaits()
    for wait in (0.2, 0.001, 0.3):
        waits.note(LOOP, wait)
    waits.note(DATABASE, 0.02)
    assert waits.drain() == 0.02
    assert waits.drain() == 0.0
    waits.note(LOOP, 0.2)
    waits.note(LOOP, 0.3)
    assert waits.drain() == 0.2


def test_the_tenant_with_the_fewest_places_comes_first_and_equals_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(item[0], item)
    in_use = Counter({"a": 5})
    taken = [queue.next(in_use.__getitem__, lambda tenant: tenant != "c") for _ in range(5)]
    assert taken == ["b1", "b2", "a1", "a2", "a3"]
    assert (len(queue), queue.next(in_use.__getitem__, lambda _: False)) == (1, None)


def test_only_a_clearly_longer_line_gives_way_and_its_newest_goes() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1"):
        queue.add(item[0], item)
    assert queue.gives_way("new")
    assert queue.gives_way("b")
    assert not queue.gives_way("a")
    assert queue.displace() == "a3"
    assert not queue.gives_way("b"), "two and one are about the same"
    assert queue.gives_way("new"), "whoever has nothing in the queue gets a place"


@pytest.mark.parametrize(
    ("theirs", "own", "expected", "gives_way"),
    [
        (0, 0, 0, False),
        (1, 0, 0, True),
        (1, 0, 1, False),
        (3, 1, 0, True),
        (2, 1, 0, False),
        (3, 1, 1, False),
        (4, 1, 1, True),
    ],
)
def test_a_line_gives_way_to_one_that_is_shorter_by_two_or_empty(
    theirs: int, own: int, expected: int, gives_way: bool
) -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(theirs):
        queue.add("they", number)
    for number in range(own):
        queue.add("new", number)
    assert queue.gives_way("new", expected) is gives_way


def test_what_is_not_waiting_is_not_removed() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("a", "a1")
    assert not queue.remove("b", "a1")
    assert not queue.remove("a", "a2")
    assert (len(queue), queue.remove("a", "a1"), len(queue)) == (1, True, 0)
    assert queue.next(lambda _: 0, lambda _: True) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["add", "next", "displace", "remove"]))))
def test_a_queue_gives_out_each_item_once(steps: list[tuple[str, str]]) -> None:
    queue: FairQueue[int] = FairQueue()
    waiting: dict[int, str] = {}
    for number, (tenant, step) in enumerate(steps):
        if step == "add":
            queue.add(tenant, number)
            waiting[number] = tenant
        elif step == "next" and (item := queue.next(lambda _: 0, tenant.__eq__)) is not None:
            assert waiting.pop(item) == tenant
            assert item < min((n for n, other in waiting.items() if other == tenant), default=item + 1)
        elif step == "displace" and len(queue):
            waiting.pop(queue.displace())
        elif step == "remove" and waiting:
            chosen = min(waiting)
            assert queue.remove(waiting.pop(chosen), chosen)
            assert not queue.remove(tenant, chosen)
        assert len(queue) == len(waiting)
        assert Counter(waiting.values()) == {t: n for t in "abcd" if (n := queue.length_of(t))}


def test_a_loud_tenant_leaves_a_quiet_one_its_answers() -> None:
    """One slot after the other, on a virtual clock: a hundred requests of one tenant for each of the other."""
    queue: FairQueue[str] = FairQueue()
    chance, served, places = random.Random(7), Counter[str](), 20
    for tick in range(2000):
        arrivals = ["loud"] * 10 + (["quiet"] if tick % 10 == 0 else [])
        chance.shuffle(arrivals)
        for tenant in arrivals:
            if len(queue) < places or (queue.gives_way(tenant) and queue.displace()):
                queue.add(tenant, tenant)
        served[queue.next(lambda _: 0, lambda _: True) or ""] += 1
    assert served["quiet"] >= 199


def test_the_last_two_tenants_tell_whether_others_are_active() -> None:
    active = ActiveTenants()
    active.note(None, 0.0)
    active.note("a", 0.0)
    assert not active.others_than("a", 1.0)
    assert active.others_than("b", 1.0)
    active.note("b", 2.0)
    active.note("a", 3.0)
    active.note("a", 4.0)
    assert active.others_than("a", 5.0)
    assert active.others_than("b", 5.0)
    assert not active.others_than("a", 2.0 + OTHERS_SECONDS)


def test_the_brownout_follows_a_standing_queue_and_not_a_burst() -> None:
    brownout = Brownout(STEPS)
    for tenth in range(5):
        brownout.observe(1.0, tenth / 10)
    assert brownout.step is None
    levels = [(brownout.observe(1.0, tenth / 10), brownout.level)[1] for tenth in range(5, 100)]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2}
    assert brownout.step == STEPS[1]
    levels = [(brownout.observe(0.0, tenth / 10), brownout.level)[1] for tenth in range(100, 200)]
    assert levels == sorted(levels, reverse=True)
    assert brownout.step is None


def test_a_level_ends_below_what_began_it() -> None:
    brownout, now = Brownout(STEPS), 0.0
    for pressure, level in ((0.6, 1), (0.4, 1), (0.3, 0), (0.45, 0)):
        for _ in range(200):
            now += 0.1
            brownout.observe(pressure, now)
        assert brownout.level == level, pressure


def test_the_pressure_is_averaged_over_about_two_seconds_and_a_step_begins_at_its_own() -> None:
    brownout = Brownout(STEPS)
    brownout.observe(1.0, 10.0)
    assert brownout.pressure == 0.0
    brownout.observe(3.0, 12.0)
    assert brownout.pressure == pytest.approx(1 - 1 / math.e)
    brownout.observe(1.0, 11.0)
    assert brownout.pressure == pytest.approx(1 - 1 / math.e)
    assert (brownout.level, brownout.step) == (1, STEPS[0])
    for pressure, level in ((0.5, 1), (0.35, 1), (0.349, 0), (0.499, 0), (0.5, 1), (0.9, 2), (0.63, 2), (0.629, 1)):
        brownout.pressure = pressure
        brownout.observe(pressure, 12.0)
        assert brownout.level == level, pressure


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(-1, 5)), max_size=50))
def test_the_pressure_stays_between_none_and_all(observed: list[tuple[float, float]]) -> None:
    brownout, now = Brownout(STEPS), 0.0
    for pressure, after in observed:
        now += after
        brownout.observe(pressure, now)
        assert 0 <= brownout.pressure <= 1
        assert 0 <= brownout.level <= 2


def test_a_policy_without_steps_never_degrades_an_answer() -> None:
    brownout = Brownout()
    for second in range(100):
        brownout.observe(1.0, second)
    assert (brownout.step, brownout.pressure) == (None, 0.0)


@pytest.mark.parametrize(
    ("overload", "why"),
    [
        ({"min_answers": 20, "initial_answers": 10}, "initial_answers is below min_answers"),
        ({"brownout": [{"pressure": 0.9}, {"pressure": 0.5}]}, "not in the order of their pressure"),
        ({"tenant_share": 0}, "greater than 0"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(overload: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SloPolicy.model_validate({"owner": "x", "answer_p95_ms": 800, "overload": overload})
