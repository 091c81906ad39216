"""At which values exactly a difference is drift and a period a reference."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.signals import SIGNALS, SignalCheck, SignalName, alpha_of_look, is_healthy

POLICY = DriftPolicy(min_share=0.03, min_shift=0.05, min_reference=100, max_refused=0.5, max_degraded=0.2)
CHECK = SignalCheck("refusals", 0.001, 0.001, 0.03, 2000, 500)


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_bounds_themselves_are_drift_and_what_is_beside_them_is_none(signal: SignalName) -> None:
    least = {"uncovered": 0.03, "refusals": 0.03, "questions": 0.0}.get(signal, 0.05)
    at = replace(CHECK, signal=signal, effect=least)
    assert at.drifted(POLICY)
    assert not replace(at, p=0.00101).drifted(POLICY)
    if least:
        assert not replace(at, effect=least - 1e-6).drifted(POLICY)
        assert replace(at, effect=-least).drifted(POLICY)


@pytest.mark.parametrize("effect", [0.0, 1e-9, 4.0])
def test_of_questions_every_significant_discrepancy_is_drift(effect: float) -> None:
    assert replace(CHECK, signal="questions", effect=effect).drifted(POLICY)


def test_what_cannot_be_compared_is_never_drift() -> None:
    for signal in SIGNALS:
        assert not SignalCheck(signal, 1.0, alpha_of_look(POLICY), 0.0, 0, 0).drifted(POLICY)


@pytest.mark.parametrize("tenants", [0, 1])
def test_without_a_tenant_the_chance_is_that_of_one(tenants: int) -> None:
    assert alpha_of_look(POLICY, tenants=tenants) == alpha_of_look(POLICY)


@pytest.mark.parametrize(("tenants", "looks"), [(1, 24), (7, 24), (300, 1)])
def test_all_looks_of_a_month_together_spend_the_chance_and_no_more(tenants: int, looks: int) -> None:
    spent = alpha_of_look(POLICY, looks, tenants) * looks * tenants * 30 * len(SIGNALS)
    assert spent == pytest.approx(POLICY.alpha)


@pytest.mark.parametrize(
    ("refused", "degraded", "answers", "healthy"),
    [
        (0, 0, 100, True),
        (0, 0, 99, False),
        (50, 0, 100, True),
        (51, 0, 100, False),
        (0, 20, 100, True),
        (0, 21, 100, False),
        (50, 20, 100, True),
        (51, 21, 100, False),
        (0, 0, 0, False),
    ],
)
def test_a_period_is_healthy_up_to_its_bounds(refused: int, degraded: int, answers: int, healthy: bool) -> None:
    assert is_healthy(refused, degraded, answers, POLICY) is healthy


@pytest.mark.parametrize(
    "values",
    [
        {"alpha": 0},
        {"alpha": 1},
        {"reference_days": 0},
        {"reference_days": 91},
        {"min_reference": 99},
        {"max_reference": 99},
        {"window": 99},
        {"step": 19},
        {"max_refused": 0},
        {"max_degraded": 1.1},
        {"min_share": 1},
        {"min_shift": -0.1},
        {"every_hours": 1},
        {"alpha": "often"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DriftPolicy.model_validate(values)
