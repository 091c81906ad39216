"""Which rule of an access list names a document, and who may set one."""

from uuid import uuid4

import pytest

from app.identity.domain import COMMAND_LINE, Principal
from app.ingestion.domain.access_lists import (
    MAX_GROUPS,
    MAX_RULES,
    AccessChange,
    AccessRule,
    BadAccessList,
    SharedDocument,
    SourceAccess,
    access_rules,
    check_list,
    check_opening,
    rules_of_file,
)
from app.ingestion.domain.documents import AccessGroupsForbidden


def caller(*groups: str) -> Principal:
    return Principal(uuid4(), uuid4(), "a key", frozenset({"operator"}), frozenset(groups))


def access(**rules: list[str]) -> SourceAccess:
    return SourceAccess("wiki", access_rules(list(rules.items())))


LIST = access(**{"*": ["staff"], "hr/": ["hr"], "hr/pay/": ["pay"], "hr/menu.md": [], "hr": ["none"]})


@pytest.mark.parametrize(
    ("uri", "groups"),
    [
        ("lamp.md", ("staff",)),
        ("hr/plan.md", ("hr",)),
        ("hr/pay/ana.md", ("pay",)),
        ("hr/pay", ("hr",)),
        ("hr/menu.md", ()),
        ("hr/menu.md.old", ("hr",)),
        ("HR/plan.md", ("staff",)),
        ("hr", ("none",)),
    ],
)
def test_the_rule_of_the_address_counts_then_the_longest_folder(uri: str, groups: tuple[str, ...]) -> None:
    assert LIST.groups_of(uri) == groups


def test_a_document_that_no_rule_names_has_no_groups_from_the_list() -> None:
    assert access(**{"hr/": ["hr"]}).groups_of("lamp.md") is None


def test_rules_are_sorted_and_without_duplicates() -> None:
    assert access_rules([("b", ["y", "x", "y"]), ("a", [])]) == (AccessRule("a", ()), AccessRule("b", ("x", "y")))


@pytest.mark.parametrize(
    "rules",
    [
        [("", ["hr"])],
        [("a", ["hr"]), ("a", [])],
        [("a", ["not a group"])],
        [("a", ["!nobody"])],
        [("a\n", [])],
        [("a", [f"g{n}" for n in range(MAX_GROUPS + 1)])],
        [(str(n), []) for n in range(MAX_RULES + 1)],
    ],
)
def test_a_list_that_is_not_valid_is_refused(rules: list[tuple[str, list[str]]]) -> None:
    with pytest.raises(BadAccessList):
        access_rules(rules)


@pytest.mark.parametrize(
    "content", [None, [], "hr", {1: ["hr"]}, {"a": "hr"}, {"a": None}, {"a": [1]}, {"a": ["hr", 1]}, {"a": {}}]
)
def test_a_file_that_is_no_mapping_to_groups_is_refused(content: object) -> None:
    with pytest.raises(BadAccessList):
        rules_of_file(content)


def test_only_a_reader_of_a_document_opens_it() -> None:
    opened = SharedDocument(uuid4(), ("hr",), ("hr",), ("hr", "lab"))
    check_opening([opened], caller("hr"))
    check_opening([opened], Principal(uuid4(), COMMAND_LINE, "a person", frozenset({"admin"})))
    for other in (caller(), caller("lab")):
        with pytest.raises(AccessGroupsForbidden):
            check_opening([opened], other)
    # A version that waits is as closed as its own groups are, and so is the published one.
    for live, newest in ((("hr",), ("lab",)), (("lab",), ("hr",))):
        with pytest.raises(AccessGroupsForbidden):
            check_opening([SharedDocument(uuid4(), live, newest, ("hr", "lab"))], caller("hr"))
    with pytest.raises(AccessGroupsForbidden):
        check_opening([opened, SharedDocument(uuid4(), ("lab",), ("lab",), ())], caller("hr"))


def test_anybody_who_shares_may_close_a_document() -> None:
    check_opening([SharedDocument(uuid4(), ("hr", "lab"), (), ("hr",))], caller())


def test_a_list_does_not_open_documents_that_are_still_to_come() -> None:
    old, closed, open_ = access(**{"hr/": ["hr"]}), access(**{"hr/": ["hr"], "*": ["lab"]}), access(**{"hr/": []})
    check_list(old, closed, (), caller())
    check_list(old, open_, (), caller("hr"))
    for new in (open_, access(), access(**{"hr/pay.md": []})):
        with pytest.raises(AccessGroupsForbidden):
            check_list(old, new, (), caller())
    # What no rule names has the groups of the policy.
    with pytest.raises(AccessGroupsForbidden):
        check_list(access(), access(**{"*": []}), ("staff",), caller())
    check_list(access(), access(**{"*": []}), ("staff",), caller("staff"))


def test_a_change_that_opens_documents_is_warned_of() -> None:
    assert AccessChange(3, 2, 0).warnings == ()
    assert AccessChange(3, 2, 1).warnings[0].startswith("1 document can now be read by more")
    assert AccessChange(3, 2, 2).warnings[0].startswith("2 documents")
