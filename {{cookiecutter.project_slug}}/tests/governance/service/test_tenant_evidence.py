"""Figures of the rows of all tenants."""

import pytest

from app.governance.service.tenant_evidence import _p95


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 1), (2, 2), (10, 10), (19, 19), (20, 19), (21, 20), (99, 95), (100, 95), (101, 96)]
)
def test_95_of_100_answers_took_no_longer(count: int, expected: int) -> None:
    durations = list(range(1, count + 1))
    found = _p95(durations)
    assert found == expected
    assert sum(each <= found for each in durations) >= 0.95 * count
    assert sum(each < found for each in durations) < 0.95 * count


def test_without_answers_there_is_no_figure() -> None:
    assert _p95([]) is None
