from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.identity.domain import PERMISSIONS, Principal


class KeyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="The person or application that uses the key.")
    roles: list[str] = Field(default=["user"], description="user, reviewer, operator or admin; not service.")
    groups: list[str] = Field(default=[], description="Access groups whose documents the key may read.")


class KeyCreatedResponse(BaseModel):
    prefix: str = Field(description="The public part, which identifies the key.")
    key: str = Field(description="The key. It is shown once and stored nowhere.")


class KeyResponse(BaseModel):
    id: UUID
    name: str
    prefix: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None


class CallerResponse(BaseModel):
    """The authenticated caller."""

    name: str
    roles: list[str]
    groups: list[str]
    permissions: list[str] = Field(description="All permissions of the roles.")

    @classmethod
    def of(cls, caller: Principal) -> "CallerResponse":
        return cls(
            name=caller.name,
            roles=sorted(caller.roles),
            groups=sorted(caller.groups),
            permissions=sorted({each for role in caller.roles for each in PERMISSIONS.get(role, ())}),
        )


class KeyListResponse(BaseModel):
    items: list[KeyResponse]
