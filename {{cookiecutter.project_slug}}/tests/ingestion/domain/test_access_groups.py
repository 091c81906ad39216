"""Access groups of a document after an upload to its address."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.identity.domain import COMMAND_LINE, Principal
from app.ingestion.domain.access_groups import NOBODY, access_groups_of, common_access_groups, widens_access
from app.ingestion.domain.documents import AccessGroupsForbidden, ExistingDocument, UploadOptions

CALLER = Principal(UUID(int=1), UUID(int=2), "a key", frozenset({"editor"}), frozenset({"staff"}))


def existing(*groups: str) -> ExistingDocument:
    return ExistingDocument(UUID(int=3), groups, groups)


def test_a_new_document_has_its_own_groups_or_those_of_its_source() -> None:
    assert access_groups_of(UploadOptions(), ["staff", "crew"], None, CALLER) == ("crew", "staff")
    assert access_groups_of(UploadOptions(access_groups=("board",)), ["staff"], None, CALLER) == ("board",)


def test_an_upload_without_groups_keeps_those_of_the_document() -> None:
    assert access_groups_of(UploadOptions(), ["crew"], existing("staff"), CALLER) == ("staff",)


def test_only_a_reader_of_a_document_may_give_others_access_to_it() -> None:
    everybody = UploadOptions(access_groups=())
    assert access_groups_of(everybody, (), existing("staff"), CALLER) == ()
    with pytest.raises(AccessGroupsForbidden):
        access_groups_of(everybody, (), existing("board"), CALLER)


@pytest.mark.parametrize(
    ("live", "newest", "allowed"),
    [
        (("staff",), ("staff",), True),
        (("staff",), ("board",), False),
        (("board",), ("staff",), False),
        ((), ("board",), False),
        (("board",), (), False),
        ((), ("staff",), True),
        (("staff",), (), True),
    ],
)
def test_the_published_version_and_the_newest_one_are_each_opened_by_a_reader_alone(
    live: tuple[str, ...], newest: tuple[str, ...], allowed: bool
) -> None:
    options, document = UploadOptions(access_groups=()), ExistingDocument(UUID(int=3), live, newest)
    operator = replace(CALLER, key_id=COMMAND_LINE, groups=frozenset())
    assert access_groups_of(options, (), document, operator) == ()
    if allowed:
        assert access_groups_of(options, (), document, CALLER) == ()
    else:
        with pytest.raises(AccessGroupsForbidden):
            access_groups_of(options, (), document, CALLER)


def test_a_document_that_is_opened_has_the_groups_of_its_source() -> None:
    groups = access_groups_of(UploadOptions(access_groups=()), ["staff", "crew"], existing("staff"), CALLER)
    assert groups == ("crew", "staff")


def test_any_uploader_may_restrict_access() -> None:
    assert access_groups_of(UploadOptions(access_groups=("board",)), (), existing("board", "crew"), CALLER) == (
        "board",
    )


@pytest.mark.parametrize(
    ("some", "others", "common"),
    [
        ((), (), []),
        ((), ("staff",), ["staff"]),
        (("staff",), (), ["staff"]),
        (("staff", "crew"), ("crew", "board"), ["crew"]),
        (("staff",), ("board",), [NOBODY]),
    ],
)
def test_the_common_readers_of_two_sets_of_groups(
    some: tuple[str, ...], others: tuple[str, ...], common: list[str]
) -> None:
    assert common_access_groups(some, others) == common


def test_a_new_group_and_everybody_widen_access() -> None:
    assert widens_access(("staff", "crew"), ("staff",))
    assert widens_access((), ("staff",))
    assert not widens_access(("staff",), ("staff", "crew"))
    assert not widens_access(("staff",), ())
