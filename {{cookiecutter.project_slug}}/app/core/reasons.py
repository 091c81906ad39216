"""The rule for every reason that goes into the audit log."""

from typing import Annotated, Final

from pydantic import Field

from app.core.errors import Invalid

MIN_WORD_LETTERS: Final = 3

_LETTER: Final = r"[^\W\d_]"
_BETWEEN: Final = r"(?:(?!\s)[\W\d_])*"
WORD_PATTERN: Final = (
    rf"({_LETTER}){_BETWEEN}(?!\1){_LETTER}{_BETWEEN}{_LETTER}|{_LETTER}{_BETWEEN}({_LETTER}){_BETWEEN}(?!\2){_LETTER}"
)
"""The rule of `check_reason` as the OpenAPI document says it: three letters without a space between them, not all the
same. Only that `A` and `a` are the same letter cannot be said there.
"""

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        pattern=r"\S",
        description="For the audit log; must contain a word.",
        json_schema_extra={"pattern": WORD_PATTERN},
    ),
]
"""A reason in the body of a request. Services check its content with `check_reason`."""


class ReasonRequired(Invalid):
    code, title = "reason_required", "A reason needs words"
    action = "Say why, in words that a reader of the audit log will understand in a year."


def check_reason(reason: str) -> str:
    """The reason, stripped. Errors: ReasonRequired, when it has no word of three letters or more, as when a key was
    pressed or held down by accident.
    """
    stripped = reason.strip()
    if not stripped:
        raise ReasonRequired("No reason was given.")
    if not any(_is_word(each) for each in stripped.split()):
        raise ReasonRequired(f"The reason has no word of {MIN_WORD_LETTERS} letters or more.")
    return stripped


def _is_word(text: str) -> bool:
    letters = [each for each in text.casefold() if each.isalpha()]
    return len(letters) >= MIN_WORD_LETTERS and len(set(letters)) > 1
