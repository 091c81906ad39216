import re
from uuid import UUID, uuid4

import pytest

from app.privacy.domain.requests import Scope, Selection, SubjectTooShort, pattern_of


def finds(subject: str, text: str) -> bool:
    return re.search(pattern_of(subject), text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Ada Quill asked.",
        "ada QUILL",
        "Ada\nQuill",
        "Ada   Quill",
        '{"name": "Ada\\nQuill"}',
        "https://example.com/?who=Ada%20Quill",
        "who=Ada+Quill",
        "(Ada Quill)",
        "Ada Quill's",
    ],
)
def test_a_subject_is_found_however_its_words_are_set_apart(text: str) -> None:
    assert finds("Ada Quill", text)


@pytest.mark.parametrize("text", ["Ada Quillfeather", "Canada Quill", "Ada and Quill", "AdaQuill", "Quill Ada"])
def test_what_only_contains_a_subject_is_not_found(text: str) -> None:
    assert not finds("Ada Quill", text)


@pytest.mark.parametrize(
    "subject", ["ada.quill@example.org", "+49 30 1234567", "DE89 3704 0044", "O'Quill", 'Ada "Q" Quill', "C:\\ada"]
)
def test_signs_of_a_subject_mean_themselves(subject: str) -> None:
    assert finds(subject, f"It was {subject}.")
    assert finds(subject, f"It was {subject}".replace("\\", "\\\\").replace('"', '\\"'))


def test_a_dot_is_no_other_sign() -> None:
    assert not finds("ada.quill@example.org", "adaXquill@example.org")


@pytest.mark.parametrize("subject", ["", "  ", "ab", " a "])
def test_a_subject_of_fewer_than_three_signs_is_refused(subject: str) -> None:
    with pytest.raises(SubjectTooShort, match="fewer than 3"):
        _ = Selection("subject", subject).pattern


def test_only_a_subject_is_searched_as_text() -> None:
    assert Selection("document", str(uuid4())).pattern is None
    assert Selection("key", "abc").pattern is None


def test_ids_that_were_stored_are_added_to_those_that_are_found() -> None:
    one, two = UUID(int=1), UUID(int=2)
    scope = Scope(documents=(two,)).with_ids({"documents": [str(one)], "answers": [str(two)]})
    assert scope.documents == (one, two)
    assert scope.answers == (two,)
    assert scope.keys == ()


def test_what_is_stored_of_a_scope_holds_no_text() -> None:
    scope = Scope(documents=(UUID(int=1),), names=("Ada Quill",), units=("Ada Quill",), pattern="Ada Quill")
    assert "Quill" not in str(scope.ids)
