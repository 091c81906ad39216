import time

from app.core.clock import Deadline, ManualClock
from app.core.ids import new_id


def test_a_deadline_runs_out_and_never_below_zero() -> None:
    clock = ManualClock()
    deadline = Deadline.after(2, clock)
    clock.advance(1.5)
    assert deadline.remaining() == 0.5
    clock.advance(1)
    assert (deadline.remaining(), deadline.expired) == (0.0, True)


def test_a_step_may_shorten_a_deadline_and_never_lengthen_it() -> None:
    clock = ManualClock()
    assert Deadline.after(2, clock).within(1).remaining() == 1
    assert Deadline.after(2, clock).within(9).remaining() == 2


def test_ids_sort_by_the_time_they_were_made() -> None:
    first = new_id()
    time.sleep(0.002)
    second = new_id()
    assert first < second
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
