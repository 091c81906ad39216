"""Why somebody did something: the one rule for every reason that goes into the audit log."""

from typing import Annotated, Final

from pydantic import Field

from app.core.errors import Invalid

SHORTEST_WORD: Final = 3

Reason = Annotated[
    str, Field(min_length=1, max_length=2000, pattern=r"\S", description="For the audit log; it needs words.")
]
"""A reason in the body of a request. Whether it says anything is for `check_reason`, which every service asks."""


class ReasonRequired(Invalid):
    code, title = "reason_missing", "A reason needs words"
    action = "Say why, in words that whoever reads the audit log in a year will understand."


def check_reason(reason: str) -> str:
    """The reason without the space around it. Errors: ReasonRequired, when there is no word of three letters or more in
    it: a key that was pressed or held down by accident is no reason.
    """
    told = reason.strip()
    if not told:
        raise ReasonRequired("No reason was given.")
    if not any(_is_word(each) for each in told.split()):
        raise ReasonRequired(f"The reason has no word of {SHORTEST_WORD} letters or more.")
    return told


def _is_word(text: str) -> bool:
    letters = [each for each in text.casefold() if each.isalpha()]
    return len(letters) >= SHORTEST_WORD and len(set(letters)) > 1
