from typing import Self

from pydantic import Field, SecretStr, model_validator

from app.core.errors import StartRefused
from app.settings.deployment import DeploymentSettings
from app.settings.environment import PREFIX
from app.settings.secret_values import check_secrets, value_or_generated

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
            if self.environment != "development" and not getattr(self, name):
                raise ValueError(f"{PREFIX}{name.upper()} must be set when APP_ENVIRONMENT is {self.environment}")
        check_secrets(self, "key_pepper", "release_secret", "master_key", "master_key_previous")
        return self

    def pepper(self) -> bytes:
        """What is mixed into the hashes of keys."""
        return value_or_generated(self.key_pepper, self.data_dir / "pepper")

    def signing_secret(self) -> bytes:
        """What signs exported releases. Errors: StartRefused outside development when it is not set."""
        if not self.release_secret and self.environment != "development":
            raise StartRefused("APP_RELEASE_SECRET must be set to export or import releases.")
        return value_or_generated(self.release_secret, self.data_dir / "release-secret")

    def master_secrets(self) -> list[bytes]:
        """What encrypts the keys of tenants; the current one first."""
        previous = [self.master_key_previous.get_secret_value().encode()] if self.master_key_previous else []
        return [value_or_generated(self.master_key, self.data_dir / MASTER_KEY_FILE), *previous]
