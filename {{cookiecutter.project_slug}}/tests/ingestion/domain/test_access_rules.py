"""Access lists against a plain reading of their rules, and the bounds of lists, groups and changes."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.domain import COMMAND_LINE, Principal
from app.ingestion.domain.access_groups import NOBODY, widens_access
from app.ingestion.domain.access_lists import (
    EVERY_ADDRESS,
    MAX_GROUPS,
    MAX_RULES,
    AccessRule,
    BadAccessList,
    SharedDocument,
    SourceAccess,
    access_groups_named,
    access_rules,
    check_list,
    rules_of_file,
)
from app.ingestion.domain.documents import AccessGroupsForbidden

ADDRESSES = ["a", "a/", "a/b", "a/b/", "a/b/c", "a/bc", "ab", "*", "*/x", "/", "/a"]
GROUPS = ["hr", "lab"]

group_sets = st.lists(st.sampled_from(GROUPS), unique=True, max_size=2)
lists = st.dictionaries(st.sampled_from(ADDRESSES), group_sets, max_size=5)


def access(rules: dict[str, list[str]]) -> SourceAccess:
    return SourceAccess("wiki", access_rules(list(rules.items())))


def plainly_read(rules: dict[str, list[str]], uri: str) -> tuple[str, ...] | None:
    """By asking for the address, for its folders from the longest to the shortest, and for every address."""
    folders = [uri[:end] for end in range(len(uri), 0, -1) if uri[end - 1] == "/"]
    for each in (uri, *folders, EVERY_ADDRESS):
        if each in rules:
            return tuple(sorted(rules[each]))
    return None


@given(lists, st.sampled_from([*ADDRESSES, "a/b/c/d", "a/x", "z", "*x", "//"]))
def test_a_list_names_the_groups_that_a_plain_reading_finds(rules: dict[str, list[str]], uri: str) -> None:
    assert access(rules).groups_of(uri) == plainly_read(rules, uri)


@given(lists, lists, group_sets, group_sets, st.sampled_from([*ADDRESSES, "a/b/c/d", "a/x", "a/b/x", "z", "/a/b"]))
def test_a_list_that_is_accepted_opens_no_address_that_the_caller_could_not_read(
    old: dict[str, list[str]], new: dict[str, list[str]], defaults: list[str], mine: list[str], uri: str
) -> None:
    caller = Principal(uuid4(), uuid4(), "a key", frozenset({"operator"}), frozenset(mine))
    try:
        check_list(access(old), access(new), defaults, caller)
    except AccessGroupsForbidden:
        return
    before, after = (
        tuple(defaults) if groups is None else groups for groups in (plainly_read(rules, uri) for rules in (old, new))
    )
    assert caller.reads(before) or not widens_access(after, before)


@given(lists, lists, group_sets)
def test_a_member_of_every_group_and_the_command_line_may_set_any_list(
    old: dict[str, list[str]], new: dict[str, list[str]], defaults: list[str]
) -> None:
    every = Principal(uuid4(), uuid4(), "a key", frozenset({"operator"}), frozenset(GROUPS))
    for caller in (every, Principal(uuid4(), COMMAND_LINE, "app", frozenset({"admin"}))):
        check_list(access(old), access(new), defaults, caller)
    check_list(access(old), access(old), defaults, Principal(uuid4(), uuid4(), "a key", frozenset()))


def test_the_refusal_names_the_rule_that_would_open_documents() -> None:
    nobody = Principal(uuid4(), uuid4(), "a key", frozenset({"operator"}))
    with pytest.raises(AccessGroupsForbidden, match="'pay/'") as refused:
        check_list(access({"pay/": ["hr"]}), access({"pay/": ["hr", "lab"]}), (), nobody)
    assert refused.value.status == 403
    long = "x" * 900
    with pytest.raises(AccessGroupsForbidden) as refused:
        check_list(access({long: ["hr"]}), access({}), (), nobody)
    assert "x" * 100 in refused.value.detail
    assert "x" * 101 not in refused.value.detail


@pytest.mark.parametrize(
    ("live", "newest", "new", "changes", "opens"),
    [
        ((), (), (), False, False),
        (("hr",), ("hr",), ("hr",), False, False),
        (("hr",), ("hr",), ("lab",), True, True),
        (("hr",), ("hr",), (), True, True),
        ((), (), ("hr",), True, False),
        (("hr", "lab"), ("hr", "lab"), ("lab",), True, False),
        # The version that waits had other groups than the published one.
        (("hr",), ("lab",), ("hr",), True, True),
        (("hr",), ("lab",), ("lab",), True, True),
        (("hr", "lab"), ("hr",), ("hr",), True, False),
        (("hr",), (), ("hr",), True, False),
        (("hr",), ("hr",), ("hr", "lab"), True, True),
        ((NOBODY,), ("hr",), ("hr",), True, True),
    ],
)
def test_a_document_is_opened_where_either_version_gets_a_reader(
    live: tuple[str, ...], newest: tuple[str, ...], new: tuple[str, ...], changes: bool, opens: bool
) -> None:
    document = SharedDocument(uuid4(), live, newest, new)
    assert (document.changes, document.opens) == (changes, opens)


def test_a_list_may_be_as_long_as_its_bounds() -> None:
    groups = [f"g{number:03}" for number in range(MAX_GROUPS)]
    rules = access_rules([(f"a{number}", groups) for number in range(MAX_RULES)])
    assert len(rules) == MAX_RULES
    assert rules[0] == AccessRule("a0", tuple(groups))
    assert access_groups_named([*groups, *groups]) == tuple(groups), "a group counts once"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([("", [])], "empty"),
        ([("a", []), ("b", []), ("a", ["hr"])], "'a' stands there twice"),
        ([("x" * 1001, [])], "1,000 characters"),
        ([("a\0", [])], "control characters"),
        ([("a\ud800", [])], "not UTF-8"),
        ([("a", ["hr", ""])], "'' is not a valid name"),
        ([("a", ["hr\n"])], "is not a valid name"),
        ([("a", ["g" * 101])], "is not a valid name"),
        ([("a", [NOBODY])], "'!nobody' is not a valid name"),
    ],
)
def test_a_list_that_is_refused_says_where(rules: list[tuple[str, list[str]]], words: str) -> None:
    with pytest.raises(BadAccessList, match=words) as refused:
        access_rules(rules)
    assert (refused.value.code, refused.value.status) == ("bad_access_list", 422)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": ["hr"], 2: []}, "no mapping"),
        ("a", "no mapping"),
        ({"a": ["hr"], "b": [None]}, "'b' is followed"),
        ({"a": ("hr",)}, "'a' is followed"),
        ({"x" * 500: "hr"}, f"'{'x' * 100}' is followed"),
    ],
)
def test_a_file_of_another_form_is_refused_and_says_where(content: object, words: str) -> None:
    with pytest.raises(BadAccessList, match=words):
        rules_of_file(content)
    assert rules_of_file({}) == {}
