"""`pytest --quick`, which `make test-quick` runs: the rules of the house, and of every other kind of test a few."""

from collections.abc import Iterator, Sequence

import pytest

NEEDS_SERVERS = ("embedded", "forks")
"""Fixtures that start a database or processes."""
FEW = 3
"""Cases of one table, spread evenly over it."""


def quick_part(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Without a server or marked quick, neither slow nor long, and a few cases of each table; of `tests/house` all."""
    tables: dict[str, list[pytest.Item]] = {}
    for item in filter(is_quick, items):
        tables.setdefault(test_of(item), []).append(item)
    return [item for cases in tables.values() for item in few(cases)]


def is_quick(item: pytest.Item) -> bool:
    if item.get_closest_marker("quick"):
        return True
    used = set(item.fixturenames) if isinstance(item, pytest.Function) else set()
    takes_long = any(item.get_closest_marker(name) for name in ("slow", "long"))
    return not takes_long and used.isdisjoint(NEEDS_SERVERS)


def test_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def few(cases: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    if len(cases) <= FEW or cases[0].nodeid.startswith("tests/house/"):
        yield from cases
    else:
        yield from (cases[number * (len(cases) - 1) // (FEW - 1)] for number in range(FEW))
