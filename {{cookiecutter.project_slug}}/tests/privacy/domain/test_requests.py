import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import (
    ErasureBlocked,
    ErasureScope,
    LegalHold,
    PrivacyRequest,
    RequestState,
    Selection,
    SubjectTooShort,
)
from app.privacy.domain.spellings import pattern_of
from app.privacy.domain.stores import Kept, Store


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


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Seán O'Brien", "Seán O’Brien"),
        ("Seán O’Brien", "Seán O'Brien"),
        ("Seán O'Brien", "Sea\u0301n O&apos;Brien"),
        ("Seán O'Brien", "Se&aacute;n O&#x27;Brien"),
        ("Eva Smith-Jones", "Eva Smith\u2011Jones"),
        ("Eva Smith-Jones", "Eva Smith-\nJones"),
        ("Ada Quillfeather", "Ada Quill-\nfeather"),
        ("Ada Quillfeather", "Ada\u200bQuill\u00adfeather"),
        ("Ada Quill", "Ada<br/>Quill"),
        ("Ada Quill", "Ａｄａ\u3000ＱＵＩＬＬ"),
        ("Griffith", "Gri\ufb03th"),
        ("Griffith", "Gri\ufb00ith"),
        ("Griffith", "Grif\ufb01th"),
        ("Gri\u200bffith", "Griffith"),
        ("Gri\ufb03th Ｎｇ", "Griffith Ng"),
        ("Nguyễn", "Nguyê\u0303n"),
        ("x_y@example.org", "x\\_y@example.org"),
    ],
)
def test_a_subject_is_found_however_programs_write_its_characters(subject: str, text: str) -> None:
    assert finds(subject, f"It was {text}.")


@pytest.mark.parametrize("text", ["Ada Quillfeather", "Canada Quill", "Ada and Quill", "AdaQuill", "Quill Ada"])
def test_what_only_contains_a_subject_is_not_found(text: str) -> None:
    assert not finds("Ada Quill", text)


@pytest.mark.parametrize(
    "subject", ["ada.quill@example.org", "+49 30 1234567", "DE89 3704 0044", "O'Quill", 'Ada "Q" Quill', "C:\\ada"]
)
def test_signs_of_a_subject_mean_themselves(subject: str) -> None:
    assert finds(subject, f"It was {subject}.")
    assert finds(subject, f"It was {subject}".replace("\\", "\\\\").replace('"', '\\"'))


def test_a_subject_that_begins_or_ends_with_a_sign_may_touch_a_word() -> None:
    assert finds("+49 30 1234567", "call+49 30 1234567")
    assert finds("Ada Quill!", "Ada Quill!now")


def test_a_dot_is_no_other_sign() -> None:
    assert not finds("ada.quill@example.org", "adaXquill@example.org")


@pytest.mark.parametrize("subject", ["", "  ", "ab", " a ", "_____", "* + *", "a _ _"])
def test_a_subject_of_fewer_than_three_signs_is_refused(subject: str) -> None:
    with pytest.raises(SubjectTooShort, match="fewer than 3"):
        _ = Selection("subject", subject).pattern


def test_a_sign_that_stands_between_words_is_no_word_of_its_own() -> None:
    """Each such word would multiply the ways to match a run of these signs."""
    assert pattern_of("Ada _ _ _ _ _ _ Quill") == pattern_of("Ada Quill")
    assert not finds("Ada _ * + _ %20 _ _ Quill", "Ada" + "_" * 5_000)


def test_a_subject_of_three_signs_is_searched() -> None:
    assert Selection("subject", "Ada").pattern == pattern_of("Ada")


@pytest.mark.parametrize(("state", "refused"), [("running", False), ("done", False), ("blocked", True)])
def test_a_request_that_a_hold_blocks_erased_nothing(state: RequestState, refused: bool) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    request = PrivacyRequest(
        UUID(int=1), UUID(int=2), "erase", "key", "k", None, "m", "asked", "officer", at, state=state, blocked_by="hold"
    )
    if refused:
        with pytest.raises(ErasureBlocked, match="Nothing was erased: hold"):
            request.refuse_blocked()
    else:
        request.refuse_blocked()


def test_only_a_subject_is_searched_as_text() -> None:
    assert Selection("document", str(uuid4())).pattern is None
    assert Selection("key", "abc").pattern is None


def test_ids_that_were_stored_are_added_to_those_that_are_found() -> None:
    one, two = UUID(int=1), UUID(int=2)
    scope = ErasureScope(documents=(two,)).with_ids({"documents": [str(one)], "answers": [str(two)]})
    assert scope.documents == (one, two)
    assert scope.answers == (two,)
    assert scope.keys == ()


@pytest.mark.parametrize("kind", ["documents", "answers", "actions", "tickets", "keys"])
def test_a_scope_is_within_one_that_names_all_of_its_ids(kind: str) -> None:
    one, both = (ErasureScope(**{kind: tuple(map(UUID, ids))}) for ids in (["0" * 32], ["0" * 32, "1" * 32]))
    assert (one.is_within(both), both.is_within(one)) == (True, False)
    assert ErasureScope().is_within(one)


def test_what_is_stored_of_a_scope_holds_no_text() -> None:
    scope = ErasureScope(documents=(UUID(int=1),), names=("Ada Quill",), units=("Ada Quill",), pattern="Ada Quill")
    assert "Quill" not in str(scope.ids)


@pytest.mark.parametrize("store", CATALOGUE.stores, ids=str)
def test_a_store_says_what_becomes_of_each_column(store: Store) -> None:
    """What is changed has an assignment for each column of content, and no other column of text is assigned."""
    kinds = (store.contents, store.people, {n: c for n, c in store.columns.items() if isinstance(c, Kept)})
    assert sum(map(len, kinds)) == len(store.columns)
    assert set().union(*kinds) == set(store.columns)
    if store.erasing == "change":
        assert {part.split(" = ")[0].strip() for part in store.assignments.split(", ")} >= set(store.contents)


def test_people_are_replaced_only_in_rows_that_stay() -> None:
    assert [each.table for each in CATALOGUE.stores if each.people and each.erasing == "kept"] == []


def test_what_refers_to_a_row_is_erased_before_it() -> None:
    """A row that is deleted may be referred to by rows of the stores before it only."""
    order = [store.table for store in CATALOGUE.stores]
    for before, after in (
        ("feedback", "answers"),
        ("review_decisions", "review_items"),
        ("reviewed_answers", "answers"),
        ("ticket_notes", "tickets"),
        ("chunks", "indexed_documents"),
        ("blobs", "document_versions"),
        ("document_versions", "documents"),
    ):
        assert order.index(before) < order.index(after)


def test_a_hold_says_what_it_is_on_and_why() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    hold = LegalHold(UUID(int=1), UUID(int=2), "key", UUID(int=3), "proceeding 4711", "officer", at)
    assert hold.sentence == f"key {UUID(int=3)} is under a legal hold: proceeding 4711"
