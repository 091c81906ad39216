from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from app.adapters.addresses import is_protected


class IdentitySettings(BaseModel):
    """The identity provider, for access tokens and for sign-in to the console."""

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

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _over_tls(cls, value: str | None) -> str | None:
        if value is not None and not is_protected(value):
            raise ValueError("must begin with https:// (http:// on this machine alone)")
        return value

    @model_validator(mode="after")
    def _tokens_for_this_service_alone(self) -> Self:
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError("APP_OIDC_AUDIENCE must be set with APP_OIDC_ISSUER: tokens for others are refused")
        if self.oidc_client_id and not (self.oidc_issuer and self.public_url):
            raise ValueError("APP_OIDC_CLIENT_ID needs APP_OIDC_ISSUER and APP_PUBLIC_URL")
        if self.oidc_client_id and self.oidc_client_id == self.oidc_audience:
            raise ValueError("APP_OIDC_AUDIENCE must not be the client: its ID tokens would be access tokens here")
        return self
