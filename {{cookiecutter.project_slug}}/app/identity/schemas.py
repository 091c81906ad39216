from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import Integer
from app.core.times import Moment
from app.identity.domain import PERMISSIONS, KeyTerms, Principal
from app.identity.domain.group_names import GroupName

RoleName = Annotated[str, Field(json_schema_extra={"enum": list(PERMISSIONS)})]


class KeyRequest(ExactModel):
    name: str = Field(min_length=1, max_length=100, description="The person or application that uses the key.")
    roles: list[RoleName] = Field(default=["user"], description="user, reviewer, operator or admin; not service.")
    groups: list[GroupName] = Field(default=[], description="Access groups whose documents the key may read.")
    person: str | None = Field(
        None, min_length=1, max_length=255, description="The person behind the key; keys of one person count as one."
    )
    permissions: list[str] | None = Field(None, description="At most these permissions of the roles; absent: all.")
    hosts: list[str] = Field([], max_length=100, description="Addresses or networks the key may be used from.")
    requests_per_minute: Integer | None = Field(None, ge=1, le=2_000_000_000, description="A limit below the policy's.")
    expires_at: Moment | None = Field(None, description="When the key ends; absent: never.")

    def terms(self) -> KeyTerms:
        return KeyTerms(self.person, self.permissions, self.hosts, self.requests_per_minute, self.expires_at)


class KeyCreatedResponse(BaseModel):
    prefix: str = Field(description="The public part, which identifies the key.")
    key: str = Field(description="The key. It is shown once and stored nowhere.")


class KeyResponse(ResponseModel):
    id: UUID
    name: str
    prefix: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None
    person: str | None = Field(description="The person behind the key, where declared.")
    permissions: list[str] | None = Field(description="What it is restricted to; null: all permissions of its roles.")
    hosts: list[str] = Field(description="Networks it may be used from; empty: any.")
    requests_per_minute: int | None = Field(description="Its own limit, where it has one.")
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class IdentityResponse(ResponseModel):
    """A person or a service account of the identity provider."""

    id: UUID
    issuer: str
    subject: str
    name: str
    roles: list[str] = Field(description="What the newest token gave, by policies/identity.yaml.")
    groups: list[str]
    created_at: datetime = Field(description="When the first token came.")
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class IdentityListResponse(BaseModel):
    items: list[IdentityResponse]


class CallerResponse(BaseModel):
    """The authenticated caller."""

    name: str
    roles: list[str]
    groups: list[str]
    permissions: list[str] = Field(description="What the caller may do.")

    @classmethod
    def of(cls, caller: Principal) -> "CallerResponse":
        return cls(
            name=caller.name,
            roles=sorted(caller.roles),
            groups=sorted(caller.groups),
            permissions=sorted(each for each in frozenset().union(*PERMISSIONS.values()) if caller.may(each)),
        )


class KeyListResponse(BaseModel):
    items: list[KeyResponse]
