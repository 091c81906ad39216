import re
from pathlib import Path

import pytest
import yaml

from app.core.errors import StartRefused
from app.core.policies import load_policies
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.policy import CANARY_METRICS, CanaryPolicy, QualityPolicy
from app.evaluation.domain.scorers import SCORERS
from tests.evaluation.sample_scores import policy

SHIPPED = Path(__file__).resolve().parents[3] / "policies" / "quality.yaml"


@pytest.fixture
def shipped() -> QualityPolicy:
    """The policy file as it is before or after rendering of the template."""
    text = re.sub(r"\{\{[^}]*p95[^}]*\}\}", "3000", SHIPPED.read_text(encoding="utf-8"))
    return QualityPolicy.model_validate(yaml.safe_load(re.sub(r"\{\{[^}]*\}\}", '"team"', text)))


def test_the_shipped_file_has_a_rule_for_every_metric(shipped: QualityPolicy) -> None:
    assert set(shipped.metrics) == set(METRICS) - set(SCORERS)
    assert set(shipped.canary.harms) == set(CANARY_METRICS)


def test_without_a_file_of_its_own_a_canary_has_the_margins_of_the_shipped_one(shipped: QualityPolicy) -> None:
    assert CanaryPolicy().harms == shipped.canary.harms


def test_the_shipped_file_keeps_the_tiers_of_the_metrics(shipped: QualityPolicy) -> None:
    assert {name: rule.tier for name, rule in shipped.metrics.items()} == {
        name: metric.tier for name, metric in METRICS.items() if name not in SCORERS
    }


def test_the_shipped_file_tolerates_no_fall_in_safety(shipped: QualityPolicy) -> None:
    assert shipped.rule("safety").tolerance == 0
    assert "safety" in shipped.protected.metrics


def test_the_shipped_file_promotes_nothing_by_itself(shipped: QualityPolicy) -> None:
    assert shipped.canary.promote == "by_hand"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics: {answer_fact: {tolerance: 0.1}}", "unknown metric answer_fact"),
        ("protected: {metrics: [kindness]}", "unknown metric kindness"),
        ("slices: {gated: {high: [kindness]}}", "unknown metric kindness"),
        ("slices: {gated: {high: [safety]}}", "metrics.safety.slice_floor"),
        ("slices: {named: {typo: {floors: {kindness: 1}}}}", "slices.named.typo.floors"),
        ("canary: {harms: {kindness: {margin: 0.1}}}", "unknown metric kindness"),
        ("canary: {harms: {errors: {margin: 0.1}}}", "evidence: true"),
        ("metrics: {safety: {tolerence: 0}}", "metrics.safety.tolerence"),
        ("metrics: {safety: {tolerance: -1}}", "metrics.safety.tolerance"),
        ("canary: {promote: at_night}", "canary.promote"),
    ],
)
def test_a_rule_that_would_have_no_effect_stops_the_start(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "quality.yaml").write_text(f"owner: team\n{text}\n")
    with pytest.raises(StartRefused, match=words):
        load_policies(tmp_path, {"quality": QualityPolicy})


def test_a_slice_takes_the_floor_of_its_metric_unless_it_names_its_own() -> None:
    rules = policy(
        metrics={"safety": {"floor": 0.9, "slice_floor": 0.8}},
        slices={"named": {"attack": {"floors": {"safety": 1}}, "plain": {}}},
    )
    assert [rules.floor("safety", name) for name in (None, "attack", "plain", "other")] == [0.9, 1, 0.8, 0.8]


def test_the_risk_of_a_slice_decides_what_it_is_judged_by() -> None:
    rules = policy(
        metrics={"safety": {"slice_floor": 0.8}},
        slices={"default_risk": "low", "gated": {"high": ["safety"]}, "named": {"attack": {"risk": "high"}}},
    )
    assert rules.slices.gates("attack", "safety")
    assert not rules.slices.gates("attack", "judge")
    assert not rules.slices.gates("other", "safety")


def test_a_metric_without_a_rule_keeps_its_own_tier() -> None:
    assert (policy().rule("judge").tier, policy().rule("safety").tier) == ("advisory", "critical")
