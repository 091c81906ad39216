"""What the claims of a checked token give by policies/identity.yaml, without a service."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.identity.domain.policy import IdentityPolicy
from app.identity.domain.tokens import GrantSource, IdentityNotMapped, TokenClaimMissing, TokenRefused
from tests.identity.issuer import ADDRESS, AUDIENCE

CLAIMS: dict[str, Any] = {
    "iss": ADDRESS,
    "sub": "ana-1",
    "iat": 100,
    "email": "Ana@Example.com",
    "email_verified": True,
    "org": "acme-corp",
    "groups": ["answers-users", "dept-hr", "elsewhere"],
}


def policy(**changed: Any) -> IdentityPolicy:
    usual = {
        "owner": "tests",
        "person": "email",
        "tenant": {"claim": "org", "values": {"acme-corp": "acme"}},
        "roles": {"values": {"answers-users": "user", "answers-admins": "admin"}, "service": ["answers-service"]},
        "groups": {"values": {"dept-hr": "hr", "dept-people": "hr"}},
        "accounts": {"robot": {"tenant": "acme", "roles": ["operator"], "groups": ["hr"]}},
    }
    return IdentityPolicy.model_validate(usual | changed)


def claims(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (CLAIMS | changed).items() if value is not None}


def test_a_person_gets_what_each_value_gives_and_nothing_for_unknown_ones() -> None:
    grant = policy().grant_of(claims(sid="s1"))
    assert (grant.tenant, grant.issuer, grant.subject, grant.name) == ("acme", ADDRESS, "ana-1", "ana@example.com")
    assert (grant.roles, grant.groups, grant.issued_at, grant.session) == ({"user"}, {"hr"}, 100.0, "s1")
    assert grant.link == "ana-1"
    assert grant.sources == {
        GrantSource("answers-users", "role", "user"),
        GrantSource("dept-hr", "group", "hr"),
    }


@pytest.mark.parametrize(
    ("groups", "roles", "access"),
    [
        ("answers-users", {"user"}, set()),
        (["answers-users", "answers-users", "answers-admins"], {"user", "admin"}, set()),
        (["answers-users", "answers-service"], {"user", "service"}, set()),
        (["answers-users", "dept-hr", "dept-people"], {"user"}, {"hr"}),
        (["answers-users", "DEPT-HR", "dept-hr "], {"user"}, set()),
        (["answers-users", ""], {"user"}, set()),
    ],
)
def test_values_of_claims_are_compared_exactly(groups: Any, roles: set[str], access: set[str]) -> None:
    grant = policy().grant_of(claims(groups=groups))
    assert (grant.roles, grant.groups) == (roles, access)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"sub": None}, TokenClaimMissing),
        ({"sub": ""}, TokenClaimMissing),
        ({"email": None}, TokenClaimMissing),
        ({"email": "   "}, TokenClaimMissing),
        ({"email": ["ana@example.com"]}, TokenClaimMissing),
        ({"email_verified": None}, TokenClaimMissing),
        ({"email_verified": "true"}, TokenClaimMissing),
        ({"email_verified": 1}, TokenClaimMissing),
        ({"org": None}, TokenClaimMissing),
        ({"org": ["acme-corp"]}, TokenClaimMissing),
        ({"org": "ACME-corp"}, IdentityNotMapped),
        ({"org": "acme"}, IdentityNotMapped),
        ({"groups": None}, TokenClaimMissing),
        ({"groups": {"answers-users": True}}, TokenClaimMissing),
        ({"groups": ["answers-users", 7]}, TokenClaimMissing),
        ({"groups": []}, IdentityNotMapped),
        ({"groups": ["dept-hr"]}, IdentityNotMapped),
        ({"groups": "answers-users dept-hr"}, IdentityNotMapped),
        ({"sid": 7}, TokenClaimMissing),
        ({"iat": "100"}, TokenRefused),
        ({"iat": True}, TokenRefused),
    ],
)
def test_who_lacks_a_claim_or_is_not_mapped_gets_nothing(changed: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        policy().grant_of(claims(**changed))


def test_everybody_is_of_one_tenant_where_no_claim_decides() -> None:
    assert policy(tenant={"name": "house"}).grant_of(claims(org=None)).tenant == "house"
    # A name beside a claim is no way in for who lacks the claim.
    with pytest.raises(TokenClaimMissing):
        policy(tenant={"name": "house", "claim": "org"}).grant_of(claims(org=None))


def test_roles_and_access_groups_may_come_from_two_claims() -> None:
    chosen = policy(groups={"claim": "teams", "values": {"dept-hr": "hr"}})
    assert chosen.grant_of(claims(teams=["dept-hr"])).groups == {"hr"}
    assert chosen.grant_of(claims(teams=[])).groups == set()
    with pytest.raises(TokenClaimMissing, match="teams"):
        chosen.grant_of(claims())
    assert policy(groups={"claim": "teams"}).grant_of(claims()).groups == set(), "no group is mapped"


def test_a_service_account_has_what_the_policy_says_whatever_its_claims_are() -> None:
    grant = policy().grant_of(claims(sub="robot", groups=["answers-admins"], org="elsewhere", email=None))
    assert (grant.tenant, grant.name, grant.roles, grant.groups) == ("acme", "robot", {"operator"}, {"hr"})
    assert (grant.link, grant.sources) == (None, frozenset()), "no provisioned account is one of a program"
    with pytest.raises(TokenClaimMissing):
        policy().grant_of(claims(sub="Robot", email=None))


@pytest.mark.parametrize(
    ("rules", "link"),
    [
        ({}, "ana-1"),
        ({"claim": "oid"}, "ÄNA-7"),
        ({"claim": "oid", "attribute": "user_name"}, "äna-7"),
        ({"claim": "email", "attribute": "user_name"}, "ana@example.com"),
        ({"claim": "email", "attribute": "external_id"}, "Ana@Example.com"),
    ],
)
def test_the_link_to_a_provisioned_account_differs_by_case_only_for_external_ids(
    rules: dict[str, Any], link: str
) -> None:
    assert policy(provisioning=rules).grant_of(claims(oid="ÄNA-7")).link == link


def test_a_person_without_the_claim_of_the_link_gets_nothing() -> None:
    with pytest.raises(TokenClaimMissing, match="oid"):
        policy(provisioning={"claim": "oid"}).grant_of(claims())
    with pytest.raises(TokenClaimMissing, match="verified"):
        unverified = claims(email_verified=False)
        policy(person="sub", provisioning={"claim": "email", "attribute": "user_name"}).grant_of(unverified)


def test_a_value_that_is_withheld_takes_only_what_no_other_value_gives() -> None:
    grant = policy().grant_of(claims(groups=["answers-users", "answers-admins", "dept-hr", "dept-people"]))
    assert grant.without(()) == grant
    assert grant.without({"unknown"}) == grant
    assert grant.without({"dept-hr"}).groups == {"hr"}
    less = grant.without({"dept-hr", "dept-people", "answers-admins"})
    assert (less.roles, less.groups, less.sources) == ({"user"}, frozenset(), grant.sources)


def test_the_rules_of_tokens_come_from_the_policy_and_the_settings() -> None:
    strict = {"algorithms": ["ES256"], "types": ["JWT"], "scope": "answers", "leeway_seconds": 0}
    rules = policy(tokens={**strict, "lifetime_seconds": 300}).rules(ADDRESS, AUDIENCE)
    assert (rules.issuer, rules.audience, rules.algorithms, rules.types) == (ADDRESS, AUDIENCE, ("ES256",), ("JWT",))
    assert (rules.scope, rules.leeway_seconds, rules.lifetime_seconds) == ("answers", 0, 300)


@pytest.mark.parametrize(
    "changed", [{"groups": {"values": {"dept": "h r"}}}, {"accounts": {"robot": {"groups": [""]}}}]
)
def test_what_is_given_are_names_of_access_groups(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="not a valid name of an access group"):
        policy(**changed)
