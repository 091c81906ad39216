"""What the policies that are shipped do with the samples, and what weaker ones do not stop."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.ownership import OwnershipPolicy
from app.core.policies import load_policies
from app.governance.domain.readiness.facts import ProbeFacts
from app.governance.service.probes import probe
from app.inference.domain.human_review import ReviewPolicy
from app.ingestion.domain.policy import DataPolicy
from app.safety.domain.policy import SecurityPolicy
from tests.conftest import TESTED

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
SHIPPED = load_policies(
    TESTED / "policies",
    {"data": DataPolicy, "security": SecurityPolicy, "ownership": OwnershipPolicy, "review": ReviewPolicy},
    all_files=False,
)


def probed(policy: str, **changes: Mapping[str, object]) -> ProbeFacts:
    """With other values in a group of a policy."""
    before = SHIPPED.loaded[policy]
    groups = {group: getattr(before, group).model_copy(update=values) for group, values in changes.items()}
    return probe(replace(SHIPPED, loaded={**SHIPPED.loaded, policy: before.model_copy(update=groups)}), NOW)


def test_every_sample_is_stopped_by_a_control_that_is_named() -> None:
    found = probe(SHIPPED, NOW)
    assert found.damaged_document == "quarantine (encoding_damage)"
    assert found.injected_document
    assert found.injected_document.endswith("which marks the text as data")
    assert found.irreversible_action == "the rule cannot-be-undone"


@pytest.mark.parametrize(
    ("action", "words"), [("quarantine", "quarantine (suspicious_content)"), ("flag", "marks the text as data")]
)
def test_an_injected_document_is_stopped_as_the_policy_says(action: str, words: str) -> None:
    found = probed("security", documents={"instructions": action, "suspected_instructions": action})
    assert found.injected_document
    assert words in found.injected_document


def test_a_damaged_document_that_another_gate_stops_first_is_named_by_that_gate() -> None:
    assert probed("data", defaults={"min_words": 10_000}).damaged_document == "quarantine (too_short)"


@pytest.mark.parametrize("risk_tier", ["low", "medium", "high"])
def test_what_cannot_be_undone_waits_without_any_rule(risk_tier: str) -> None:
    """The code itself holds it back, whatever the policy says."""
    ownership = SHIPPED.loaded["ownership"].model_copy(update={"risk_tier": risk_tier})
    review = SHIPPED.loaded["review"].model_copy(update={"rules": ()})
    loaded = {**SHIPPED.loaded, "ownership": ownership, "review": review}
    found = probe(replace(SHIPPED, loaded=loaded), NOW).irreversible_action
    assert found
    assert found != "the rule cannot-be-undone"
