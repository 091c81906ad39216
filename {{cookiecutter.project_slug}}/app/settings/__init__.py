"""The only place that reads the environment. Every setting is typed, described and checked at start."""

import difflib
from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from app.core.errors import StartRefused
from app.settings.deployment import DeploymentSettings
from app.settings.environment import PREFIX, from_environment, from_file, without_injected
from app.settings.identity import IdentitySettings
from app.settings.mcp import McpSettings
from app.settings.models import ModelSettings, SearchSettings
from app.settings.outbound import OutboundSettings
from app.settings.processes import ServerSettings, WorkerSettings
from app.settings.rooms import RoomSettings
from app.settings.security import SecuritySettings
from app.settings.storage import StorageSettings
from app.settings.telemetry import TelemetrySettings

MIN_SECRET_CHARACTERS = 12
"""A shorter secret could be part of an ordinary word, and masking it would garble the logs."""

METRICS_SETTING = "APP_WORKER_METRICS_PORT"


# Pydantic puts the fields of the last base first, in the reference and in .env.example too.
class Settings(
    BaseSettings,
    SearchSettings,
    ModelSettings,
    OutboundSettings,
    TelemetrySettings,
    RoomSettings,
    McpSettings,
    IdentitySettings,
    SecuritySettings,
    StorageSettings,
    WorkerSettings,
    ServerSettings,
    DeploymentSettings,
):
    """Choices that differ between one deployment and the next. Operating principles are policies, not settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = without_injected(env_settings.env_vars)
        return init_settings, env_settings, dotenv_settings

    @model_validator(mode="after")
    def _a_database_server_in_production(self) -> Self:
        if self.environment == "production" and self.database_url is None:
            raise ValueError("DATABASE_URL must be set in production: the embedded server is for laptops and tests")
        return self

    @property
    def metrics_port(self) -> int:
        """Where a worker shows its metrics; 0 for any free port."""
        if self.worker_metrics_port is not None:
            return self.worker_metrics_port
        return self.port + 1 if 0 < self.port < 65535 else 0

    def secret_values(self) -> frozenset[str]:
        """The secrets among the settings, so that they can be masked; none that an ordinary word might equal."""
        given = (getattr(self, name) for name in type(self).model_fields)
        values = [each.get_secret_value() for each in given if isinstance(each, SecretStr)]
        values += [*self.embedder_keys, *(key for each in self.model_chain for key in each.keys)]
        values += [each.get_secret_value() for each in self.mcp_secrets.values()]
        passwords = (urlsplit(value).password for value in values if "://" in value)
        return frozenset(value for value in (*values, *passwords) if value and len(value) >= MIN_SECRET_CHARACTERS)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Errors: StartRefused naming the variable and what is wrong with it."""
    _refuse_unknown([*from_file(), *from_environment()])
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        name = variable_of(where) + ": " if where in Settings.model_fields else f"{where}: " if where else ""
        raise StartRefused(f"{name}{first['msg'].removeprefix('Value error, ')}.") from error
    except SettingsError as error:  # its message names the field, and holds none of the value
        named = [name for name in Settings.model_fields if f'"{name}"' in str(error)]
        raise StartRefused(f"{' or '.join(map(variable_of, named))}: must be JSON, such as [].") from error


def sources(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Each setting as (variable, value with secrets masked, where it came from, description)."""
    environment, file = _upper(from_environment()), _upper(from_file())
    rows = []
    for name, field in Settings.model_fields.items():
        variable = variable_of(name)
        key = variable.upper()
        source = "environment" if key in environment else ".env" if key in file else "default"
        rows.append((variable, masked(getattr(settings, name)), source, field.description or ""))
    return rows


def masked(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {masked(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(masked(item) for item in value) + "]"
    return "" if value is None else str(value)


def _upper(variables: Iterable[str]) -> set[str]:
    return {name.upper() for name in variables}


def _refuse_unknown(variables: Iterable[str]) -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    for name in sorted(set(variables)):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else "'app config check' lists the settings there are."
            raise StartRefused(f"{name} is not a setting of this service; {hint}")
