"""The order of reads and notifications; the clock is set by hand, so that no wait depends on the machine."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from app.core.change_waiter import ChangeWaiter
from app.core.clock import ManualClock

ONE, OTHER = UUID(int=1), UUID(int=2)


@dataclass
class Subject:
    """Settled by a read of its own, the last of `values`."""

    values: list[str]
    read_count: int = 0
    read_again: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> str:
        self.read_count += 1
        self.read_again.set()
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def done(value: str) -> bool:
    return value == "done"


async def test_what_is_settled_already_is_read_once() -> None:
    waiter, subject = ChangeWaiter(ManualClock()), Subject(["done"])
    assert await waiter.until(ONE, subject.read, done, 30) == "done"
    assert subject.read_count == 1


@pytest.mark.parametrize("seconds", [0, -1])
async def test_without_time_the_present_state_is_returned(seconds: float) -> None:
    waiter, subject = ChangeWaiter(ManualClock()), Subject(["open"])
    assert await waiter.until(ONE, subject.read, done, seconds) == "open"
    assert subject.read_count == 1


async def test_a_notification_wakes_the_waits_for_its_subject_alone() -> None:
    waiter = ChangeWaiter(ManualClock())
    first, second, other = Subject(["open", "done"]), Subject(["open", "done"]), Subject(["open"])
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(waiter.until(ONE, each.read, done, 30)) for each in (first, second)]
        unrelated = group.create_task(waiter.until(OTHER, other.read, done, 30))
        for each in (first, second, other):
            await each.read_again.wait()
        await waiter.follow("")
        await waiter.follow(str(UUID(int=3)))
        await waiter.follow(str(ONE))
        assert [await each for each in waits] == ["done", "done"]
        assert other.read_count == 1
        unrelated.cancel()


async def test_a_change_during_a_read_is_read_at_once_and_not_at_the_next_poll() -> None:
    waiter, states, reading, go_on = (
        ChangeWaiter(ManualClock()),
        iter(["open", "done"]),
        asyncio.Event(),
        asyncio.Event(),
    )

    async def read() -> str:
        state = next(states)
        reading.set()
        await go_on.wait()
        return state

    task = asyncio.create_task(waiter.until(ONE, read, done, 30))
    await reading.wait()
    await waiter.follow(str(ONE))
    go_on.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert task.done()
    assert await task == "done"


async def test_time_that_passed_ends_the_wait_with_the_last_state() -> None:
    clock = ManualClock()
    waiter, subject = ChangeWaiter(clock), Subject(["open", "still open"])
    task = asyncio.create_task(waiter.until(ONE, subject.read, done, 30))
    await subject.read_again.wait()
    clock.advance(30)
    await waiter.follow(str(ONE))
    assert await task == "still open"
    assert subject.read_count == 2


async def test_no_wait_is_remembered_when_it_ends_or_fails() -> None:
    waiter = ChangeWaiter(ManualClock())

    async def fail() -> str:
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        await waiter.until(ONE, fail, done, 30)
    await waiter.until(ONE, Subject(["done"]).read, done, 30)
    assert waiter._events == {}


async def test_a_subject_that_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError):
        await ChangeWaiter(ManualClock()).follow("everything")
