"""What an answer does without at each step of the brownout."""

import pytest

from app.core.slo import BrownoutStep
from app.inference.domain.answer import ScreenedQuestion
from app.inference.domain.savings import NO_SAVINGS, Savings

ASKED = ScreenedQuestion("Who built it?", passages=8)
ACTING = ScreenedQuestion("Close T-1.", passages=8, actions=("close_ticket",))


def step(passages: int | None = None, second_model: bool = True, extractive: bool = False) -> BrownoutStep:
    return BrownoutStep(pressure=0.5, passages=passages, second_model=second_model, extractive=extractive)


@pytest.mark.parametrize(
    ("at", "question", "models", "expected"),
    [
        (None, ASKED, 2, NO_SAVINGS),
        (step(), ASKED, 2, NO_SAVINGS),
        (step(passages=4), ASKED, 2, Savings(passages=4)),
        (step(passages=8), ASKED, 2, NO_SAVINGS),  # it asks for no more anyway
        (step(passages=20), ASKED, 2, NO_SAVINGS),
        (step(second_model=False), ASKED, 2, Savings(models=1)),
        (step(second_model=False), ASKED, 1, NO_SAVINGS),  # there is no second one to save
        (step(second_model=False), ASKED, 0, NO_SAVINGS),
        (step(extractive=True), ASKED, 2, Savings(models=0)),
        (step(extractive=True), ASKED, 0, NO_SAVINGS),  # it would have quoted anyway
        (step(passages=2, extractive=True), ASKED, 1, Savings(2, 0)),
        (step(extractive=True), ACTING, 2, NO_SAVINGS),  # only a model can propose an action
        (step(passages=2, second_model=False, extractive=True), ACTING, 3, Savings(2, 1)),
    ],
)
def test_a_step_saves_only_what_the_answer_would_have_used(
    at: BrownoutStep | None, question: ScreenedQuestion, models: int, expected: Savings
) -> None:
    assert Savings.of(at, question, models) == expected


@pytest.mark.parametrize(
    ("savings", "reasons", "of_failure"),
    [
        (NO_SAVINGS, (), ()),
        (Savings(passages=4), ("overloaded: 4 passages",), ()),
        (Savings(models=1), (), ("overloaded: no second model",)),
        (Savings(models=0), ("overloaded: no model",), ()),
        (Savings(2, 0), ("overloaded: 2 passages", "overloaded: no model"), ()),
        (Savings(2, 1), ("overloaded: 2 passages",), ("overloaded: no second model",)),
    ],
)
def test_an_answer_names_what_it_did_without(
    savings: Savings, reasons: tuple[str, ...], of_failure: tuple[str, ...]
) -> None:
    assert (savings.reasons, savings.reasons_of_failure) == (reasons, of_failure)


def test_a_question_is_changed_only_in_its_passages() -> None:
    assert NO_SAVINGS.applied_to(ACTING) is ACTING
    less = Savings(passages=3, models=1).applied_to(ACTING)
    assert (less.passages, less.text, less.actions) == (3, ACTING.text, ACTING.actions)
