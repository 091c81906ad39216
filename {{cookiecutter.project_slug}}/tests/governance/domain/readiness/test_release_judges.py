"""Releases, their evaluation, staging and rollback, at the limits of each judge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.governance.domain.readiness import release_judges
from app.governance.domain.readiness.facts import RolloutFacts, SuiteFacts
from app.governance.domain.readiness.readiness_policy import ReadinessLimits
from app.governance.domain.readiness.vocabulary import CheckEvidence, JudgeContext
from tests.governance.domain.test_judges import LIVE, ROLLOUTS

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
CONTEXT = JudgeContext(NOW, ReadinessLimits().model_dump())


def of_live(**changes: Any) -> RolloutFacts:
    return replace(ROLLOUTS, live=replace(LIVE, **changes))


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("latest", "red"),
        ("MODEL-LATEST", "red"),
        ("provider/model_default", "red"),
        ("model:current", "red"),
        ("latest-2024-01-01", "green"),
        ("modellatest", "green"),
        ("", "green"),
    ],
)
def test_a_model_is_pinned_unless_its_name_ends_in_a_word_that_moves(model: str, status: str) -> None:
    found = release_judges.models_pinned(of_live(models=(model,)), CONTEXT)
    assert (found.status, "may exchange" in found.found) == (status, status == "red")


def test_what_differs_from_the_live_release_is_named() -> None:
    found = release_judges.files_released(of_live(differs=("prompts", "chain")), CONTEXT)
    assert (found.status, found.found) == ("red", "Files or settings differ from release 7: prompts, chain.")


def test_another_index_is_not_that_of_the_release() -> None:
    found = release_judges.index_serves(of_live(index_serves=False), CONTEXT)
    assert (found.status, found.found) == ("red", "The index or its embedder is not that of release 7.")


def test_what_is_as_it_should_be_is_said_too() -> None:
    for judge, words in (
        (release_judges.files_released, "Files and settings are those of release 7."),
        (release_judges.index_serves, "The live index is that of release 7, with its embedder."),
    ):
        assert (judge(ROLLOUTS, CONTEXT).status, judge(ROLLOUTS, CONTEXT).found) == ("green", words)
    assert release_judges.emergencies(ROLLOUTS, CONTEXT).found == "No review is overdue."
    assert release_judges.staged_before(ROLLOUTS, CONTEXT).found.startswith("Release 7 was on staging on 20")
    assert release_judges.staging_used(ROLLOUTS, CONTEXT).found.startswith("Staging was last changed on 20")
    assert release_judges.models_pinned(of_live(models=("a", "b")), CONTEXT).found == "Models: a, b."


def test_without_a_live_release_its_judges_are_red() -> None:
    found = release_judges.live_evaluation(replace(ROLLOUTS, live=None), CONTEXT)
    assert (found.status, found.found) == ("red", "Nothing is live.")
    found = release_judges.live_evaluation(of_live(verdict=None), CONTEXT)
    assert (found.status, found.found) == ("red", "Release 7 was never evaluated.")


def test_an_evaluation_is_as_old_as_its_report() -> None:
    found = release_judges.live_evaluation(ROLLOUTS, CONTEXT)
    assert (found.status, found.at, found.found) == ("green", NOW, "Release 7: PASS, report aaaaaaaaaaaa.")
    assert release_judges.live_evaluation(of_live(report=None), CONTEXT).found == "Release 7: PASS, report ."


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({}, "green", "by ana was approved by bob."),
        ({"approvers": ("bob", "eve")}, "green", "by ana was approved by bob, eve."),
        ({"approvers": ()}, "red", "by ana was approved by nobody."),
        ({"lacking": "one more is needed."}, "red", "Release 7: one more is needed."),
    ],
)
def test_an_approval_is_whole_or_says_what_it_lacks(changes: dict[str, Any], status: str, words: str) -> None:
    found = release_judges.approved_by_others(of_live(**changes), CONTEXT)
    assert (found.status, found.found.endswith(words)) == (status, True)


def test_what_was_never_on_staging_is_red() -> None:
    assert release_judges.staged_before(of_live(staged_at=None), CONTEXT).status == "red"
    never = release_judges.staging_used(replace(ROLLOUTS, staging_moved_at=None), CONTEXT)
    assert (never.status, never.found, never.at) == ("red", "Nothing was ever on staging.", None)


@pytest.mark.parametrize(("overdue", "status"), [(0, "green"), (1, "red"), (2, "red")])
def test_an_emergency_is_reviewed_in_time(overdue: int, status: str) -> None:
    found = release_judges.emergencies(replace(ROLLOUTS, overdue_emergencies=overdue), CONTEXT)
    assert (found.status, f"{overdue} activations" in found.found) == (status, overdue > 0)


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"rehearsed_at": None}, "red", "A rollback was never rehearsed."),
        ({"rehearsal_seconds": None}, "green", "A rollback was rehearsed on 2030-03-01."),
        (
            {"rehearsal_seconds": 60.0},
            "green",
            "A rollback was rehearsed on 2030-03-01 and took 60.00 s; at most 60 s.",
        ),
        (
            {"rehearsal_seconds": 60.01},
            "red",
            "A rollback was rehearsed on 2030-03-01 and took 60.01 s; at most 60 s.",
        ),
    ],
)
def test_a_rollback_was_rehearsed_within_its_time(changes: dict[str, Any], status: str, found: str) -> None:
    result = release_judges.rehearsed(replace(ROLLOUTS, **changes), CONTEXT)
    assert (result.status, result.found) == (status, found)


def test_a_rollback_needs_somewhere_to_go() -> None:
    found = release_judges.rollback_target(replace(ROLLOUTS, earlier=None), CONTEXT)
    assert (found.status, found.found) == ("red", "There is no release to go back to.")
    assert release_judges.rollback_target(ROLLOUTS, CONTEXT).found == "A rollback goes to release eeeeeeeeeeee."


@pytest.mark.parametrize(
    ("judge", "number", "least"),
    [
        (release_judges.golden_suite, "golden", "golden_cases"),
        (release_judges.own_cases, "own", "own_cases"),
        (release_judges.red_team_suite, "red_team", "red_team_cases"),
    ],
)
def test_each_suite_has_its_own_least_number(
    judge: Callable[[SuiteFacts, JudgeContext], CheckEvidence], number: str, least: str
) -> None:
    enough = CONTEXT.limits[least]
    nothing = SuiteFacts(0, 0, 0, "d")
    assert judge(replace(nothing, **{number: enough}), CONTEXT).status == "green"
    assert judge(replace(SuiteFacts(999, 999, 999, "d"), **{number: enough - 1}), CONTEXT).status == "red"
    strict = JudgeContext(NOW, {**CONTEXT.limits, least: enough + 1})
    assert judge(replace(nothing, **{number: enough}), strict).status == "red"
