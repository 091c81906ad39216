"""Roles, permissions and API keys. Written to be read by auditors."""

import base64
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
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
    }
)
REVIEWER: Final = USER | {
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
    "quarantine:read",
    "quarantine:decide",
    "staging:use",
    "answers:replay",
    "costs:read",
    "tickets:close",
}
ADMIN: Final = REVIEWER | OPERATOR | {"keys:manage", "audit:read", "budgets:manage", "reviews:escalated"}

SERVICE_PERMISSIONS: Final = frozenset(
    {
        "releases:read",
        "releases:write",
        "releases:evaluate",
        "releases:activate",
        "releases:approve",
        "index:manage",
        "governance:read",
        "service:audit",
        "service:budgets",
    }
)
"""Permissions on what all tenants share. No role of a tenant has any of them."""
SERVICE: Final = SERVICE_PERMISSIONS | {"caller:read", "models:read", "costs:read", "audit:read", "budgets:manage"}
"""The role of those who run the service. It reads no document, answer or review of a tenant."""

PERMISSIONS: Final = {"user": USER, "reviewer": REVIEWER, "operator": OPERATOR, "admin": ADMIN, "service": SERVICE}

KEY_PERMISSIONS: Final = frozenset({"caller:read", "models:read", "answers:write", "actions:propose"})
"""Permissions that reach only resources of the calling key."""
PermissionScope = Literal["own", "tenant", "service"]
"""Whose resources a permission reaches: those of the key, of its tenant, or of all tenants."""

GROUP_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}")
KEY_PATTERN: Final = re.compile(r"sk_([a-z0-9]{12})_([a-z2-7]{32})")
MAX_CALLERS: Final = 10_000
COMMAND_LINE: Final = UUID(int=0)
"""The key id of the command line, which may do everything."""
ALL_ROLES: Final = frozenset({"admin", "service"})
"""Together they have every permission."""
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"


class KeyInvalid(Unauthenticated):
    code, title = "unknown_key", "The API key is not valid"


class KeyRequired(Unauthenticated):
    code, title = "key_missing", "No API key was sent"


class PermissionMissing(Forbidden):
    code, title = "permission_missing", "The key lacks a permission"


class TenantNotFound(NotFound):
    code, title = "tenant_not_found", "No such tenant"
    action = "'app keys create --tenant NAME' creates a tenant with its first key."


class KeyNotFound(NotFound):
    code, title = "key_not_found", "No such API key"


class KeyAmbiguous(Conflict):
    code, title = "key_ambiguous", "Several keys have this name"
    action = "Name the key by its prefix; 'app keys list' shows it."


class InvalidRole(Invalid):
    code, title = "unknown_role", "No such role"


class InvalidGroupName(Invalid):
    code, title = "bad_access_group", "The name of the access group is not valid"
    action = "Use 1 to 100 letters, digits or ._:@/- characters, without spaces, starting with a letter or digit."


class RoleNotGranted(Forbidden):
    code, title = "role_not_granted", "The key may not grant this role"
    action = "An operator of the service grants it on the command line: app keys create NAME --role ROLE."


class RateLimited(TooManyRequests):
    code, title = "rate_limited", "The key has sent too many requests"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    tenant_id: UUID
    key_id: UUID
    name: str
    roles: frozenset[str]
    groups: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_command_line(self) -> bool:
        """Whether the caller is the command line of this machine."""
        return self.key_id == COMMAND_LINE

    def reads(self, access_groups: Collection[str]) -> bool:
        """Whether the caller may read what is restricted to these groups; no groups: everyone may."""
        return not access_groups or not self.groups.isdisjoint(access_groups)

    def may(self, permission: str) -> bool:
        return any(permission in PERMISSIONS.get(role, ()) for role in self.roles)

    def require(self, permission: str) -> None:
        if not self.may(permission):
            holders = sorted(role for role, granted in PERMISSIONS.items() if permission in granted)
            raise PermissionMissing(
                f"This needs the permission {permission}; this key has the roles {', '.join(sorted(self.roles))}.",
                action=f"Use a key with one of the roles {', '.join(holders)}.",
            )


@dataclass
class RateLimit:
    """The generic cell rate algorithm: a burst of `per_minute` requests, then as many per minute. It stores one number
    per caller, the theoretical arrival time of the next request.
    """

    per_minute: int
    _due_at: dict[UUID, float] = field(default_factory=dict)

    def seconds_to_wait(self, caller: UUID, now: float) -> float:
        """Counts a request: 0.0 when it is allowed, else the seconds until one would be. now: monotonic seconds."""
        due = max(self._due_at.get(caller, now), now) + 60 / self.per_minute
        if due - now > 60:
            return due - now - 60
        if len(self._due_at) >= MAX_CALLERS:
            self._due_at = {key_id: due_at for key_id, due_at in self._due_at.items() if due_at > now}
        self._due_at[caller] = due
        return 0.0


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
    """Errors: InvalidRole, also for no role at all."""
    unknown = sorted(roles - PERMISSIONS.keys())
    if unknown or not roles:
        raise InvalidRole(f"The roles are {', '.join(PERMISSIONS)}; '{', '.join(unknown)}' is none of them.")
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


def scope_of(permission: str) -> PermissionScope:
    if permission in SERVICE_PERMISSIONS:
        return "service"
    return "own" if permission in KEY_PERMISSIONS else "tenant"
