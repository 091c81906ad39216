"""What a release can become, and what its history says of it."""

from datetime import UTC, datetime
from itertools import product

import pytest

from app.releases.domain import IllegalMove, ReleaseEvent, ReleaseHistory
from app.releases.domain.lifecycle import LEGAL_TRANSITIONS, STATES, EvaluationEvidence, ReleaseState, check_transition

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def allowed(before: ReleaseState | None, after: ReleaseState, *, exception: bool = False) -> bool:
    try:
        check_transition(before, after, "break_glass" if exception else None)
    except IllegalMove:
        return False
    return True


def history(*states: ReleaseState, **evidence: EvaluationEvidence) -> ReleaseHistory:
    """A release that went through these states, with the evidence of some of them."""
    before = (None, *states[:-1])
    return ReleaseHistory(
        tuple(
            ReleaseEvent("r" * 64, was, state, NOW, f"actor {number}", "why", evidence=evidence.get(f"at_{number}"))
            for number, (was, state) in enumerate(zip(before, states, strict=True))
        )
    )


@pytest.mark.parametrize(("before", "after"), list(product([None, *STATES], STATES)))
def test_only_the_steps_of_the_table_are_taken(before: ReleaseState | None, after: ReleaseState) -> None:
    assert allowed(before, after) is (after in LEGAL_TRANSITIONS[before])


def test_every_state_can_be_reached_and_left() -> None:
    assert set().union(*LEGAL_TRANSITIONS.values()) == set(STATES)
    assert all(LEGAL_TRANSITIONS[state] for state in STATES)


def test_a_release_goes_live_only_from_where_it_was_approved() -> None:
    assert {state for state in STATES if allowed(state, "live")} == {"approved", "canary", "superseded", "rolled_back"}


def test_an_exception_approves_whatever_is_stored_and_not_live() -> None:
    assert {state for state in STATES if allowed(state, "approved", exception=True)} == {*STATES} - {"live"}
    assert not allowed(None, "approved", exception=True)


@pytest.mark.parametrize("after", [state for state in STATES if state != "approved"])
def test_an_exception_is_for_an_approval_and_nothing_else(after: ReleaseState) -> None:
    assert allowed("draft", after, exception=True) is allowed("draft", after)


def test_a_refusal_names_what_is_possible() -> None:
    with pytest.raises(IllegalMove, match="A release that is draft cannot become live, only evaluated, rejected"):
        check_transition("draft", "live")
    with pytest.raises(IllegalMove, match="A release that is not stored cannot become live"):
        check_transition(None, "live")


def test_the_newest_event_is_the_state_and_the_first_one_names_the_author() -> None:
    told = history("draft", "evaluated", "approved")
    assert (told.state, told.author) == ("approved", "actor 0")


def test_what_a_release_once_was_is_not_forgotten() -> None:
    assert history("draft", "evaluated", "approved", "live", "superseded").was_live
    assert history("draft", "evaluated", "approved", "evaluated").was_approved
    assert not history("draft", "evaluated").was_approved
    assert not history("draft", "evaluated", "approved").was_live


def test_the_evidence_is_that_of_the_newest_evaluation() -> None:
    first, second = EvaluationEvidence("a" * 64, "FAIL"), EvaluationEvidence("b" * 64, "PASS")
    assert history("draft", "evaluated", "evaluated", "approved", at_1=first, at_2=second).evidence == second
    assert history("draft", "rejected").evidence is None
