"""Types of settings, apart from the modules they configure so that reading the settings imports little."""

from dataclasses import dataclass
from typing import Literal

LogFormat = Literal["json", "console"]
TraceTarget = Literal["none", "console", "otlp"]
SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
ContentCapture = Literal["NO_CONTENT", "SPAN_ONLY"]


@dataclass(frozen=True)
class ServerLimits:
    """Limits of the HTTP server and its connections, as the settings of the same names."""

    connections: int = 800
    header_bytes: int = 32_768
    headers: int = 100
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    send_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded headers are believed."""
