from collections.abc import Iterator

import pytest

from app.evaluation.domain.metrics import METRICS, Metric
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.scorers import SCORERS, Scorer, add_scorers
from app.evaluation.domain.scoring import score, values_of
from app.evaluation.domain.suites import Suite
from tests.evaluation.domain.test_scoring import SEEN, case

BREVITY = Metric("brevity", "higher", "share", "nobody reads the answer to its end", "advisory")


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    before = dict(METRICS), dict(SCORERS)
    yield
    for registry, kept in zip((METRICS, SCORERS), before, strict=True):
        registry.clear()
        registry.update(kept)  # type: ignore[arg-type]


def test_a_scorer_scores_cases_and_may_be_named_by_the_policy() -> None:
    add_scorers([Scorer(BREVITY, lambda case, seen: 0.5)])
    assert score(case(), SEEN).values["brevity"] == 0.5
    assert "brevity" not in values_of(case(), SEEN), "live traffic is scored by the shipped metrics"
    policy = {"owner": "tests", "metrics": {"brevity": {"tier": "critical", "floor": 0.4}}}
    assert QualityPolicy.model_validate(policy).rule("brevity").tier == "critical"


def test_scorers_and_their_versions_are_part_of_a_suites_digest() -> None:
    suite = Suite("own", (case(),))
    digests = [suite.digest]
    for version in (1, 2):
        SCORERS["brevity"] = Scorer(BREVITY, lambda case, seen: 0.5, version)
        digests.append(suite.digest)
    assert len(set(digests)) == 3


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(value: float) -> None:
    add_scorers([Scorer(BREVITY, lambda case, seen: value)])
    with pytest.raises(ValueError, match="brevity of case"):
        score(case(), SEEN)
