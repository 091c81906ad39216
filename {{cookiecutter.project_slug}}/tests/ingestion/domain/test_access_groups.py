"""Who may read a document after an upload to its address."""

from uuid import UUID

import pytest

from app.identity.domain import Principal
from app.ingestion.domain.access_groups import NOBODY, access_groups_of, common_access_groups, widens_access
from app.ingestion.domain.documents import AccessGroupsForbidden, ExistingDocument, UploadOptions

CALLER = Principal(UUID(int=1), UUID(int=2), "a key", frozenset({"editor"}), frozenset({"staff"}))


def existing(*groups: str) -> ExistingDocument:
    return ExistingDocument(UUID(int=3), groups, groups)


def test_a_new_document_takes_the_groups_of_its_source_unless_it_names_its_own() -> None:
    assert access_groups_of(UploadOptions(), ["staff", "crew"], None, CALLER) == ("crew", "staff")
    assert access_groups_of(UploadOptions(access_groups=("board",)), ["staff"], None, CALLER) == ("board",)


def test_an_upload_without_groups_keeps_those_of_the_document() -> None:
    assert access_groups_of(UploadOptions(), ["crew"], existing("staff"), CALLER) == ("staff",)


def test_only_a_reader_of_a_document_may_give_others_access_to_it() -> None:
    everybody = UploadOptions(access_groups=())
    assert access_groups_of(everybody, (), existing("staff"), CALLER) == ()
    with pytest.raises(AccessGroupsForbidden):
        access_groups_of(everybody, (), existing("board"), CALLER)


def test_anybody_who_may_upload_may_restrict_access() -> None:
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


def test_access_widens_with_a_group_that_was_not_there_and_with_everybody() -> None:
    assert widens_access(("staff", "crew"), ("staff",))
    assert widens_access((), ("staff",))
    assert not widens_access(("staff",), ("staff", "crew"))
    assert not widens_access(("staff",), ())
