"""What makes an evaluation case of a failed question, and what the policy of failures accepts."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from app.core.clock import ManualClock
from app.evaluation.domain.cases import Case
from app.monitoring.domain.failures.case_candidate import Expectation, ExpectationUnusable, FailureCandidate
from app.monitoring.domain.failures.failure_policy import FailurePolicy
from app.monitoring.domain.policy import MonitoringPolicy

QUESTION = "How long is the leave?"


def case(expected: Expectation, groups: tuple[str, ...] = ()) -> Case:
    return expected.case_of("failure-1", QUESTION, groups)


def test_an_answer_a_source_or_a_refusal_makes_a_case() -> None:
    assert case(Expectation("Twelve weeks.")).answer == "Twelve weeks."
    assert [each.uri for each in case(Expectation(sources=("leave.md",))).sources] == ["leave.md"]
    assert case(Expectation(refuse=True)).should_refuse is True
    assert case(Expectation("Twelve weeks."), ("board",)).groups == ("board",)


@pytest.mark.parametrize("expected", [Expectation(), Expectation("Twelve weeks.", refuse=True), Expectation("")])
def test_nothing_or_a_contradiction_makes_none(expected: Expectation) -> None:
    with pytest.raises(ExpectationUnusable):
        case(expected)


def test_the_id_of_a_case_comes_from_its_answer() -> None:
    made = FailureCandidate(UUID(int=0xABC), "off_topic", "why", "ops", ManualClock().now())
    assert made.case_id == "failure-000000000abc"


@pytest.mark.parametrize(
    "values", [{"similarity": 0}, {"similarity": 1}, {"min_failures": 1}, {"harm": {"refused": -1}}, {"window": 7}]
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FailurePolicy.model_validate(values)


def test_the_policy_has_defaults_for_all_but_its_owner() -> None:
    assert MonitoringPolicy(owner="Platform").failures == FailurePolicy()


def test_harm_that_is_not_named_weighs_what_it_weighs_by_default() -> None:
    policy = FailurePolicy.model_validate({"harm": {"refused": 5}})
    assert (policy.harm.refused, policy.harm.unhelpful) == (5, FailurePolicy().harm.unhelpful)


def test_of_one_question_two_answers_make_two_cases() -> None:
    at = ManualClock().now()
    made = [FailureCandidate(UUID(int=number), "off_topic", "why", "ops", at).case_id for number in (1, 2)]
    assert len(set(made)) == 2


@pytest.mark.parametrize("name", ["every_hours", "window_days", "keep_days", "max_failures", "max_patterns"])
def test_periods_and_bounds_are_above_zero(name: str) -> None:
    with pytest.raises(ValidationError):
        FailurePolicy.model_validate({name: 0})
