import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from app.core.outbound import OutboundRules

_SCHEME = re.compile(r"[a-z0-9+.-]+://", re.IGNORECASE)


class OutboundSettings(BaseModel):
    """How outgoing calls leave: to models, embedders, the identity provider, webhooks, rooms and the collector."""

    https_proxy: SecretStr | None = Field(
        None,
        validation_alias="HTTPS_PROXY",
        description="Proxy for outgoing calls to https addresses, such as http://proxy.example:3128; also in lower "
        "case. This machine is always reached directly.",
    )
    http_proxy: SecretStr | None = Field(
        None, validation_alias="HTTP_PROXY", description="The same for http addresses, whose texts the proxy can read."
    )
    no_proxy: str = Field(
        "",
        validation_alias="NO_PROXY",
        description="Hosts that are reached directly, with commas between: names with their sub-domains, addresses, "
        "networks such as 10.0.0.0/8, each also with a port; * for all.",
    )
    ca_file: Path | None = Field(
        None,
        description="PEM file with certificate authorities that outgoing calls trust besides those of the system, "
        "which SSL_CERT_FILE replaces.",
    )

    @field_validator("https_proxy", "http_proxy")
    @classmethod
    def _is_a_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if not text:
            return None
        address = text if _SCHEME.match(text) else f"http://{text}"
        try:
            parts = urlsplit(address)
            usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be an address like http://proxy.example:3128; other kinds of proxies are not used")
        return SecretStr(address)

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        import ssl

        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
        except OSError as error:
            reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            raise ValueError(f"{value} cannot be used ({reason})") from error
        return value

    @property
    def outbound(self) -> OutboundRules:
        """The rules for outgoing calls."""
        https, http = (each.get_secret_value() if each else None for each in (self.https_proxy, self.http_proxy))
        return OutboundRules(https, http, tuple(filter(None, re.split(r"[,\s]+", self.no_proxy))), self.ca_file)
