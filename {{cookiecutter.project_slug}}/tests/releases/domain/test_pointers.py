"""Who gets the canary, and who the live release."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.domain.pointers import ENVIRONMENTS, Canary, EnvironmentNotFound, check_environment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERCENT = st.floats(0.1, 99.9)


def canary(percent: float, release: str = "r" * 64) -> Canary:
    return Canary(release, percent, NOW)


@given(st.text(max_size=40), PERCENT)
def test_a_unit_always_gets_the_same_answer(unit: str, percent: float) -> None:
    assert canary(percent).takes(unit) == canary(percent).takes(unit)


@given(st.text(max_size=40), PERCENT, PERCENT)
def test_who_has_the_canary_keeps_it_when_its_part_grows(unit: str, one: float, other: float) -> None:
    if canary(min(one, other)).takes(unit):
        assert canary(max(one, other)).takes(unit)


def test_so_many_get_the_canary_as_its_percent_says() -> None:
    units = [f"unit {number}" for number in range(4000)]
    for percent in (5, 20, 50):
        assert sum(map(canary(percent).takes, units)) / 40 == pytest.approx(percent, abs=2.5)


def test_another_canary_takes_other_units() -> None:
    units = [f"unit {number}" for number in range(1000)]
    first, second = ({unit for unit in units if canary(20, release * 64).takes(unit)} for release in "ab")
    assert 0.1 < len(first & second) / len(first) < 0.35


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_there_are_two_environments(name: str) -> None:
    assert check_environment(name) == name


@pytest.mark.parametrize("name", ["", "Production", "prod", "staging ", "x" * 1000])
def test_no_other_name_is_an_environment(name: str) -> None:
    with pytest.raises(EnvironmentNotFound, match=r"^'.{0,40}' is neither production nor staging\.$"):
        check_environment(name)
