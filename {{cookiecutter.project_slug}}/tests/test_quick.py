"""Which tests `make test-quick` runs."""

import pytest

from tests.quick import quick_part


class Case(pytest.Item):
    def runtest(self) -> None: ...


def test_of_a_table_it_runs_the_ends_and_the_middle_in_any_order(request: pytest.FixtureRequest) -> None:
    def case(nodeid: str) -> pytest.Item:
        return Case.from_parent(request.session, name=nodeid, nodeid=nodeid)

    rows = [case(f"tests/test_a.py::test_table[{number}]") for number in range(9)]
    rules = [case(f"tests/house/test_b.py::test_rule[{number}]") for number in range(9)]
    slow, long, alone = (case(f"tests/test_a.py::test_{name}") for name in ("slow", "long", "alone"))
    slow.add_marker("slow")
    long.add_marker("long")
    mixed = [*rows[:2], slow, *rules[:5], *rows[2:], alone, long, *rules[5:]]
    assert quick_part(mixed) == [rows[0], rows[4], rows[8], *rules, alone]
