"""Data, queues, keys and traffic, at the limits of each judge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.governance.domain.readiness import data_judges
from app.governance.domain.readiness.facts import (
    CallerFacts,
    CorpusFacts,
    KeyFact,
    ProbeFacts,
    QueueFacts,
    TrafficFacts,
)
from app.governance.domain.readiness.readiness_policy import ReadinessLimits
from app.governance.domain.readiness.vocabulary import Judge, JudgeContext

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
LIMITS = ReadinessLimits()
CONTEXT = JudgeContext(NOW, LIMITS.model_dump())
MOMENT = timedelta(microseconds=1)
CORPUS = CorpusFacts({"handbook": 3}, NOW, ("handbook",), "allow", 0, None)
TRAFFIC = TrafficFacts(answers=10, p95_ms=900.0, objective_ms=1000, charged=10, rated=2, newest_rating=NOW)


def test_without_a_published_document_there_is_neither_contract_nor_corpus() -> None:
    nothing = replace(CORPUS, documents={}, newest=None)
    found = data_judges.contracts(nothing, CONTEXT), data_judges.corpus(nothing, CONTEXT)
    assert {(each.status, each.found) for each in found} == {("red", "No document is published.")}


def test_documents_are_counted_over_all_sources_and_are_as_old_as_the_newest() -> None:
    found = data_judges.corpus(replace(CORPUS, documents={"a": 1200, "b": 34}), CONTEXT)
    assert (found.status, found.found, found.at) == ("green", "1,234 documents are published.", NOW)


def test_no_more_than_five_sources_without_rules_are_named() -> None:
    found = data_judges.contracts(replace(CORPUS, documents=dict.fromkeys("gfedcba", 1)), CONTEXT)
    assert (found.status, found.found) == ("red", "Sources without rules of their own: a, b, c, d, e.")


def test_rules_for_a_source_without_documents_do_no_harm() -> None:
    found = data_judges.contracts(replace(CORPUS, listed=("handbook", "wiki")), CONTEXT)
    assert (found.status, found.found) == ("green", "Each of 1 sources has its rules.")


@pytest.mark.parametrize(("longer", "status"), [(timedelta(), "amber"), (MOMENT, "red")])
def test_the_last_moment_of_quarantine_is_in_time(longer: timedelta, status: str) -> None:
    oldest = NOW - timedelta(days=LIMITS.quarantine_days) - longer
    found = data_judges.quarantine(replace(CORPUS, waiting=2, oldest_waiting=oldest), CONTEXT)
    assert (found.status, found.found[:17]) == (status, "2 documents wait,")


@pytest.mark.parametrize(
    ("judge", "name"),
    [
        (data_judges.damaged_document, "damaged_document"),
        (data_judges.injected_document, "injected_document"),
        (data_judges.irreversible_action, "irreversible_action"),
    ],
)
def test_each_sample_is_judged_by_its_own_control(judge: Judge, name: str) -> None:
    nothing = ProbeFacts(None, None, None)
    stopped = judge(replace(nothing, **{name: "the gate"}), CONTEXT)
    passed = judge(replace(ProbeFacts("x", "y", "z"), **{name: None}), CONTEXT)
    assert (stopped.status, stopped.found.endswith("is stopped by the gate.")) == ("green", True)
    assert (passed.status, passed.found.endswith("is not stopped.")) == ("red", True)
    assert stopped.digest != passed.digest


@pytest.mark.parametrize(
    ("facts", "status", "found"),
    [
        (QueueFacts(0, 0, None), "green", "0 items wait, none past its due time."),
        (QueueFacts(1200, 0, None), "green", "1,200 items wait, none past its due time."),
        (QueueFacts(5, 2, NOW), "red", "2 of 5 items are past their due time, the first since 2030-03-01."),
    ],
)
def test_a_queue_is_red_from_its_first_late_item(facts: QueueFacts, status: str, found: str) -> None:
    result = data_judges.review_queue(facts, CONTEXT)
    assert (result.status, result.found) == (status, found)


@pytest.mark.parametrize(("people", "status"), [("", "red"), ("a", "red"), ("ab", "green"), ("abc", "green")])
def test_as_many_reviewers_as_are_needed(people: str, status: str) -> None:
    assert data_judges.reviewers(CallerFacts((), tuple(people), 2), CONTEXT).status == status


def key(prefix: str, made: timedelta, used: timedelta | None = None, ends: bool = True) -> KeyFact:
    end = NOW + timedelta(days=1) if ends else None
    return KeyFact(prefix, prefix, NOW - made, end, NOW - used if used is not None else None)


@pytest.mark.parametrize(("longer", "status"), [(timedelta(), "green"), (MOMENT, "red")])
def test_a_key_may_be_as_old_and_as_long_unused_as_the_policy_says(longer: timedelta, status: str) -> None:
    old = key("a", timedelta(days=LIMITS.key_days) + longer, used=timedelta())
    idle = key("b", timedelta(days=200), used=timedelta(days=LIMITS.unused_key_days) + longer)
    new = key("c", timedelta(days=LIMITS.unused_key_days) + longer)
    assert data_judges.keys_expire(CallerFacts((old,), (), 1), CONTEXT).status == status
    assert data_judges.keys_used(CallerFacts((idle,), (), 1), CONTEXT).status == status
    assert data_judges.keys_used(CallerFacts((new,), (), 1), CONTEXT).status == status


def test_one_bad_key_among_good_ones_is_named_and_many_are_counted() -> None:
    good = key("good", timedelta(), timedelta())
    bad = [key(f"k{number}", timedelta(days=999), ends=False) for number in range(7)]
    one = CallerFacts((good, bad[0]), (), 1)
    assert data_judges.keys_expire(one, CONTEXT).found == "Without an end, or older than 365 days: k0 (1 in all)."
    many = CallerFacts((*bad, good), (), 1)
    assert data_judges.keys_used(many, CONTEXT).found == "Not used for 90 days: k0, k1, k2, k3, k4 (7 in all)."


def test_without_keys_nothing_is_wrong_and_nothing_is_shown() -> None:
    nobody = CallerFacts((), (), 1)
    assert data_judges.keys_expire(nobody, CONTEXT).status == data_judges.keys_used(nobody, CONTEXT).status == "amber"


@pytest.mark.parametrize(
    ("p95", "status"), [(None, "red"), (0.0, "green"), (1000.0, "green"), (1000.001, "red"), (float("inf"), "red")]
)
def test_answers_keep_the_objective_or_not(p95: float | None, status: str) -> None:
    assert data_judges.latency(replace(TRAFFIC, p95_ms=p95), CONTEXT).status == status


@pytest.mark.parametrize(
    ("answers", "charged", "status"),
    [(0, 0, "red"), (10, 9, "red"), (10, 10, "green"), (10, 12, "green"), (1, 0, "red")],
)
def test_every_answer_has_its_cost(answers: int, charged: int, status: str) -> None:
    assert data_judges.answers_charged(replace(TRAFFIC, answers=answers, charged=charged), CONTEXT).status == status


def test_feedback_is_as_old_as_the_newest_rating() -> None:
    rated, silent = data_judges.feedback(TRAFFIC, CONTEXT), data_judges.feedback(replace(TRAFFIC, rated=0), CONTEXT)
    assert (rated.status, rated.at, rated.found) == ("green", NOW, "2 of 10 answers were rated.")
    assert (silent.status, silent.found) == ("red", "No answer was rated.")
