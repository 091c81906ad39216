import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from pydantic import BaseModel, Field, field_validator

from app.core.options import ServerLimits

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")


class ServerSettings(BaseModel):
    """The HTTP server, and the limits of its requests and connections."""

    host: str = Field("127.0.0.1", description="Address that the API and the metrics of the worker listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    console: bool = Field(True, description="Whether the API serves the pages at /console for reviewers and operators.")
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

    cors_origins: tuple[str, ...] = Field(
        (),
        max_length=100,
        description='Origins whose web pages may call the API with a key, as JSON: ["https://chat.example.com"]. '
        "Exact ones; without cookies, and never the console. Empty: none.",
    )

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, origins: Sequence[str]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    "each is a scheme, a host in small letters and a port if it is not the usual one, as in "
                    "https://chat.example.com; no path, no *"
                )
        return tuple(origins)

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


class WorkerSettings(BaseModel):
    """The processes that run jobs."""

    worker_concurrency: int = Field(2, ge=1, le=64, description="Jobs one worker runs side by side.")
    worker_metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port on which a worker shows its metrics. Unset: the one after APP_PORT."
    )
