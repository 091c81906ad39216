"""Identities of the identity provider as they are known here, and what an older token of one still gives."""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from app.identity.domain.provisioning import Deprovisioned
from app.identity.domain.tokens import GrantSource, IdentityRevoked, TokenGrant


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """A person or a service account of the identity provider. granted_at: the iat of the newest token, in seconds;
    roles and groups are those of that token that count. link, sources: as in TokenGrant. suspended_at: since when its
    provisioned account is not active.
    """

    id: UUID
    tenant_id: UUID
    issuer: str
    subject: str
    name: str
    roles: list[str]
    groups: list[str]
    granted_at: float
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    link: str | None = None
    sources: tuple[GrantSource, ...] = ()
    suspended_at: datetime | None = None


def identity_id(tenant_id: UUID, grant: TokenGrant) -> UUID:
    """The same for each token of one subject in one tenant."""
    return uuid5(NAMESPACE_URL, f"{grant.issuer} {tenant_id} {grant.subject}")


def is_news(stored: StoredIdentity | None, grant: TokenGrant) -> bool:
    """Whether the grant must be stored: a newer token that gives something else, or a first one. That of a person who
    is suspended does: the account was just found active, or is not required any more.
    """
    if stored is None:
        return True
    if stored.revoked_at or grant.issued_at <= stored.granted_at:
        return False
    roles, groups, sources = frozenset(stored.roles), frozenset(stored.groups), frozenset(stored.sources)
    before = (stored.name, roles, groups, stored.link, sources)
    return bool(stored.suspended_at) or before != (grant.name, grant.roles, grant.groups, grant.link, grant.sources)


def what_counts(stored: StoredIdentity, grant: TokenGrant) -> tuple[frozenset[str], frozenset[str]]:
    """Roles and groups of a caller with this token. A token that is older than the newest one with another grant gives
    no more than that one: who was taken out of a group does not get in with a token of before.

    Errors: IdentityRevoked.
    """
    if stored.revoked_at:
        raise IdentityRevoked()
    if stored.suspended_at:
        raise Deprovisioned()
    if grant.issued_at > stored.granted_at:
        return grant.roles, grant.groups
    return grant.roles & set(stored.roles), grant.groups & set(stored.groups)
