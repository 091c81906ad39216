from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from app.adapters.chat.fields import FieldRules, check_omit, check_rename
from app.core.base_models import ExactModel

MAX_KEYS = 20
OPTIONS = ("omit", "rename", "starts_with_reasoning")
"""Options that a release stores only where they differ from the default."""
FORMER_OPTIONS = ("limit_field", "send_temperature", "send_stream_options", "send_logprobs")
"""Options in the manifests of earlier versions, which `omit` and `rename` replaced."""
CHAIN_EXAMPLE = '[{"model": "gpt-4.1-mini", "base_url": "https://api.openai.com/v1", "api_key": "…"}]'


class ModelChoice(ExactModel):
    """One model of the fallback chain, as configured in the settings."""

    model: str = Field(
        min_length=1, max_length=200, description="The provider's name of the model; Azure's deployment."
    )
    base_url: str = Field(description="Address up to and without /chat/completions.")
    api_key: SecretStr | None = Field(None, description="The provider's API key, if it needs one.")
    api_keys: tuple[SecretStr, ...] = Field(
        (),
        max_length=MAX_KEYS,
        description="More keys of the provider, used in turn; one that it rejects rests for a while.",
    )
    kind: Literal["openai", "azure"] = Field("openai", description="How the provider builds its addresses.")
    provider: str = Field("", description="The provider's name in the price list; by default derived from the address.")
    api_version: str = Field("2024-10-21", description="Version of Azure's interface.")
    omit: tuple[str, ...] = Field((), description="Fields that are left out of requests, such as temperature.")
    rename: Mapping[str, str] = Field(
        default_factory=dict,
        description='The model\'s own names of fields, such as {"max_tokens": "max_completion_tokens"}.',
    )
    starts_with_reasoning: bool = Field(
        False, description="True where the server's chat template opens the reasoning, so that replies only close it."
    )
    timeout_seconds: float = Field(60.0, gt=0, le=600, description="Time-out of one call, within the deadline.")
    idle_seconds: float = Field(10.0, gt=0, le=120, description="Time-out between two chunks of a stream.")

    @model_validator(mode="before")
    @classmethod
    def _no_former_option(cls, given: object) -> object:
        for name in FORMER_OPTIONS:
            if isinstance(given, dict) and name in given:
                raise ValueError(f"'{name}' is no option any more: use omit or rename for what the model refuses")
        return given

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")) or "@" in value:
            raise ValueError("must be an http(s) address without a user name; the key goes into api_key")
        return value.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _key_of_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        _check_key(value)
        return value

    @field_validator("api_keys")
    @classmethod
    def _keys_of_a_header(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in value:
            _check_key(key, empty=False)
        return value

    @field_validator("omit")
    @classmethod
    def _can_be_omitted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_omit(value)
        return tuple(sorted(set(value)))

    @field_validator("rename")
    @classmethod
    def _can_be_renamed(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        check_rename(value)
        return dict(sorted(value.items()))

    @model_validator(mode="after")
    def _not_ours(self) -> Self:
        if self.model in ("extractive", "default"):
            raise ValueError(
                f"'{self.model}' is the service's own; leave it out, quoting the evidence comes last anyway"
            )
        return self

    @property
    def paid(self) -> str:
        return self.provider or ("azure" if self.kind == "azure" else "openai")

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, each once."""
        given = (*([self.api_key] if self.api_key else []), *self.api_keys)
        return tuple(dict.fromkeys(text for key in given if (text := key.get_secret_value())))

    @property
    def field_rules(self) -> FieldRules:
        return FieldRules(frozenset(self.omit), self.rename)


def _check_key(key: SecretStr | None, *, empty: bool = True) -> None:
    text = key.get_secret_value() if key else ""
    if not (text or empty) or not text.isascii() or not (text or "-").isprintable() or text != text.strip():
        raise ValueError("is empty, begins or ends with a space, or has a character that no key has")


def parameters_of(choice: ModelChoice) -> dict[str, Any]:
    """The options of a model as the manifest of a release stores them: single values, no secret."""
    # Defaults are left out, so that a new option changes no digest.
    excluded = {"model", "base_url", "api_key", "api_keys", "provider", *OPTIONS}
    parameters = choice.model_dump(exclude=excluded)
    if choice.omit:
        parameters["omit"] = ",".join(choice.omit)
    if choice.rename:
        parameters["rename"] = ",".join(f"{name}={other}" for name, other in choice.rename.items())
    if choice.starts_with_reasoning:
        parameters["starts_with_reasoning"] = True
    return parameters


def options_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a model from the manifest of a release, of this version or an earlier one."""
    options = {name: value for name, value in parameters.items() if value is not None and name not in FORMER_OPTIONS}
    omit = [each for each in str(options.pop("omit", "")).split(",") if each]
    omit += [name.removeprefix("send_") for name in FORMER_OPTIONS[1:] if parameters.get(name) is False]
    pairs = [each.partition("=") for each in str(options.pop("rename", "")).split(",") if each]
    rename = {name: other for name, _, other in pairs}
    if parameters.get("limit_field") == "max_completion_tokens":
        rename["max_tokens"] = "max_completion_tokens"
    return options | {"omit": tuple(omit), "rename": rename}
