from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.governance.domain.risk_register import LiveReleaseFacts, RiskFacts, register

OWNERS = {"service": "team", "model": "mia", "prompts": "pia", "data": "dora", "policies": "otto"}
LIVE = LiveReleaseFacts(
    number=7,
    same_code=True,
    differing_policies=(),
    pinned_index_serves=True,
    chain_of_models=("large", "extractive"),
    deadline_seconds=4,
    verdict="PASS",
    evaluated_at=datetime(2029, 12, 30, tzinfo=UTC),
    unproven=None,
    lacking=None,
    approvers=("bob",),
    author="ana",
)
GOOD = RiskFacts(
    at=datetime(2030, 1, 1, tzinfo=UTC),
    live=LIVE,
    traces="otlp",
    chain="12 lines, verified just now.",
    budget_usd=Decimal(100),
    spent_usd=Decimal(10),
    review_policy=True,
)


def standing(risk: int, **changes: Any) -> str:
    return register(replace(GOOD, **changes), OWNERS)[risk - 1].standing


def of_live(**changes: Any) -> dict[str, Any]:
    return {"live": replace(LIVE, **changes)}


def test_with_everything_attached_only_the_build_is_taken_at_its_word() -> None:
    assert [risk.standing for risk in register(GOOD, OWNERS)].count("in force") == 11
    assert standing(4) == "checked by the build"


@pytest.mark.parametrize(
    ("number", "changes", "expected"),
    [
        (1, of_live(same_code=False), "attention"),
        (1, {"live": None}, "missing"),
        (2, of_live(pinned_index_serves=False), "attention"),
        (3, of_live(chain_of_models=()), "missing"),
        (5, of_live(verdict=None), "missing"),
        (5, of_live(verdict="FAIL"), "missing"),
        (5, of_live(verdict="INCONCLUSIVE"), "missing"),
        (6, {"traces": "none"}, "attention"),
        (7, {"unguarded": ("answers",)}, "missing"),
        (7, {"bypasses": True}, "missing"),
        (8, {"whole": False}, "missing"),
        (8, {"overdue_emergencies": 1, "open_emergencies": 1}, "missing"),
        (8, {"open_emergencies": 1}, "attention"),
        (8, of_live(unproven="first_release"), "attention"),
        (8, of_live(lacking="1 must approve it"), "attention"),
        (10, {"spent_usd": Decimal(81)}, "attention"),
        (10, {"spent_usd": Decimal(101)}, "missing"),
        (11, {"review_policy": False}, "missing"),
        (12, of_live(differing_policies=("cost",)), "attention"),
        (12, {"live": None}, "missing"),
    ],
)
def test_a_control_that_is_taken_away_is_seen(number: int, changes: dict[str, Any], expected: str) -> None:
    assert standing(number, **changes) == expected


def test_each_risk_goes_to_whoever_answers_for_its_part() -> None:
    owners = {risk.number: risk.owner for risk in register(GOOD, OWNERS)}
    assert (owners[2], owners[3], owners[8], owners[11]) == ("dora", "mia", "team", "otto")
