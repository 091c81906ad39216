from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.identity.domain import PERMISSIONS, Principal


class KeyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="Who or what will use the key.")
    roles: list[str] = Field(default=["user"], description="user, reviewer, operator or admin; not service.")
    groups: list[str] = Field(default=[], description="Access groups whose documents the key may see.")


class KeyCreated(BaseModel):
    prefix: str = Field(description="The public part, by which the key is listed and revoked.")
    key: str = Field(description="The whole key. It is shown this once and stored nowhere.")


class KeyShown(BaseModel):
    id: UUID
    name: str
    prefix: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None


class CallerShown(BaseModel):
    """Who the service takes you for."""

    name: str
    roles: list[str]
    groups: list[str]
    permissions: list[str] = Field(description="What the roles come to.")

    @classmethod
    def of(cls, caller: Principal) -> "CallerShown":
        return cls(
            name=caller.name,
            roles=sorted(caller.roles),
            groups=sorted(caller.groups),
            permissions=sorted({each for role in caller.roles for each in PERMISSIONS.get(role, ())}),
        )


class KeyList(BaseModel):
    items: list[KeyShown]
