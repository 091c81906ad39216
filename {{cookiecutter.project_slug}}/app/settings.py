"""The only place that reads the environment. Every setting is typed, described and checked at start."""

import difflib
import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from app.adapters.addresses import is_protected
from app.adapters.chat.choice import CHAIN_EXAMPLE, ModelChoice
from app.core.errors import StartRefused
from app.core.options import LogFormat, ServerLimits, TraceTarget

PREFIX = "APP_"
V = TypeVar("V", str, str | None)

_INJECTED = re.compile(
    r"APP(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.IGNORECASE
)
_INJECTED_PORT = re.compile(r"APP(_[A-Z0-9_]+)?_PORT", re.IGNORECASE)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)

MIN_SECRET_CHARACTERS = 12
"""A shorter secret could be part of an ordinary word, and masking it would garble the logs."""

MASTER_KEY_FILE = "master-key"
"""In the data folder, in development."""
METRICS_SETTING = "APP_WORKER_METRICS_PORT"


class Settings(BaseSettings):
    """Choices that differ between one deployment and the next. Operating principles are policies, not settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    environment: Literal["development", "staging", "production"] = Field(
        "development",
        description="Where this runs. Outside development no secret is generated: each must be set.",
    )
    host: str = Field("127.0.0.1", description="Address that the API and the metrics of the worker listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    worker_metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port on which a worker shows its metrics. Unset: the one after APP_PORT."
    )
    max_requests: int = Field(
        64,
        ge=1,
        le=10_000,
        description="Most requests worked on at once, besides answers (concurrent_answers in policies/security.yaml) "
        "and uploads. More are refused at once with 503; /health and /metrics never are.",
    )
    max_uploads: int = Field(8, ge=1, le=1000, description="Most requests with documents taken in at once.")
    max_connections: int = Field(
        800,
        ge=1,
        le=100_000,
        description="Most connections at once; for a new one the one that has been silent longest is closed.",
    )
    max_header_bytes: int = Field(
        32_768, ge=1024, le=16_777_216, description="Most bytes of a request's first line and headers together."
    )
    max_headers: int = Field(100, ge=8, le=10_000, description="Most headers of a request.")
    header_seconds: float = Field(
        10, gt=0, le=3600, description="Seconds in which the headers of a request must be there."
    )
    body_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description="Seconds that the body of a request may take beyond what it takes at 16 KiB a second.",
    )
    max_buffered_body_bytes: int = Field(
        64_000_000, ge=1_000_000, description="Most bytes of all bodies that are being read, uploads aside."
    )
    send_seconds: float = Field(
        30, gt=0, le=3600, description="Seconds after which a caller who does not read the reply is cut off."
    )
    keep_alive_seconds: float = Field(
        75,
        gt=0,
        le=3600,
        description="Seconds that a connection without a request stays open. Longer than the proxy before the service "
        "keeps it, or requests meet a connection that is being closed.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description='Addresses or networks of proxies, as JSON: ["10.0.0.0/8"]. Of these alone X-Forwarded-For and '
        "X-Forwarded-Proto are believed; networks of keys are compared with the address that they name.",
    )
    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Prefix of the service's paths behind a proxy, such as /answers, whether the proxy takes it off.",
    )
    console: bool = Field(True, description="Whether the API serves the pages at /console for reviewers and operators.")
    root: Path = Field(Path("."), description="Folder that holds policies/, prompts/, migrations/ and docs/.")

    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL with pgvector >= 0.8.5, as a role that owns nothing. Unset: the embedded server.",
    )
    database_owner_url: SecretStr | None = Field(
        None, description="The same database as the owner of its tables: for 'app migrate' and 'app index optimise'."
    )
    database_session_url: SecretStr | None = Field(
        None,
        description="The same database and role, past the pooler, where DATABASE_URL leads through one in transaction "
        "mode: for notifications and the queue. Statements are then not prepared.",
    )
    database_backup_url: SecretStr | None = Field(
        None,
        description="The same database as a role that reads the rows of all tenants, for 'app backup' and "
        "'app restore'. Unset: as the owner, where that is a superuser.",
    )
    database_pool: int = Field(16, ge=2, le=200, description="Most connections of each of the process's two pools.")
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded server and of development secrets.")

    key_pepper: SecretStr | None = Field(
        None, description="Secret mixed into API key hashes, 32 characters or more. Made up in development."
    )

    oidc_issuer: str | None = Field(
        None,
        description="Identity provider whose tokens are accepted besides API keys, as it writes itself into tokens: "
        "https://login.example.com. policies/identity.yaml says what they give. Unset: API keys alone.",
    )
    oidc_audience: str | None = Field(
        None, min_length=1, description="The audience that access tokens must have, and no other: this service."
    )

    oidc_client_id: str | None = Field(
        None, min_length=1, description="This service's client at the identity provider, to sign in to the console."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="Secret of that client. Unset: a public client, which PKCE alone protects."
    )
    oidc_scopes: str = Field(
        "profile email", description="Scopes to ask for at sign-in, besides openid, such as the one that gives groups."
    )
    public_url: str | None = Field(
        None,
        description="Address of this service as browsers see it, without a slash at its end. The identity provider "
        "sends people back to /console/signed-in there.",
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
    tombstones: Path | None = Field(
        None,
        description="File outside of the database to which each erasure is added, for restored backups. "
        "Unset: tombstones.jsonl in APP_DATA_DIR.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe line to log.")
    log_format: LogFormat = Field("json", description="json for machines, console for people.")
    traces: TraceTarget = Field("none", description="Where traces go; with otlp see APP_OTLP_ENDPOINT.")
    service_name: str | None = Field(
        None,
        validation_alias="OTEL_SERVICE_NAME",
        description="Name of the service in traces. Unset: that of OTEL_RESOURCE_ATTRIBUTES, or of the folder.",
    )
    trace_sample: float = Field(0.1, ge=0, le=1, description="Share of traces recorded, decided at the first span.")
    otlp_endpoint: str | None = Field(None, description="Full URL of the collector's OTLP/HTTP traces endpoint.")

    injection_classifier: bool = Field(
        True, description="Whether a bundled classifier screens for prompt injection, on top of the rules."
    )

    worker_concurrency: int = Field(2, ge=1, le=64, description="Jobs one worker runs side by side.")

    model_chain: tuple[ModelChoice, ...] = Field(
        (),
        description=f"Models that write answers, best first, as JSON: {CHAIN_EXAMPLE}. Empty: the evidence is quoted.",
    )

    embedder: Literal["minilm", "openai", "none"] = Field(
        "minilm", description="What makes vectors for new indexes: bundled MiniLM, a provider, or none (words alone)."
    )
    embedder_next: Literal["minilm", "openai", "none"] | None = Field(
        None, description="A second embedder to hold, so that a switch to an index made with it fails no request."
    )
    embedder_folder: Path | None = Field(
        None, description="Folder with model.onnx and tokenizer.json, instead of the bundled MiniLM."
    )
    embedder_threads: int = Field(1, ge=1, le=64, description="Processor threads of one calculation of minilm.")
    embedder_url: str = Field(
        "https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API with /embeddings."
    )
    embedder_model: str = Field("text-embedding-3-small", description="The provider's name of the embedding model.")
    embedder_dimensions: int = Field(
        1536, ge=8, le=4000, description="Length of the vectors that embedding model gives."
    )
    embedder_key: SecretStr | None = Field(None, description="API key of the embedding provider.")
    text_search: str = Field(
        "english", description="PostgreSQL text-search configuration of new indexes: english, german, simple, …"
    )

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
            env_settings.env_vars = _ours(env_settings.env_vars)
        return init_settings, env_settings, dotenv_settings

    @field_validator("database_url", "database_owner_url", "database_session_url", "database_backup_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must read postgresql://user:password@host:port/database")
        return value

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _over_tls(cls, value: str | None) -> str | None:
        if value is not None and not is_protected(value):
            raise ValueError("must begin with https:// (http:// on this machine alone)")
        return value

    @field_validator("model_chain")
    @classmethod
    def _each_model_once(cls, value: tuple[ModelChoice, ...]) -> tuple[ModelChoice, ...]:
        if len({choice.model for choice in value}) < len(value):
            raise ValueError("names the same model twice")
        return value

    @model_validator(mode="after")
    def _secrets_outside_development(self) -> Self:
        for name in ("key_pepper", "master_key"):
            if self.environment != "development" and getattr(self, name) is None:
                raise ValueError(f"{variable_of(name)} must be set when APP_ENVIRONMENT is {self.environment}")
        for name in ("key_pepper", "release_secret", "master_key", "master_key_previous"):
            secret = getattr(self, name)
            if secret and len(secret.get_secret_value()) < 32:
                raise ValueError(f"{variable_of(name)} must have 32 characters or more")
        if self.environment == "production" and self.database_url is None:
            raise ValueError("DATABASE_URL must be set in production: the embedded server is for laptops and tests")
        return self

    @model_validator(mode="after")
    def _tokens_for_this_service_alone(self) -> Self:
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError("APP_OIDC_AUDIENCE must be set with APP_OIDC_ISSUER: tokens for others are refused")
        if self.oidc_client_id and not (self.oidc_issuer and self.public_url):
            raise ValueError("APP_OIDC_CLIENT_ID needs APP_OIDC_ISSUER and APP_PUBLIC_URL")
        if self.oidc_client_id and self.oidc_client_id == self.oidc_audience:
            raise ValueError("APP_OIDC_AUDIENCE must not be the client: its ID tokens would be access tokens here")
        return self

    @property
    def metrics_port(self) -> int:
        """Where a worker shows its metrics; 0 for any free port."""
        if self.worker_metrics_port is not None:
            return self.worker_metrics_port
        return self.port + 1 if 0 < self.port < 65535 else 0

    def server_limits(self) -> ServerLimits:
        return ServerLimits(
            connections=self.max_connections,
            header_bytes=self.max_header_bytes,
            headers=self.max_headers,
            header_seconds=self.header_seconds,
            body_seconds=self.body_seconds,
            send_seconds=self.send_seconds,
            keep_alive_seconds=self.keep_alive_seconds,
            proxies=tuple(map(str, self.trusted_proxies)),
        )

    def pepper(self) -> bytes:
        """What is mixed into the hashes of keys."""
        return self._secret(self.key_pepper, "pepper")

    def signing_secret(self) -> bytes:
        """What signs exported releases. Errors: StartRefused outside development when it is not set."""
        if self.release_secret is None and self.environment != "development":
            raise StartRefused("APP_RELEASE_SECRET must be set to export or import releases.")
        return self._secret(self.release_secret, "release-secret")

    def secret_values(self) -> frozenset[str]:
        """The secrets among the settings, so that they can be masked; none that an ordinary word might equal."""
        given = (getattr(self, name) for name in type(self).model_fields)
        values = [each.get_secret_value() for each in given if isinstance(each, SecretStr)]
        values += [each.api_key.get_secret_value() for each in self.model_chain if each.api_key]
        passwords = (urlsplit(value).password for value in values if "://" in value)
        return frozenset(value for value in (*values, *passwords) if value and len(value) >= MIN_SECRET_CHARACTERS)

    def master_secrets(self) -> list[bytes]:
        """What encrypts the keys of tenants; the current one first."""
        previous = [self.master_key_previous.get_secret_value().encode()] if self.master_key_previous else []
        return [self._secret(self.master_key, MASTER_KEY_FILE), *previous]

    def _secret(self, given: SecretStr | None, name: str) -> bytes:
        """In development one is generated once and stored in the data folder, readable by its owner only."""
        if given:
            return given.get_secret_value().encode()
        path = self.data_dir / name
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:
            pass
        return path.read_bytes()


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Errors: StartRefused naming the variable and what is wrong with it."""
    _refuse_unknown({**_dotenv(), **_ours(os.environ)})
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        name = variable_of(where) + ": " if where in Settings.model_fields else f"{where}: " if where else ""
        raise StartRefused(f"{name}{first['msg'].removeprefix('Value error, ')}.") from error


def sources(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Each setting as (variable, value with secrets masked, where it came from, description)."""
    environment, file = _fold(_ours(os.environ)), _fold(_dotenv())
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
    if isinstance(value, list | tuple):
        return "[" + ", ".join(masked(item) for item in value) + "]"
    return "" if value is None else str(value)


def _fold(variables: Mapping[str, Any]) -> set[str]:
    return {name.upper() for name in variables}


def _dotenv() -> dict[str, str | None]:
    from dotenv import dotenv_values

    return dict(dotenv_values(".env"))


def _ours(variables: Mapping[str, V]) -> dict[str, V]:
    """Without what Kubernetes and Docker put into every container about a Service or a link named app or app-…"""
    return {
        name: value
        for name, value in variables.items()
        if not _INJECTED.fullmatch(name) and not (_INJECTED_PORT.fullmatch(name) and _ADDRESS.match(value or ""))
    }


def _refuse_unknown(variables: Mapping[str, Any]) -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    for name in sorted(variables):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else "'app config check' lists the settings there are."
            raise StartRefused(f"{name} is not a setting of this service; {hint}")
