"""Keys, roles, groups and the rate limit, without a database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.domain import (
    ADMIN,
    ALL_ROLES,
    COMMAND_LINE,
    KEY_PERMISSIONS,
    OPERATOR,
    PERMISSIONS,
    REVIEWER,
    SERVICE,
    SERVICE_PERMISSIONS,
    USER,
    InvalidGroupName,
    InvalidKeyTerms,
    KeyInvalid,
    KeyTerms,
    PermissionMissing,
    Principal,
    RoleNotFound,
    RoleNotGranted,
    SourceNotAllowed,
    add_permission,
    check_grant,
    check_groups,
    check_roles,
    derive_webhook_secret,
    digest_of,
    digests_equal,
    format_webhook_secret,
    generate_key,
    parse_key,
    scope_of,
)
from app.identity.domain.rate_limits import RequestShare

PREFIX, SECRET = "abcdefghij01", "a" * 32


def principal(*roles: str, groups: frozenset[str] = frozenset()) -> Principal:
    return Principal(uuid4(), uuid4(), "somebody", frozenset(roles), groups)


def test_a_generated_key_is_parsed_back() -> None:
    key = generate_key()
    assert parse_key(key.text) == key
    assert (len(key.prefix), len(key.secret)) == (12, 32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"sk_{PREFIX}",
        f"pk_{PREFIX}_{SECRET}",
        f"sk_{PREFIX[:-1]}_{SECRET}",
        f"sk_{PREFIX}_{SECRET}a",
        f"sk_{PREFIX}_{SECRET[:-1]}1",
        f"sk_{PREFIX.upper()}_{SECRET}",
        f"sk_{PREFIX}_{SECRET}\n",
    ],
)
def test_a_malformed_key_is_invalid(text: str) -> None:
    with pytest.raises(KeyInvalid):
        parse_key(text)


def test_the_digest_depends_on_key_and_pepper() -> None:
    one, other = generate_key(), generate_key()
    assert len({digest_of(one, b"x"), digest_of(one, b"y"), digest_of(other, b"x")}) == 3


def test_every_tenant_role_includes_user_and_none_reaches_other_tenants() -> None:
    for role in (REVIEWER, OPERATOR, ADMIN):
        assert role >= USER
        assert not role & SERVICE_PERMISSIONS
    assert ADMIN >= REVIEWER | OPERATOR
    assert frozenset().union(*(PERMISSIONS[role] for role in ALL_ROLES)) == frozenset().union(*PERMISSIONS.values())


def test_the_role_service_reads_nothing_of_a_tenant() -> None:
    assert not SERVICE & {"documents:read", "answers:read", "reviews:read", "search:read"}


def test_a_missing_permission_names_the_roles_that_have_it() -> None:
    principal("user").require("answers:write")
    with pytest.raises(PermissionMissing) as error:
        principal("user").require("documents:write")
    assert "one of the roles admin, operator." in str(vars(error.value))


@pytest.mark.parametrize(
    ("roles", "restricted", "words"),
    [
        (["admin"], True, "restricted"),
        (["user"], True, "has the roles user"),
        (["user"], False, "has the roles user"),
    ],
)
def test_a_refusal_says_whether_the_restriction_or_the_role_is_what_is_missing(
    roles: list[str], restricted: bool, words: str
) -> None:
    caller = replace(principal(*roles), permissions=frozenset({"answers:read"}) if restricted else None)
    with pytest.raises(PermissionMissing, match=words):
        caller.require("documents:write")


def test_unknown_and_missing_roles_are_rejected() -> None:
    assert check_roles(frozenset({"user", "admin"})) == {"user", "admin"}
    for roles in (frozenset({"emperor"}), frozenset[str]()):
        with pytest.raises(RoleNotFound):
            check_roles(roles)


def test_groups_are_sorted_unique_and_well_formed() -> None:
    assert check_groups(["sales", "hr", "sales"]) == ["hr", "sales"]
    for name in ("", "-hr", "h r", "x" * 101):
        with pytest.raises(InvalidGroupName):
            check_groups([name])


def test_a_key_grants_only_roles_that_it_has_itself() -> None:
    check_grant(frozenset({"user", "reviewer", "operator", "admin"}), principal("admin"))
    for granter, role in (("user", "reviewer"), ("operator", "reviewer"), ("admin", "service"), ("service", "service")):
        with pytest.raises(RoleNotGranted):
            check_grant(frozenset({role}), principal(granter))


def test_unrestricted_resources_are_readable_by_all_and_others_by_members() -> None:
    member = principal("user", groups=frozenset({"hr"}))
    assert [member.reads(groups) for groups in ((), ("hr", "sales"), ("sales",))] == [True, True, False]


def test_a_share_counts_down_and_then_the_database_must_decide() -> None:
    share = RequestShare()
    assert share.use(100.0) is None
    share.fill(2, 0.0, 100.0)
    assert [share.use(100.0), share.use(159.0), share.use(159.0)] == [0.0, 0.0, None]
    share.fill(0, 20.0, 200.0)
    assert share.use(205.0) == pytest.approx(15.0)
    assert share.use(220.0) is None


def test_a_share_that_is_older_than_a_minute_is_not_used() -> None:
    share = RequestShare()
    share.fill(5, 20.0, 100.0)
    assert share.use(100.0) == 0.0
    assert share.use(159.9) == 0.0
    assert share.use(160.0) is None
    share.fill(5, 0.0, 0.5)
    assert share.use(0.5) == 0.0


def test_the_share_of_a_busy_caller_doubles_up_to_the_requests_of_a_second() -> None:
    share, sizes = RequestShare(), []
    for _ in range(12):
        share.fill(share.next_size(60_000, 100.0), 0.0, 100.0)
        sizes.append(share.size)
        share.left = 0
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]
    assert share.next_size(60_000, 100.9) == 1000
    assert share.next_size(60_000, 101.0) == 1
    share.left = 1
    assert share.next_size(60_000, 100.0) == 1
    share.left = 0
    assert share.next_size(60, 100.0) == 1


ROLES = st.frozensets(st.sampled_from(sorted(PERMISSIONS)))


@given(ROLES, ROLES)
def test_another_role_never_takes_a_permission_away(roles: frozenset[str], more: frozenset[str]) -> None:
    for permission in frozenset().union(*PERMISSIONS.values()):
        if principal(*roles).may(permission):
            assert principal(*roles, *more).may(permission)


@given(ROLES, st.sampled_from(sorted(PERMISSIONS)))
def test_who_grants_a_role_may_do_all_that_it_may(granters: frozenset[str], role: str) -> None:
    granter = principal(*granters)
    try:
        check_grant(frozenset({role}), granter)
    except RoleNotGranted:
        return
    assert all(granter.may(permission) for permission in PERMISSIONS[role])
    assert not PERMISSIONS[role] & SERVICE_PERMISSIONS


def test_a_role_of_a_later_version_gives_nothing() -> None:
    assert not principal("emperor").may("answers:read")
    assert principal("emperor", "user").may("answers:read")


@pytest.mark.parametrize(
    ("permission", "scope"),
    [
        ("answers:write", "own"),
        ("documents:read", "tenant"),
        ("keys:manage", "tenant"),
        ("releases:approve", "service"),
    ],
)
def test_a_permission_reaches_the_key_its_tenant_or_the_service(permission: str, scope: str) -> None:
    assert scope_of(permission) == scope


def test_no_permission_has_two_scopes() -> None:
    assert not KEY_PERMISSIONS & SERVICE_PERMISSIONS


def test_only_the_command_line_is_the_command_line() -> None:
    assert Principal(uuid4(), COMMAND_LINE, "operator", ALL_ROLES).is_command_line
    assert not principal(*ALL_ROLES).is_command_line


def test_the_webhook_secret_of_a_key_is_always_the_same_and_of_no_other_key_or_pepper() -> None:
    one, other = uuid4(), uuid4()
    assert derive_webhook_secret(one, b"x") == derive_webhook_secret(one, b"x")
    assert len({derive_webhook_secret(*each) for each in ((one, b"x"), (other, b"x"), (one, b"y"))}) == 3
    assert format_webhook_secret(b"secret") == "whsec_c2VjcmV0"


def test_digests_are_equal_only_when_every_byte_is() -> None:
    assert digests_equal(b"abc", b"abc")
    assert not digests_equal(b"abc", b"abd")
    assert not digests_equal(b"abc", b"ab")


@pytest.mark.parametrize(
    ("hosts", "inside", "outside"),
    [
        (("192.0.2.7",), ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8", "::1", "testclient", "", None]),
        (("10.1.0.0/16", "2001:db8::/32"), ["10.1.255.1", "2001:db8::5"], ["10.2.0.1", "2001:db9::5", "10.1"]),
        ((), ["10.2.0.1", "testclient", None], []),
    ],
)
def test_a_key_is_used_from_its_networks_only(
    hosts: tuple[str, ...], inside: list[str | None], outside: list[str | None]
) -> None:
    caller = replace(principal("user"), hosts=hosts)
    for address in inside:
        caller.check_source(address)
    for address in outside:
        with pytest.raises(SourceNotAllowed):
            caller.check_source(address)


@given(st.frozensets(st.sampled_from(sorted(ADMIN))))
def test_a_restricted_key_may_do_what_both_its_roles_and_its_restriction_allow(permissions: frozenset[str]) -> None:
    caller = replace(principal("reviewer"), permissions=permissions)
    allowed = {each for each in ADMIN | SERVICE_PERMISSIONS if caller.may(each)}
    assert allowed == permissions & PERMISSIONS["reviewer"]
    with pytest.raises(RoleNotGranted):
        check_grant(frozenset({"reviewer"}), replace(caller, permissions=permissions - {"answers:read"}))


NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "terms",
    [
        KeyTerms(permissions=["releases:approve"]),
        KeyTerms(permissions=["documents:write"]),
        KeyTerms(permissions=[]),
        KeyTerms(hosts=["10.0.0.1/8"]),
        KeyTerms(hosts=["example.com"]),
        KeyTerms(requests_per_minute=0),
        KeyTerms(expires_at=NOW),
        KeyTerms(person="  "),
        KeyTerms(person="a\nb"),
        KeyTerms(person="a" * 256),
    ],
)
def test_restrictions_that_make_no_sense_are_rejected(terms: KeyTerms) -> None:
    with pytest.raises(InvalidKeyTerms):
        terms.checked(["user"], NOW)


@pytest.mark.parametrize(
    "terms",
    [
        KeyTerms(),
        KeyTerms(person="a", requests_per_minute=1, permissions=["answers:read"]),
        KeyTerms(person="a" * 255, expires_at=NOW + timedelta(seconds=1), hosts=["10.0.0.0/8"]),
    ],
)
def test_restrictions_at_their_bounds_are_taken_as_they_are(terms: KeyTerms) -> None:
    assert terms.checked(["user"], NOW) == replace(terms, hosts=list(terms.hosts))


def test_a_person_is_the_same_in_any_case_and_with_spaces_around() -> None:
    assert KeyTerms(person=" Ana@Example.com ").checked(["user"], NOW).person == "ana@example.com"


@given(st.lists(st.sampled_from(["hr", "sales", "a.b:c@d/e-f_g", "X1"]), max_size=6))
def test_checked_groups_are_checked_again_without_a_change(groups: list[str]) -> None:
    once = check_groups(groups)
    assert check_groups(once) == once == sorted(set(groups))


@pytest.fixture
def permissions(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """The roles with a permission. What is added is gone after the test."""
    for role, names in list(PERMISSIONS.items()):
        monkeypatch.setitem(PERMISSIONS, role, names)
    return lambda name: {role for role, names in PERMISSIONS.items() if name in names}


def test_a_permission_of_the_team_is_one_of_admins_and_of_the_roles_that_it_names(
    permissions: Callable[[str], set[str]],
) -> None:
    add_permission("extensions:refund", ["reviewer"])
    assert permissions("extensions:refund") == {"admin", "reviewer"}


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("refund", ["user"]),
        ("extensions:", ["user"]),
        ("answers:delete", ["user"]),
        ("extensions:refund", ["user", "service"]),
        ("extensions:refund", ["user", "boss"]),
    ],
)
def test_a_permission_under_another_name_or_for_another_role_is_given_to_nobody(
    permissions: Callable[[str], set[str]], name: str, roles: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"must begin with|is no role"):
        add_permission(name, roles)
    assert permissions(name) == set()
