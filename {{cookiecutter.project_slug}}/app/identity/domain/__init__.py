"""Roles, permissions and API keys. Written to be read by auditors."""

import base64
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal
from uuid import UUID

from app.core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated

USER: Final = frozenset(
    {
        "answers:write",
        "answers:read",
        "search:read",
        "documents:read",
        "feedback:write",
        "models:read",
        "caller:read",
        "actions:propose",
        "tickets:read",
        "tickets:write",
        "mcp:use",
    }
)
REVIEWER: Final = USER | {
    "documents:original",
    "quarantine:read",
    "reviews:read",
    "reviews:decide",
    "staging:use",
    "answers:replay",
    "tickets:close",
}
OPERATOR: Final = USER | {
    "documents:write",
    "documents:delete",
    "documents:share",
    "documents:original",
    "quarantine:read",
    "quarantine:decide",
    "staging:use",
    "answers:replay",
    "answers:list",
    "costs:read",
    "monitoring:read",
    "monitoring:propose",
    "outcomes:write",
    "tickets:close",
}
ADMIN: Final = (
    REVIEWER
    | OPERATOR
    | {"keys:manage", "audit:read", "budgets:manage", "reviews:escalated", "privacy:manage", "accounts:provision"}
)

SERVICE_PERMISSIONS: Final = frozenset(
    {
        "releases:read",
        "releases:write",
        "releases:evaluate",
        "releases:activate",
        "releases:approve",
        "index:manage",
        "governance:read",
        "governance:write",
        "service:alerts",
        "service:audit",
        "service:budgets",
        "service:answers",
    }
)
"""Permissions on what all tenants share. No role of a tenant has any of them."""
SERVICE: Final = SERVICE_PERMISSIONS | {
    "caller:read",
    "models:read",
    "costs:read",
    "audit:read",
    "budgets:manage",
    "answers:list",
}
"""The role of those who run the service. It reads no text of a tenant's documents, answers or reviews."""

PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "user": USER,
    "reviewer": REVIEWER,
    "operator": OPERATOR,
    "admin": ADMIN,
    "service": SERVICE,
}
OWN_PREFIX: Final = "extensions:"
"""With which the permissions begin that a team adds to those of the template."""

KEY_PERMISSIONS: Final = frozenset({"caller:read", "models:read", "answers:write", "actions:propose", "mcp:use"})
"""Permissions that reach only resources of the calling key."""
PermissionScope = Literal["own", "tenant", "service"]
"""Whose resources a permission reaches: those of the key, of its tenant, or of all tenants."""

GROUP_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}")
MAX_PERSON_CHARACTERS: Final = 255
KEY_PATTERN: Final = re.compile(r"sk_([a-z0-9]{12})_([a-z2-7]{32})")
IDENTITY_CHANGED: Final = "identity_changed"
"""The channel that notifies processes of a key or an identity that was revoked or changed; the payload is its id."""
COMMAND_LINE: Final = UUID(int=0)
"""The key id of the command line, which may do everything."""
ALL_ROLES: Final = frozenset({"admin", "service"})
"""Together they have every permission."""
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"


class KeyInvalid(Unauthenticated):
    code, title = "key_invalid", "The API key is not valid"


class KeyRequired(Unauthenticated):
    code, title = "key_required", "No API key was sent"


class KeyExpired(Unauthenticated):
    code, title = "key_expired", "The API key has expired"
    action = "Make a new key with 'app keys create'."


class SourceNotAllowed(Forbidden):
    code, title = "source_not_allowed", "The key may not be used from this address"
    action = "Use the key from one of its addresses, or make a key for this one."


class InvalidKeyTerms(Invalid):
    code, title = "key_terms_invalid", "The key cannot be created with these restrictions"


class PermissionMissing(Forbidden):
    code, title = "permission_missing", "The key lacks a permission"


class TenantNotFound(NotFound):
    code, title = "tenant_not_found", "No such tenant"
    action = "'app keys create --tenant NAME' creates a tenant with its first key."


class KeyNotFound(NotFound):
    code, title = "key_not_found", "No such API key"


