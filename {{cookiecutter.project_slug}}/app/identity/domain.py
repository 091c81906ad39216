"""Who may do what. Readable on purpose: this file is the answer to an auditor's question."""

import base64
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
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

OF_SERVICE: Final = frozenset(
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
"""What concerns all tenants. No role of a tenant holds any of it."""
SERVICE: Final = OF_SERVICE | {"caller:read", "models:read", "costs:read", "audit:read", "budgets:manage"}
"""Stands above the tenants, and reads no document, answer or review of any."""

PERMISSIONS: Final = {"user": USER, "reviewer": REVIEWER, "operator": OPERATOR, "admin": ADMIN, "service": SERVICE}

OF_KEY: Final = frozenset({"caller:read", "models:read", "answers:write", "actions:propose"})
"""What reaches only what belongs to the key that asks, or to nobody."""
Scope = Literal["own", "tenant", "service"]
"""Whose things a permission reaches: those of the key, of its tenant, or of all tenants."""

GROUP_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}")
KEY_PATTERN: Final = re.compile(r"sk_([a-z0-9]{12})_([a-z2-7]{32})")
MOST_CALLERS: Final = 10_000
COMMAND_LINE: Final = UUID(int=0)
"""Stands for the key of whoever may run commands on the machine, and so may do everything."""
EVERY_ROLE: Final = frozenset({"admin", "service"})
"""All that can be done, with these two."""
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"


class KeyInvalid(Unauthenticated):
    code, title = "unknown_key", "The API key is not valid"


class KeyRequired(Unauthenticated):
    code, title = "key_missing", "No API key was sent"


class NotAllowed(Forbidden):
    code, title = "permission_missing", "This key lacks a permission"


class TenantNotFound(NotFound):
    code, title = "tenant_not_found", "No such tenant"
    action = "'app keys create --tenant NAME' makes a tenant with its first key."


class KeyNotFound(NotFound):
    code, title = "key_not_found", "No such API key"


class KeyAmbiguous(Conflict):
    code, title = "key_ambiguous", "Several keys have this name"
    action = "Name the key by its prefix; 'app keys list' shows it."


class UnknownRole(Invalid):
    code, title = "unknown_role", "There is no such role"


class BadGroup(Invalid):
    code, title = "bad_access_group", "This cannot be the name of an access group"
    action = "Use 1 to 100 letters, digits or ._:@/- characters, without blanks, beginning with a letter or digit."


class RoleNotGranted(Forbidden):
    code, title = "role_not_granted", "This key may not give that role"
    action = "Whoever runs the service gives it at the command line: app keys create NAME --role ROLE."


class RateLimited(TooManyRequests):
    code, title = "rate_limited", "This key has sent too many requests"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, proved by a key."""

    tenant_id: UUID
    key_id: UUID
    name: str
    roles: frozenset[str]
    groups: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_machine(self) -> bool:
        """Whether it is whoever may run commands on the machine."""
        return self.key_id == COMMAND_LINE

    def reads(self, access_groups: Collection[str]) -> bool:
        """Whether what these groups may read is theirs to read; no groups means everybody."""
        return not access_groups or not self.groups.isdisjoint(access_groups)

    def may(self, permission: str) -> bool:
        return any(permission in PERMISSIONS.get(role, ()) for role in self.roles)

    def require(self, permission: str) -> None:
        if not self.may(permission):
            holders = sorted(role for role, granted in PERMISSIONS.items() if permission in granted)
            raise NotAllowed(
                f"This needs the permission {permission}; this key has the roles {', '.join(sorted(self.roles))}.",
                action=f"Use a key with one of the roles {', '.join(holders)}.",
            )


@dataclass
class RateLimit:
    """Each caller may send `per_minute` requests at once, and as many a minute from then on: the generic cell rate
    algorithm. It keeps one number for a caller, the moment at which all it has sent would be paid off.
    """

    per_minute: int
    _paid_off: dict[UUID, float] = field(default_factory=dict)

    def wait(self, caller: UUID, now: float) -> float:
        """Counts a request; 0.0 when it may pass, else the seconds until it might. now: monotonic seconds."""
        due = max(self._paid_off.get(caller, now), now) + 60 / self.per_minute
        if due - now > 60:
            return due - now - 60
        if len(self._paid_off) >= MOST_CALLERS:
            self._paid_off = {known: until for known, until in self._paid_off.items() if until > now}
        self._paid_off[caller] = due
        return 0.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment its secret is known."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"sk_{self.prefix}_{self.secret}"


def make_key() -> NewKey:
    """A public prefix to look the key up by, and 160 random bits."""
    prefix = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))
    return NewKey(prefix, "".join(secrets.choice(_ALPHABET) for _ in range(32)))


def parse_key(text: str) -> NewKey:
    match = KEY_PATTERN.fullmatch(text)
    if not match:
        raise KeyInvalid()
    return NewKey(match[1], match[2])


def digest_of(key: NewKey, pepper: bytes) -> bytes:
    return hmac.digest(pepper, key.text.encode(), sha256)


def webhook_secret_of(key_id: UUID, pepper: bytes) -> bytes:
    """What signs messages on behalf of a key: derived, so that it is stored nowhere and goes when the key goes."""
    return hmac.digest(pepper, b"webhook " + key_id.bytes, sha256)


def webhook_secret_text(secret: bytes) -> str:
    """As who checks the signatures is given it. Source: standardwebhooks.com, 1.0.0."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def check_roles(roles: frozenset[str]) -> frozenset[str]:
    unknown = sorted(roles - PERMISSIONS.keys())
    if unknown or not roles:
        raise UnknownRole(f"The roles are {', '.join(PERMISSIONS)}; '{', '.join(unknown)}' is none of them.")
    return roles


def check_groups(groups: Iterable[str]) -> list[str]:
    """In order, each once. Errors: BadGroup."""
    wanted = sorted(set(groups))
    if bad := [group for group in wanted if not GROUP_PATTERN.fullmatch(group)]:
        raise BadGroup(f"'{bad[0][:100]}' is no access group.")
    return wanted


def check_grant(roles: frozenset[str], giver: Principal) -> None:
    """A key gives what it could do itself, and never the service role: that is given at the command line alone.

    Errors: RoleNotGranted.
    """
    for role in sorted(roles & PERMISSIONS.keys()):
        if PERMISSIONS[role] & OF_SERVICE or not all(giver.may(each) for each in PERMISSIONS[role]):
            raise RoleNotGranted(f"The role {role} cannot be given by this key.")


def scope_of(permission: str) -> Scope:
    if permission in OF_SERVICE:
        return "service"
    return "own" if permission in OF_KEY else "tenant"
