"""The budgets of a load test: each that is not kept is named."""

from dataclasses import replace

import pytest

from app.core.slo import LoadTestPolicy
from benchmarks.load_driver import Replies
from benchmarks.load_test import Figures, over_budget
from benchmarks.overload import recovery

KEPT = Figures(
    alone_ms_p50=4.0,
    capacity_per_second=400.0,
    capacity_ms_p50=20.0,
    half_load_ratio=2.0,
    goodput=0.9,
    refused=100,
    refusal_ratio=0.1,
    recovery_seconds=1.0,
    failed=0,
)


def test_kept_budgets_say_nothing_and_a_run_without_refusals_keeps_theirs() -> None:
    assert over_budget(KEPT, LoadTestPolicy()) == []
    assert over_budget(replace(KEPT, refused=0, refusal_ratio=None), LoadTestPolicy()) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"goodput": 0.5}, "goodput is 0.5, and at least 0.8 is wanted"),
        ({"half_load_ratio": 9.0}, "half_load_ratio is 9.0"),
        ({"half_load_ratio": None}, "half_load_ratio is None"),
        ({"refusal_ratio": 1.5}, "refusal_ratio is 1.5"),
        ({"recovery_seconds": None}, "recovery_seconds is longer than the run"),
        ({"failed": 3}, "3 requests failed"),
    ],
)
def test_a_budget_that_is_not_kept_is_named(changed: dict[str, float | None], named: str) -> None:
    (sentence,) = over_budget(replace(KEPT, **changed), LoadTestPolicy())  # type: ignore[arg-type]
    assert sentence.startswith(named)


def test_a_service_has_recovered_when_it_stays_as_before() -> None:
    calm = Replies([(n / 10, 200, 0.01) for n in range(50)], [False] * 50)

    def after(*slow: float) -> Replies:
        events = [(10 + n / 10, 200, 0.5 if 10 + n / 10 in slow else 0.01) for n in range(50)]
        return Replies(events, [False] * len(events))

    assert recovery(after(), calm, 10, 5) == 0.0
    assert recovery(after(10.1, 11.2), calm, 10, 5) == 1.5
    assert recovery(after(14.9), calm, 10, 5) is None
