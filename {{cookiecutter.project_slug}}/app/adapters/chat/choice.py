from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from app.core.base_models import ExactModel

DIALECT = ("send_temperature", "send_stream_options", "send_logprobs", "starts_with_reasoning")
"""Options that a release stores only where they differ from the default."""
CHAIN_EXAMPLE = '[{"model": "gpt-4.1-mini", "base_url": "https://api.openai.com/v1", "api_key": "…"}]'


class ModelChoice(ExactModel):
    """One model of the fallback chain, as configured in the settings."""

    model: str = Field(
        min_length=1, max_length=200, description="The provider's name of the model; Azure's deployment."
    )
    base_url: str = Field(description="Address up to and without /chat/completions.")
    api_key: SecretStr | None = Field(None, description="The provider's API key, if it needs one.")
    kind: Literal["openai", "azure"] = Field("openai", description="How the provider builds its addresses.")
    provider: str = Field("", description="The provider's name in the price list; by default derived from the address.")
    api_version: str = Field("2024-10-21", description="Version of Azure's interface.")
    limit_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="The provider's name for the limit of output tokens."
    )
    send_temperature: bool = Field(True, description="False for a model that rejects a temperature.")
    send_stream_options: bool = Field(
        True, description="False for a model that rejects stream_options; its streams then report no usage."
    )
    send_logprobs: bool = Field(True, description="False for a model that rejects logprobs.")
    starts_with_reasoning: bool = Field(
        False, description="True where the server's chat template opens the reasoning, so that replies only close it."
    )
    timeout_seconds: float = Field(60.0, gt=0, le=600, description="Time-out of one call, within the deadline.")
    idle_seconds: float = Field(10.0, gt=0, le=120, description="Time-out between two chunks of a stream.")

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")) or "@" in value:
            raise ValueError("must be an http(s) address without a user name; the key goes into api_key")
        return value.rstrip("/")

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
