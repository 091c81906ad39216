"""What section `output` of policies/security.yaml does with each kind of finding."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.safety.domain.output_policy import OutputPolicy, is_of_output
from app.safety.domain.text import Finding


@pytest.mark.parametrize(
    ("rule", "of_output"),
    [("secret.github", True), ("prompt_leak", True), ("output_link.removed", True), ("instructions.override", False)],
)
def test_findings_of_text_that_leaves_are_told_from_others(rule: str, of_output: bool) -> None:
    assert is_of_output(Finding(rule, "")) is of_output


@pytest.mark.parametrize(
    ("rules", "waits"),
    [([], False), (["secret.a"], False), (["prompt_leak"], True), (["secret.a", "prompt_leak"], True)],
)
def test_one_finding_is_enough_for_a_review(rules: list[str], waits: bool) -> None:
    assert OutputPolicy(prompt="review").needs_review([Finding(rule, "") for rule in rules]) is waits


@pytest.mark.parametrize(
    ("changed", "whole"),
    [({}, False), ({"links": "refuse"}, True), ({"prompt": "review"}, True), ({"secrets": "refuse"}, True)],
)
def test_an_answer_is_decided_on_as_a_whole_where_it_may_be_kept_back(changed: dict[str, Any], whole: bool) -> None:
    assert OutputPolicy(**changed).decides_on_the_whole is whole


def test_each_kind_has_the_action_of_its_field_and_another_kind_is_masked() -> None:
    policy = OutputPolicy(links="refuse", prompt="review", secrets="remove")
    rules = (
        "output_link.removed",
        "prompt_leak.described",
        "secret.github",
        "personal_data.name",
        "output_link.parted",
    )
    assert [policy.action(rule) for rule in rules] == ["refuse", "review", "remove", "mask", "mask"]


def test_hosts_are_names_in_one_form() -> None:
    assert OutputPolicy(hosts=(" Docs.Example.com. ",)).hosts == ("docs.example.com",)
    for wrong in ("*.example.com", "docs.example.com/a", "", "münchen.example"):
        with pytest.raises(ValidationError, match="is not a host"):
            OutputPolicy(hosts=("docs.example.com", wrong))
