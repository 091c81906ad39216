"""Accounts and groups that the identity provider provisions, and what they take from its tokens.

They only take away: a token gives what its claims say, without the values of groups that are provisioned and do not
have the person among their members, and gives nothing to a person whose account is not active.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from app.core.errors import BadRequest, Conflict, NotFound
from app.identity.domain.tokens import TokenRefused

LinkAttribute = Literal["external_id", "user_name"]
MAX_TEXT_CHARACTERS: Final = 255
MAX_MEMBERS: Final = 5000


class ScimProblem(BadRequest):
    """`scim_type`: the detail error keyword of RFC 7644, 3.12."""

    code, title = "scim_invalid", "The SCIM request is not valid"

    def __init__(self, scim_type: str, detail: str) -> None:
        super().__init__(detail, scim_type=scim_type)
        self.scim_type = scim_type


class ScimNotFound(NotFound):
    code, title = "scim_not_found", "No such SCIM resource"


class NameTaken(Conflict):
    code, title = "scim_uniqueness", "Another account or group has this name"


class Deprovisioned(TokenRefused):
    code, title, reason = "deprovisioned", "The account of this person is not active", "deprovisioned"
    action = "The identity provider provisions accounts here: see the person's account there."


@dataclass(frozen=True, slots=True)
class ProvisionedAccess:
    """What is provisioned of the person behind a token. known: an account is or was there. withheld: values of claims
    that count for members of a provisioned group, and not for this person.
    """

    known: bool
    active: bool
    withheld: frozenset[str] = frozenset()

    def check(self, required: bool) -> None:
        """Errors: Deprovisioned. required: somebody without an account does not get in."""
        if (self.known or required) and not self.active:
            raise Deprovisioned()


@dataclass(frozen=True, slots=True)
class ProvisionedUser:
    """external_id: the provider's name of it. groups: names of its groups, by id; they are read only."""

    id: UUID
    user_name: str
    external_id: str | None
    display_name: str | None
    active: bool
    created_at: datetime
    updated_at: datetime
    groups: Mapping[UUID, str]

    def link(self, attribute: LinkAttribute) -> str | None:
        """What is compared with a claim of tokens."""
        return user_key(self.user_name) if attribute == "user_name" else self.external_id

    @property
    def content(self) -> "UserContent":
        return UserContent(self.user_name, self.external_id, self.display_name, self.active)


@dataclass(frozen=True, slots=True)
class ProvisionedGroup:
    """members: names of its users, by id."""

    id: UUID
    display_name: str
    external_id: str | None
    created_at: datetime
    updated_at: datetime
    members: Mapping[UUID, str]

    @property
    def content(self) -> "GroupContent":
        return GroupContent(self.display_name, self.external_id, frozenset(self.members))


@dataclass(frozen=True, slots=True)
class UserContent:
    """What a provider sets of a user."""

    user_name: str
    external_id: str | None = None
    display_name: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class GroupContent:
    """What a provider sets of a group. members: ids of users."""

    display_name: str
    external_id: str | None = None
    members: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """attribute eq value: the only filter, on one of user_name, external_id, display_name, id and active."""

    attribute: str
    value: str | bool


def user_key(user_name: str) -> str:
    """Names of users do not differ by case alone. Source: RFC 7643, 4.1.1."""
    return user_name.casefold()