class IdentityNotFound(NotFound):
    code, title = "identity_not_found", "No such identity"
    action = "'app identities list' shows them."


class KeyAmbiguous(Conflict):
    code, title = "key_ambiguous", "Several keys have this name"
    action = "Name the key by its prefix; 'app keys list' shows it."


class RoleNotFound(Invalid):
    code, title = "role_not_found", "No such role"


class InvalidGroupName(Invalid):
    code, title = "bad_access_group", "The name of the access group is not valid"
    action = "Use 1 to 100 letters, digits or ._:@/- characters, without spaces, starting with a letter or digit."


class RoleNotGranted(Forbidden):
    code, title = "role_not_granted", "The key may not grant this role"
    action = "An operator of the service grants it on the command line: app keys create NAME --role ROLE."


class RateLimited(TooManyRequests):
    code, title = "rate_limited", "The key or its tenant has sent too many requests"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    key_id: of the key, or of the identity behind a token. name: the person behind the key where one is declared, else
    the name of the key; two callers of one name are one person. permissions: at most these of its roles; None: all.
    hosts: the networks that it may call from; none: any. expires_at: of a key that ends.
    """

    tenant_id: UUID
    key_id: UUID
    name: str
    roles: frozenset[str]
    groups: frozenset[str] = field(default_factory=frozenset)
    permissions: frozenset[str] | None = None
    hosts: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    expires_at: datetime | None = None

    @property
    def is_command_line(self) -> bool:
        """Whether the caller is the command line of this machine."""
        return self.key_id == COMMAND_LINE

    def reads(self, access_groups: Collection[str]) -> bool:
        """Whether the caller may read what is restricted to these groups; no groups: everyone may."""
        return not access_groups or not self.groups.isdisjoint(access_groups)

    def check_source(self, address: str | None) -> None:
        """Whether a request may come from this address. Errors: SourceNotAllowed."""
        if self.hosts and not any(_contains(network, address) for network in self.hosts):
            raise SourceNotAllowed(f"A request came from {address or 'an unknown address'}.")

    def may(self, permission: str) -> bool:
        if self.permissions is not None and permission not in self.permissions:
            return False
        return any(permission in PERMISSIONS.get(role, ()) for role in self.roles)

    def require(self, permission: str) -> None:
        if not self.may(permission):
            holders = sorted(role for role, granted in PERMISSIONS.items() if permission in granted)
            if self.permissions is not None and self.roles & set(holders):
                raise PermissionMissing(f"This key is restricted, and not to the permission {permission}.")
            raise PermissionMissing(
                f"This needs the permission {permission}; this key has the roles {', '.join(sorted(self.roles))}.",
                action=f"Use a key with one of the roles {', '.join(holders)}.",
            )


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret, which is stored nowhere."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"sk_{self.prefix}_{self.secret}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key, without its secret."""

    id: UUID
    tenant_id: UUID
    name: str
    prefix: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None
    person: str | None
    permissions: list[str] | None
    hosts: list[str]
    requests_per_minute: int | None
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What restricts a key. person: who is behind it, declared by whoever makes it."""

    person: str | None = None
    permissions: Collection[str] | None = None
    hosts: Collection[str] = ()
    requests_per_minute: int | None = None
    expires_at: datetime | None = None

    def checked(self, roles: Collection[str], now: datetime) -> "KeyTerms":
        """In the form in which they are stored. Errors: InvalidKeyTerms."""
        granted = {each for role in roles for each in PERMISSIONS.get(role, ())}
        permissions = None if self.permissions is None else sorted(set(self.permissions))
        if permissions is not None and (not permissions or not granted.issuperset(permissions)):
            lacking = ", ".join(sorted(set(permissions) - granted)) or "none"
            raise InvalidKeyTerms(f"A key is restricted to permissions of its own roles; these are not: {lacking}.")
        if self.expires_at and self.expires_at <= now:
            raise InvalidKeyTerms("The key would have expired already.")
        if self.requests_per_minute is not None and self.requests_per_minute < 1:
            raise InvalidKeyTerms("A key may send at least one request a minute.")
        return KeyTerms(
            _person(self.person),
            permissions,
            [_network(each) for each in self.hosts],
            self.requests_per_minute,
            self.expires_at,
        )


def _person(person: str | None) -> str | None:
    """People are compared by their names, so that case and spaces around them make no difference."""
    name = None if person is None else person.strip().casefold()
    if name is not None and (not 0 < len(name) <= MAX_PERSON_CHARACTERS or not name.isprintable()):
        raise InvalidKeyTerms(f"A person has a name of 1 to {MAX_PERSON_CHARACTERS} printable characters.")
    return name


def _network(host: str) -> str:
    try:
        return str(ip_network(host))
    except ValueError as error:
        raise InvalidKeyTerms(f"'{host[:100]}' is no address or network such as 192.0.2.7 or 10.1.0.0/16.") from error


@cache
def _parsed(network: str) -> IPv4Network | IPv6Network:
    return ip_network(network)


def _contains(network: str, address: str | None) -> bool:
    try:
        one = ip_address(address or "")
    except ValueError:
        return False
    mapped = one.ipv4_mapped if isinstance(one, IPv6Address) else None
    return (mapped or one) in _parsed(network)


def generate_key() -> NewKey:
    """A random public prefix for lookups, and a secret of 160 random bits."""
    prefix = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))
    return NewKey(prefix, "".join(secrets.choice(_BASE32) for _ in range(32)))


def parse_key(text: str) -> NewKey:
    """Errors: KeyInvalid."""
    match = KEY_PATTERN.fullmatch(text)
    if not match:
        raise KeyInvalid()
    return NewKey(match[1], match[2])


def digest_of(key: NewKey, pepper: bytes) -> bytes:
    return hmac.digest(pepper, key.text.encode(), sha256)


def derive_webhook_secret(key_id: UUID, pepper: bytes) -> bytes:
    """The secret that signs webhooks of a key. It is derived from the key's id, so that it is not stored."""
    return hmac.digest(pepper, b"webhook " + key_id.bytes, sha256)


