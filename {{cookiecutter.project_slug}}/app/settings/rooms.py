from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from app.core.errors import StartRefused
from app.settings.deployment import DeploymentSettings
from app.settings.secret_values import check_secrets, value_or_generated


class RoomSettings(DeploymentSettings):
    """Processes that run one room each."""

    retrieval_url: str | None = Field(
        None,
        description="Address of 'app serve --only retrieval', which searches for this process; https:// where others "
        "share the network. Unset: this process searches itself, with an embedder of its own.",
    )
    room_key: SecretStr | None = Field(
        None,
        description="Secret by which processes that run one room each know one another, 32 characters or more, the "
        "same in all of them. Made up in development.",
    )
    room_key_previous: SecretStr | None = Field(
        None, description="The former APP_ROOM_KEY, accepted until every process has the new one."
    )

    @field_validator("retrieval_url")
    @classmethod
    def _over_http(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith(("http://", "https://")) and urlsplit(value).hostname):
            raise ValueError("must begin with https:// or http:// and name a host")
        return value

    @model_validator(mode="after")
    def _a_key_outside_development(self) -> Self:
        if self.environment != "development" and self.retrieval_url and not self.room_key:
            raise ValueError("APP_ROOM_KEY must be set with APP_RETRIEVAL_URL: the other process asks for it")
        check_secrets(self, "room_key", "room_key_previous")
        return self

    def room_secret(self) -> bytes:
        """What processes of one room each share. Errors: StartRefused outside development when it is not set."""
        if not self.room_key and self.environment != "development":
            raise StartRefused("APP_ROOM_KEY must be set where a room runs alone, the same in all processes.")
        return value_or_generated(self.room_key, self.data_dir / "room-key")
