"""Access groups of a document after an upload to its address."""

from uuid import UUID

import pytest

from app.identity.domain import Principal
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
