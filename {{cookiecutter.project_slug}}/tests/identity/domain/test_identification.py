"""What an older and a newer token of one identity give, without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.identity.domain.identification import StoredIdentity, identity_id, is_news, what_counts
from app.identity.domain.provisioning import Deprovisioned
from app.identity.domain.tokens import GrantSource, IdentityRevoked, TokenGrant

ACME, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROLE, GROUP = GrantSource("staff", "role", "user"), GrantSource("dept-hr", "group", "hr")
GRANT = TokenGrant(
    tenant="acme",
    issuer="https://login.example.com",
    subject="ana",
    name="ana@example.com",
    roles=frozenset({"user"}),
    groups=frozenset({"hr"}),
    issued_at=100.0,
    link="ana",
    sources=frozenset({ROLE, GROUP}),
)
STORED = StoredIdentity(
    id=identity_id(ACME, GRANT),
    tenant_id=ACME,
    issuer=GRANT.issuer,
    subject=GRANT.subject,
    name=GRANT.name,
    roles=["user"],
    groups=["hr"],
    granted_at=100.0,
    created_at=NOW,
    last_used_at=None,
    revoked_at=None,
    link="ana",
    sources=(GROUP, ROLE),
)
NEWER = replace(GRANT, issued_at=101.0)


def test_an_identity_is_of_one_issuer_one_tenant_and_one_subject() -> None:
    changed = [replace(GRANT, issuer="https://login.example.org"), replace(GRANT, subject="Ana")]
    ids = {identity_id(ACME, GRANT), identity_id(OTHER, GRANT), *(identity_id(ACME, each) for each in changed)}
    assert len(ids) == 4
    same = replace(GRANT, name="another name", roles=frozenset(), issued_at=0.0, session="s1", link=None)
    assert identity_id(ACME, same) == STORED.id


@pytest.mark.parametrize(
    ("stored", "grant", "news"),
    [
        (None, GRANT, True),
        (STORED, GRANT, False),
        (STORED, NEWER, False),
        (STORED, replace(NEWER, name="ana@example.org"), True),
        (STORED, replace(NEWER, roles=frozenset({"user", "admin"})), True),
        (STORED, replace(NEWER, groups=frozenset()), True),
        (STORED, replace(NEWER, link=None), True),
        (STORED, replace(NEWER, sources=frozenset({ROLE})), True),
        (STORED, replace(NEWER, session="another session"), False),
        (STORED, replace(GRANT, groups=frozenset()), False),
        (STORED, replace(GRANT, groups=frozenset(), issued_at=99.0), False),
        (replace(STORED, roles=["user", "user"]), NEWER, False),
        (replace(STORED, revoked_at=NOW), replace(NEWER, groups=frozenset()), False),
        (replace(STORED, suspended_at=NOW), NEWER, True),
        (replace(STORED, suspended_at=NOW), GRANT, False),
        (replace(STORED, suspended_at=NOW, revoked_at=NOW), NEWER, False),
    ],
)
def test_only_a_newer_token_that_gives_something_else_is_news(
    stored: StoredIdentity | None, grant: TokenGrant, news: bool
) -> None:
    assert is_news(stored, grant) is news


@pytest.mark.parametrize(
    ("roles", "groups", "issued_at", "counts"),
    [
        ({"user", "admin"}, {"hr", "lab"}, 101.0, ({"user", "admin"}, {"hr", "lab"})),
        ({"user", "admin"}, {"hr", "lab"}, 100.0, ({"user"}, {"hr"})),
        ({"user", "admin"}, {"lab"}, 99.0, ({"user"}, set())),
        ({"admin"}, {"hr"}, 99.0, (set(), {"hr"})),
        (set(), set(), 101.0, (set(), set())),
    ],
)
def test_an_older_token_gives_no_more_than_the_newest_one(
    roles: set[str], groups: set[str], issued_at: float, counts: tuple[set[str], set[str]]
) -> None:
    grant = replace(GRANT, roles=frozenset(roles), groups=frozenset(groups), issued_at=issued_at)
    assert what_counts(STORED, grant) == counts


def test_neither_a_revoked_nor_a_suspended_identity_gets_anything_from_any_token() -> None:
    for issued_at in (99.0, 100.0, 101.0):
        grant = replace(GRANT, issued_at=issued_at)
        with pytest.raises(IdentityRevoked):
            what_counts(replace(STORED, revoked_at=NOW, suspended_at=NOW), grant)
        with pytest.raises(Deprovisioned):
            what_counts(replace(STORED, suspended_at=NOW), grant)