def format_webhook_secret(secret: bytes) -> str:
    """As receivers configure it. Source: standardwebhooks.com, 1.0.0."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def digests_equal(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def check_roles(roles: frozenset[str]) -> frozenset[str]:
    """Errors: RoleNotFound, also for no role at all."""
    unknown = sorted(roles - PERMISSIONS.keys())
    if unknown or not roles:
        raise RoleNotFound(f"The roles are {', '.join(PERMISSIONS)}; '{', '.join(unknown)}' is none of them.")
    return roles


def check_groups(groups: Iterable[str]) -> list[str]:
    """Sorted, without duplicates. Errors: InvalidGroupName."""
    names = sorted(set(groups))
    if invalid := [group for group in names if not GROUP_PATTERN.fullmatch(group)]:
        raise InvalidGroupName(f"'{invalid[0][:100]}' is not a valid name of an access group.")
    return names


def check_grant(roles: frozenset[str], granter: Principal) -> None:
    """A key grants only what it may do itself, and never the role service, which the command line alone grants.

    Errors: RoleNotGranted.
    """
    for role in sorted(roles & PERMISSIONS.keys()):
        if PERMISSIONS[role] & SERVICE_PERMISSIONS or not all(granter.may(each) for each in PERMISSIONS[role]):
            raise RoleNotGranted(f"The role {role} cannot be granted by this key.")


def add_permission(name: str, roles: Iterable[str]) -> None:
    """A permission of the team's own, within a tenant, for these roles and for admins. Errors: ValueError."""
    tenant_roles = PERMISSIONS.keys() - {"service"}
    if not name.startswith(OWN_PREFIX) or name == OWN_PREFIX:
        raise ValueError(f"the permission {name} must begin with '{OWN_PREFIX}'")
    granted = {"admin", *roles}
    if unknown := sorted(granted - tenant_roles):
        raise ValueError(f"{unknown[0]} is no role that {name} can be given to: {', '.join(sorted(tenant_roles))}")
    for role in granted:
        PERMISSIONS[role] |= {name}


def scope_of(permission: str) -> PermissionScope:
    if permission in SERVICE_PERMISSIONS:
        return "service"
    return "own" if permission in KEY_PERMISSIONS else "tenant"
