"""Patterns at their bounds: of few failures, without vectors, equally bad, and more than are stored."""

from collections.abc import Sequence
from uuid import UUID, uuid5

import numpy as np
import pytest

from app.monitoring.domain.failures.failure_policy import FailurePolicy, HarmWeights
from app.monitoring.domain.failures.patterns import Failure, FailurePattern, FailureWindow, find_patterns
from app.monitoring.domain.failures.signature import FailureSignature
from app.monitoring.domain.question_vectors import QuestionArray

POLICY = FailurePolicy(min_failures=5, similarity=0.25)
NAMES = UUID(int=7)


def signature(reason: str = "off_topic", language: str = "en") -> FailureSignature:
    return FailureSignature(reason, "", "answerability", False, language)


def failures(count: int, of: FailureSignature | None = None, harm: float = 1.0, name: str = "a") -> list[Failure]:
    return [Failure(uuid5(NAMES, f"{name}{n}"), of or signature(), harm) for n in range(count)]


def towards(*axes: int) -> list[QuestionArray]:
    """One vector for each axis."""
    return [np.eye(8, dtype=np.float32)[axis] for axis in axes]


def window(found: Sequence[Failure], answers: int = 100, vectors: Sequence[QuestionArray] = ()) -> FailureWindow:
    rows = zip((each.answer_id for each in found if each.answer_id), vectors, strict=False)
    return FailureWindow(found, answers, dict(rows))


def patterns(
    now: FailureWindow, before: FailureWindow | None = None, background: float = 0.0, policy: FailurePolicy = POLICY
) -> list[FailurePattern]:
    return find_patterns(now, before or FailureWindow((), 100), background, policy)


def test_without_a_failure_there_is_no_pattern_whatever_was_before() -> None:
    assert patterns(window([])) == []
    assert patterns(window([], 0), window(failures(9), 0)) == []


@pytest.mark.parametrize(("count", "mixed"), [(4, True), (5, False)])
def test_the_least_number_of_failures_makes_a_pattern_of_its_own(count: int, mixed: bool) -> None:
    [found] = patterns(window(failures(count), vectors=towards(*[0] * count)))
    assert (found.failures, found.mixed) == (count, mixed)


def test_questions_without_a_vector_are_one_pattern_that_claims_no_likeness() -> None:
    [found] = patterns(window(failures(9)))
    assert (found.failures, found.mixed, len(found.answers)) == (9, False, 9)


def test_those_without_a_vector_join_those_that_are_like_none() -> None:
    [group, rest] = patterns(window(failures(9), vectors=towards(0, 0, 0, 0, 0, 1, 2)))
    assert (group.failures, group.mixed, rest.failures, rest.mixed) == (5, False, 4, True)
    assert not set(group.answers) & set(rest.answers)


def test_where_all_traffic_is_alike_more_likeness_is_asked_for() -> None:
    turned = [np.asarray([np.cos(a), np.sin(a)], dtype=np.float32) for a in (0, 0, 0, 0, 0, 1, 1, 1, 1, 1)]
    assert len(patterns(window(failures(10), vectors=turned))) == 1
    assert [each.failures for each in patterns(window(failures(10), vectors=turned), background=0.9)] == [5, 5]


def test_languages_and_reasons_divide_the_same_question() -> None:
    kinds = [signature(), signature("no_evidence"), signature(language="de")]
    found = patterns(window([each for n, kind in enumerate(kinds) for each in failures(6, kind, name=str(n))]))
    assert {each.signature for each in found} == set(kinds)
    assert [each.failures for each in found] == [6, 6, 6]


def test_equally_bad_patterns_are_in_one_order_whatever_that_of_the_failures() -> None:
    mixed = [each for n in range(4) for each in failures(3, signature(f"reason_{n}"), name=str(n))]
    one, other = [[each.signature for each in patterns(window(order))] for order in (mixed, mixed[::-1])]
    assert one == other


def test_only_the_worst_are_stored() -> None:
    policy = FailurePolicy(max_patterns=2)
    mixed = [each for n in range(5) for each in failures(2 + n, signature(f"reason_{n}"), name=str(n))]
    assert [each.failures for each in patterns(window(mixed), policy=policy)] == [6, 5]


@pytest.mark.parametrize(
    ("now", "answers", "before", "answers_before", "growth"),
    [
        (9, 99, 0, 99, 10.0),
        (9, 99, 9, 99, 1.0),
        (9, 99, 19, 99, 0.5),
        (9, 99, 0, 0, 0.1),  # nothing is known of before: no growth, rather than an endless one
        (4, 49, 9, 99, 1.0),
    ],
)
def test_growth_is_the_ratio_of_shares(now: int, answers: int, before: int, answers_before: int, growth: float) -> None:
    earlier = window(failures(before, name="b"), answers_before)
    [found] = patterns(window(failures(now), answers), earlier)
    assert (found.before, found.growth) == (before, pytest.approx(growth))


@pytest.mark.parametrize(("growth", "score"), [(0.1, 8.0), (1.0, 8.0), (2.0, 16.0), (8.0, 32.0)])
def test_growth_makes_harm_worse_and_decline_makes_it_no_better(growth: float, score: float) -> None:
    assert FailurePattern(signature(), (), 4, 0, 8.0, growth).score == score


def test_earlier_failures_like_no_group_are_those_of_the_rest() -> None:
    now = window(failures(7), vectors=towards(0, 0, 0, 0, 0, 1, 2))
    old = failures(6, name="b")
    found = patterns(now, window(old, vectors=towards(0, 0, 3, 4)))  # two more have no vector
    assert [(each.mixed, each.before) for each in sorted(found, key=lambda each: each.mixed)] == [(False, 2), (True, 4)]


def test_an_outage_counts_requests_without_an_answer_beside_answers() -> None:
    outage = FailureSignature("model_timeout", "", "generation", True, "und")
    asked = [*failures(3, outage), Failure(None, outage, 3.0), Failure(None, outage, 3.0)]
    [found] = patterns(window(asked), window([Failure(None, outage, 3.0)]))
    assert (found.failures, len(found.answers), found.harm, found.before) == (5, 3, 9.0, 1)


def test_failures_that_weigh_nothing_come_last() -> None:
    policy = FailurePolicy(harm=HarmWeights(refused=0))
    light, heavy = failures(9, signature("light"), 0.0, "l"), failures(1, signature("heavy"), 0.5, "h")
    assert [each.signature.reason for each in patterns(window([*light, *heavy]), policy=policy)] == ["heavy", "light"]
