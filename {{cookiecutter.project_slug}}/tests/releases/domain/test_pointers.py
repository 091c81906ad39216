"""Who gets the canary, who the live release, and what a rollback goes back to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.domain.pointers import (
    ENVIRONMENTS,
    PRODUCTION,
    Canary,
    EnvironmentNotFound,
    Move,
    MoveKind,
    check_environment,
    releases_in_force,
)

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


KINDS: dict[str, MoveKind] = {"": "activate", "<": "rollback", "~": "canary", "x": "canary_ended", "?": "rehearsal"}


@pytest.mark.parametrize(
    ("moves", "in_force"),
    [
        ("", ""),
        ("A B C", "A B C"),
        ("A B C <B", "A B"),
        ("A B C <A", "A"),
        ("A B C <B <A C", "A C"),
        ("A B ~B xB C <B", "A B"),
        ("A B ?A", "A B"),
        ("A B A C <A", "A B A"),
        ("A B A C <A <B", "A B"),
        ("A B C <B <C", "A C"),
        ("<A", "A"),
        # A rehearsal of a rollback from L to T where D, T or L was.
        ("T L D T L <T <D ?T", "T L D"),
        ("L T L <T ?T", "L T"),
        ("T L T L <T <L ?T", "T L"),
    ],
)
def test_a_rollback_leaves_what_was_before_in_force(moves: str, in_force: str) -> None:
    made = [
        Move(PRODUCTION, KINDS[move[:-1]], move[-1], None, None, NOW, "operator", "a reason") for move in moves.split()
    ]
    assert releases_in_force(made) == in_force.split()
