import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs.domain.usage import Usage

counts = st.integers(-5, 10_000)


@pytest.mark.parametrize("counted", [(-1,), (1, -1), (1, 0, -1), (1, 0, 1, -1)])
def test_a_count_below_zero_is_refused(counted: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="never negative"):
        Usage(*counted)


@pytest.mark.parametrize("counted", [(1, 2), (0, 1, 5), (1, 0, 1, 2), (1, 0, 0, 1)])
def test_a_part_is_never_more_than_its_whole(counted: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are part of"):
        Usage(*counted)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ((10, 4, 5, 2), Usage(10, 4, 5, 2)),
        ((10, 10, 5, 5), Usage(10, 10, 5, 5)),
        ((10, 11, 5, 0), Usage(10, 10, 5, 0)),
        ((10, 0, 5, 6), Usage(10, 0, 11, 6)),
        ((10, 0, 0, 6), Usage(10, 0, 6, 6)),
        ((-1, 5, -1, -1), Usage(0)),
    ],
)
def test_a_report_is_made_consistent(reported: tuple[int, int, int, int], usage: Usage) -> None:
    assert Usage.reported(*reported) == usage


@given(counts, counts, counts, counts)
def test_any_report_is_a_usage_with_no_fewer_tokens(read: int, cached: int, written: int, reasoning: int) -> None:
    usage = Usage.reported(read, cached, written, reasoning)
    assert usage.input >= read
    assert usage.output >= max(written, reasoning)


@given(*[st.tuples(counts, counts, counts, counts)] * 2)
def test_usages_of_several_calls_can_be_added(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    first, second = Usage.reported(*one), Usage.reported(*other)
    assert first + second == second + first
    assert (first + second).input - second.input == first.input
    assert first + Usage(0) == first
