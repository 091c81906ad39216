import os
import secrets
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from app.core.errors import StartRefused
from app.settings.deployment import DeploymentSettings
from app.settings.environment import PREFIX

MASTER_KEY_FILE = "master-key"
"""In the data folder, in development."""


class SecuritySettings(DeploymentSettings):
    """The secrets of the service itself, which are generated in development, and the screening of texts."""

    key_pepper: SecretStr | None = Field(
        None, description="Secret mixed into API key hashes, 32 characters or more. Made up in development."
    )
    release_secret: SecretStr | None = Field(
        None,
        description="Secret that signs exported releases, 32 characters or more, the same wherever they are taken in. "
        "Made up in development.",
    )
    master_key: SecretStr | None = Field(
        None,
        description="Secret that encrypts the keys of tenants, 32 random characters or more, which encrypt their "
        "original files. Keep a copy outside of the database. Made up in development.",
    )
    master_key_previous: SecretStr | None = Field(
        None, description="The former APP_MASTER_KEY, until 'app privacy rotate-master-key' has run."
    )
    injection_classifier: bool = Field(
        True, description="Whether a bundled classifier screens for prompt injection, on top of the rules."
    )

    @model_validator(mode="after")
    def _secrets_outside_development(self) -> Self:
        for name in ("key_pepper", "master_key"):
            if self.environment != "development" and getattr(self, name) is None:
                raise ValueError(f"{PREFIX}{name.upper()} must be set when APP_ENVIRONMENT is {self.environment}")
        for name in ("key_pepper", "release_secret", "master_key", "master_key_previous"):
            secret = getattr(self, name)
            if secret and len(secret.get_secret_value()) < 32:
                raise ValueError(f"{PREFIX}{name.upper()} must have 32 characters or more")
        return self

    def pepper(self) -> bytes:
        """What is mixed into the hashes of keys."""
        return self._value_of(self.key_pepper, "pepper")

    def signing_secret(self) -> bytes:
        """What signs exported releases. Errors: StartRefused outside development when it is not set."""
        if self.release_secret is None and self.environment != "development":
            raise StartRefused("APP_RELEASE_SECRET must be set to export or import releases.")
        return self._value_of(self.release_secret, "release-secret")

    def master_secrets(self) -> list[bytes]:
        """What encrypts the keys of tenants; the current one first."""
        previous = [self.master_key_previous.get_secret_value().encode()] if self.master_key_previous else []
        return [self._value_of(self.master_key, MASTER_KEY_FILE), *previous]

    def _value_of(self, secret: SecretStr | None, file_name: str) -> bytes:
        return secret.get_secret_value().encode() if secret else generated_once(self.data_dir / file_name)


def generated_once(path: Path) -> bytes:
    """A random secret, stored at `path` by the first call and readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_bytes()
