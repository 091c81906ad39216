import time
from uuid import uuid4

from app.core.clock import Deadline, ManualClock
from app.core.ids import in_sample, new_id


def test_the_remaining_time_of_a_deadline_is_never_negative() -> None:
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


def test_a_sample_depends_on_the_key_alone_and_has_the_requested_size() -> None:
    keys = [uuid4().bytes for _ in range(20_000)]
    assert 0.045 < sum(in_sample(each, 0.05) for each in keys) / len(keys) < 0.055
    assert all(in_sample(each, 0.2) for each in keys if in_sample(each, 0.05))
    assert all(in_sample(each, 1.0) and not in_sample(each, 0.0) for each in keys[:100])


def test_a_sample_is_the_same_in_every_version_of_this_service() -> None:
    sample = [number for number in range(40) if in_sample(f"release:{number}".encode(), 0.25)]
    assert sample == [0, 1, 5, 10, 11, 14, 26, 28, 29, 37]
