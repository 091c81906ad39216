"""Which of several signs a failure is named after, and what an unknown reason goes to."""

from typing import Any

import pytest

from app.core.clock import ManualClock
from app.inference.domain.answer_record import FailedRequest
from app.monitoring.domain.failures.signature import FailureSignature, place_of, signature_of, signature_of_problem
from tests.monitoring.traffic import record_of

CLOCK = ManualClock()
ALL = {
    "refusal": "off_topic",
    "degraded": True,
    "reasons": ("search: search_timeout",),
    "outcome": "rejected",
    "rule": "all",
    "helpful": False,
}


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        ((), "off_topic"),
        (("refusal",), "search_timeout"),
        (("refusal", "degraded"), "rejected"),
        (("refusal", "reasons"), "rejected"),
        (("refusal", "degraded", "outcome"), "unhelpful"),
    ],
)
def test_what_explains_more_comes_first(without: tuple[str, ...], reason: str) -> None:
    values: dict[str, Any] = {name: value for name, value in ALL.items() if name not in without}
    assert signature_of(record_of(CLOCK, "How?", **values)).reason == reason


@pytest.mark.parametrize(
    ("reasons", "reason"),
    [
        (("search: out_of_time",), "out_of_time"),
        (("search: out_of_time", "gpt: model_timeout"), "out_of_time"),  # the first one led to the others
        (("gpt: model_timeout: again",), "model_timeout: again"),
        (("overloaded: 3 passages",), "overloaded"),
        (("embedding_failed",), "embedding_failed"),
        (("gpt: ",), "gpt"),
        (("gpt:model_timeout",), "gpt:model_timeout"),
        (("",), "unhelpful"),
        ((), "unhelpful"),
    ],
)
def test_the_code_of_a_degradation_is_what_follows_its_step(reasons: tuple[str, ...], reason: str) -> None:
    assert signature_of(record_of(CLOCK, "How?", degraded=True, reasons=reasons)).reason == reason


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"outcome": "rejected", "rule": "all", "findings": ("secret",)}, "all"),
        ({"outcome": "rejected", "rule": "", "findings": ("secret",)}, ""),
        ({"outcome": "approved", "rule": "all", "findings": ("secret", "link")}, "secret"),
        ({"outcome": "approved", "rule": "all"}, ""),
        ({"helpful": False, "findings": ("link",)}, "link"),
    ],
)
def test_the_rule_is_that_of_a_rejection_or_of_the_first_finding(values: dict[str, Any], rule: str) -> None:
    assert signature_of(record_of(CLOCK, "How?", **values)).rule == rule


@pytest.mark.parametrize(
    ("reason", "step", "responsible"),
    [
        ("model_unheard_of", "generation", "provider"),
        ("stream_cut", "generation", "provider"),
        ("model", "generation", "capacity"),
        ("unheard_of", "generation", "capacity"),
        ("", "generation", "capacity"),
        ("model_declined", "generation", "model"),  # a known one, although it begins as those of a provider do
    ],
)
def test_an_unknown_reason_goes_to_the_provider_only_by_its_beginning(reason: str, step: str, responsible: str) -> None:
    assert place_of(reason) == (step, responsible)


def test_an_unknown_problem_of_a_request_has_the_request_as_its_step_and_a_known_one_its_own() -> None:
    unknown, known = [FailedRequest(CLOCK.now(), code, "0" * 64) for code in ("unheard_of", "search_timeout")]
    assert signature_of_problem(unknown) == FailureSignature("unheard_of", "", "request", False, "und")
    assert signature_of_problem(known).step == "retrieval"


def test_a_degraded_refusal_and_a_plain_one_are_not_one_pattern() -> None:
    plain, degraded = [record_of(CLOCK, "How?", refusal="no_answer", degraded=each) for each in (False, True)]
    assert signature_of(plain) != signature_of(degraded)
    assert sorted([signature_of(degraded), signature_of(plain)])[0] == signature_of(plain)
