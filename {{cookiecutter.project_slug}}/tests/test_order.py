"""The order of tests can be drawn, which finds those that need another one before them."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from tests.conftest import override
from tests.order import RandomOrder, seed

FILES = ("tests/a/test_one.py", "tests/a/b/test_two.py", "tests/a/b/test_three.py", "tests/c/test_four.py")
NAMES = [f"{file}::test_{number}[tests/c]" for number in range(8) for file in FILES]


def in_order(number: int, names: list[str]) -> list[str]:
    return sorted(names, key=RandomOrder(number).place)


@pytest.mark.parametrize("number", range(6))
def test_a_part_of_a_run_has_the_order_of_the_whole(number):
    part = [name for name in NAMES if "test_2" in name or "three" in name]
    assert in_order(number, part) == [name for name in in_order(number, NAMES) if name in part]


@pytest.mark.parametrize("above", ["tests/a", "tests/a/b", "tests/c", *FILES])
def test_the_tests_of_a_folder_and_of_a_file_stay_together(above):
    inside = [
        above in map(str, (path, *path.parents))
        for path in (PurePosixPath(name.split("::")[0]) for name in in_order(7, NAMES))
    ]
    assert str(inside).count("False, True") + inside[0] == 1


def test_another_seed_is_another_order():
    assert len({tuple(in_order(number, NAMES)) for number in range(20)}) == 20


def test_the_tests_of_a_file_that_is_marked_stay_as_they_are_written():
    order, names = RandomOrder(3), [name for name in NAMES if name.startswith(FILES[0])]
    assert sorted(names, key=lambda name: order.place(name, as_written=True)) == names != in_order(3, names)


def test_a_run_with_a_seed_has_its_order_and_says_how_to_repeat_it(request):
    given = request.config.getoption("order")
    orders = [each for each in request.config.pluginmanager.get_plugins() if isinstance(each, RandomOrder)]
    assert [each.seed for each in orders] == ([] if given is None else [given])
    for order in orders:
        here = [item.nodeid for item in request.session.items if item.path == request.path]
        assert here == in_order(given, here)
        assert order.pytest_report_header() == f"order of the tests: --order {given}"


def test_a_seed_is_drawn_or_named():
    assert len({seed("random") for _ in range(20)}) > 1
    assert seed("7") == 7


@dataclass(frozen=True)
class Threshold:
    value: int = 1


@pytest.fixture(scope="module")
def shared() -> Threshold:
    return Threshold()


@pytest.fixture(scope="module")
def overridden() -> Threshold:
    threshold = Threshold()
    override(threshold, value=9)
    return threshold


@pytest.mark.parametrize("value", [2, 3])
def test_an_override_ends_with_its_test_and_that_of_a_shared_fixture_stays(shared, overridden, value):
    assert (shared.value, overridden.value) == (1, 9)
    override(shared, value=value)
    override(overridden, value=value)
    assert shared.value == overridden.value == value
