"""Keys, roles, groups and the rate limit, without a database."""

from uuid import UUID, uuid4

import pytest

from app.identity.domain import (
    ADMIN,
    ALL_ROLES,
    MAX_CALLERS,
    OPERATOR,
    PERMISSIONS,
    REVIEWER,
    SERVICE,
    SERVICE_PERMISSIONS,
    USER,
    InvalidGroupName,
    InvalidRole,
    KeyInvalid,
    PermissionMissing,
    Principal,
    RateLimit,
    RoleNotGranted,
    check_grant,
    check_groups,
    check_roles,
    digest_of,
    generate_key,
    parse_key,
)

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
    assert "admin, operator" in str(vars(error.value))


def test_unknown_and_missing_roles_are_rejected() -> None:
    assert check_roles(frozenset({"user", "admin"})) == {"user", "admin"}
    for roles in (frozenset({"emperor"}), frozenset[str]()):
        with pytest.raises(InvalidRole):
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


def test_the_rate_limit_allows_a_burst_and_then_one_request_per_interval() -> None:
    limit, caller = RateLimit(per_minute=3), uuid4()
    assert [limit.seconds_to_wait(caller, 100.0) for _ in range(3)] == [0.0] * 3
    assert limit.seconds_to_wait(caller, 100.0) == pytest.approx(20.0)
    assert limit.seconds_to_wait(caller, 120.0) == 0.0
    assert limit.seconds_to_wait(caller, 120.0) == pytest.approx(20.0)
    assert limit.seconds_to_wait(uuid4(), 120.0) == 0.0


def test_the_rate_limit_forgets_callers_that_are_no_longer_limited() -> None:
    limit = RateLimit(per_minute=60)
    for number in range(MAX_CALLERS):
        limit.seconds_to_wait(UUID(int=number), 0.0)
    limit.seconds_to_wait(uuid4(), 1000.0)
    assert len(limit._due_at) == 1
