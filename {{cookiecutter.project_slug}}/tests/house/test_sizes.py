"""The house numbers of docs/decisions/0019-house-numbers.md."""

import pytest

from tests.house.naming import APP
from tests.house.sizes import TESTS, Lengths, Module, lines_below, modules_below, ratio_by_room


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return modules_below(APP)


def share(part: int, modules: list[Module]) -> float:
    return part / sum(module.lines for module in modules)


def test_files_are_short(modules: list[Module]) -> None:
    files = Lengths.of([module.lines for module in modules])
    assert files.median <= 90
    assert files.p90 <= 250
    assert files.longest <= 400


def test_functions_are_short(modules: list[Module]) -> None:
    functions = Lengths.of([length for module in modules for length in module.functions])
    assert functions.median <= 8
    assert functions.p90 <= 25
    assert functions.longest <= 50


def test_classes_are_short(modules: list[Module]) -> None:
    assert max(length for module in modules for length in module.classes) <= 200


def test_docstrings_explain_the_code_and_comments_are_rare(modules: list[Module]) -> None:
    comments, docstrings = sum(module.comments for module in modules), sum(module.docstrings for module in modules)
    assert share(comments, modules) <= 0.02
    assert 0.04 <= share(comments + docstrings, modules) <= 0.10


def test_tests_keep_up_with_the_code() -> None:
    assert 0.75 <= lines_below(TESTS) / lines_below(APP) <= 1.8


def test_no_room_is_left_behind() -> None:
    assert {room: ratio for room, ratio in ratio_by_room().items() if ratio < 0.45} == {}


def test_a_length_is_measured_from_the_first_line_to_the_last() -> None:
    text = 'X = 1  # why\n\n\ndef two() -> int:\n    """It is\n    two.\n    """\n    # why\n    return 2\n'
    assert Module.of(text) == Module(lines=9, functions=(6,), classes=(), comments=2, docstrings=3)
    assert Module.of("class Two:\n    X = 2\n") == Module(2, functions=(), classes=(2,), comments=0, docstrings=0)


def test_nine_of_ten_are_no_longer_than_p90() -> None:
    assert Lengths.of([*range(1, 11)]) == Lengths(median=5.5, p90=10, longest=10)
    assert Lengths.of([1] * 19 + [100]) == Lengths(median=1, p90=1, longest=100)
