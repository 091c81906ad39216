"""Webhooks about decisions: which hosts may receive them, and the signature that a receiver checks."""

import base64
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from pydantic import Field, field_validator

from app.core.base_models import ExactModel
from app.core.errors import Invalid

SEND_JOB, SEND_QUEUE = "webhooks.send", "webhooks"
"""The job that is enqueued in the transaction of a decision, with the arguments `WebhookMessage.job`."""

MAX_URL_CHARACTERS = 2000
PORTS = {"https": 443, "http": 80}
GONE = 410
"""The status by which a receiver declines further webhooks."""

DeliveryResult = Literal["delivered", "gone", "refused", "key_revoked"]
_ADDRESS = re.compile(r"(?i:https?)://[a-z0-9.:\[\]-]+(?:[/?][!-\[\]-~]*)?", re.IGNORECASE)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""The only IPv6 addresses that lead to public hosts; `is_global` of Python counts others too."""
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # the host of a virtual machine at Azure, which tells it its secrets
            "3fff::/20",  # documentation
        ),
    )
)


class DeliveryFailed(Exception):
    """The receiver did not confirm the webhook; it is sent again. The text names no URL."""


class WebhookRefused(Invalid):
    code, title = "webhook_refused", "This URL may not receive webhooks"
    action = "Name its host under webhooks in policies/security.yaml, or poll for the decision without a webhook."


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may receive webhooks. private: it may resolve to an address of a private network."""

    url: str
    private: bool


class WebhookHosts(ExactModel):
    """The hosts that may receive webhooks; the caller names the URL."""

    hosts: tuple[str, ...] = Field((), description="Public hosts, over https; with a port where it is not 443.")
    private: tuple[str, ...] = Field(
        (), description="Hosts that may be at a private address; http://host:port for one that has no https."
    )

    @field_validator("hosts", "private")
    @classmethod
    def _are_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _ADDRESS.fullmatch(_with_scheme(name)) or _place(_with_scheme(name)) is None:
                raise ValueError(f"'{name}' is not a host; write it like hooks.example.com or hooks.example.com:8443")
            if urlsplit(_with_scheme(name)).path.strip("/"):
                raise ValueError(f"'{name}' names more than a host; leave the path out")
        return names

    @field_validator("hosts")
    @classmethod
    def _are_safe(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unencrypted := [name for name in names if name.lower().startswith("http://")]:
            raise ValueError(f"'{unencrypted[0]}' would receive webhooks unencrypted; only a host under private may")
        return names

    def target(self, url: str) -> Target:
        """Errors: WebhookRefused."""
        place = _place(url) if len(url) <= MAX_URL_CHARACTERS and _ADDRESS.fullmatch(url) else None
        if place is None:
            raise WebhookRefused("A webhook is an address like https://host/path, without a user name in it.")
        if not (self.hosts or self.private):
            raise WebhookRefused("This service sends no webhooks: policies/security.yaml names no host for them.")
        if place in _places(self.private):
            return Target(url, private=True)
        if place in _places(self.hosts):
            return Target(url, private=False)
        raise WebhookRefused(f"{place[0]}://{place[1]}:{place[2]} is not among the hosts that may receive webhooks.")


def _with_scheme(name: str) -> str:
    return name if "://" in name else f"https://{name}"


def _places(names: tuple[str, ...]) -> set[tuple[str, str, int] | None]:
    return {_place(_with_scheme(name)) for name in names}


def _place(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    return (scheme, host, PORTS[scheme] if port is None else port) if host else None


def is_public(address: str) -> bool:
    """Whether an IP address is public, also where it is embedded in an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        last = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP and not is_public(str(last)):
            return False
        if ip in _NAT64:
            embedded = last
        if embedded is None and ip not in _GLOBAL_UNICAST:
            return False
        ip = embedded or ip
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A notification that something was decided, with its address but without its content.

    id: the same for every attempt, so that a receiver recognises a duplicate. subject: the kind of thing that was
    decided on, such as `answer`; state: its new state. key_id: whose secret signs. title: of an alert.
    """

    id: UUID
    tenant_id: UUID
    key_id: UUID
    url: str
    subject: str
    subject_id: UUID
    state: str
    where: str
    at: datetime
    title: str = ""

    @property
    def name(self) -> str:
        return f"msg_{self.id.hex}"

    @property
    def body(self) -> bytes:
        data = {"id": self.subject_id, "status": self.state, "where": self.where}
        if self.title:
            data["title"] = self.title
        return orjson.dumps({"type": f"{self.subject}.{self.state}", "timestamp": self.at, "data": data})

    @property
    def job(self) -> dict[str, Any]:
        """The message as arguments of its job."""
        arguments: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return {name: value if isinstance(value, str) else _text(value) for name, value in arguments.items()}

    @classmethod
    def of_job(cls, **arguments: str) -> "WebhookMessage":
        ids = {name: UUID(arguments[name]) for name in ("id", "tenant_id", "key_id", "subject_id")}
        return cls(**{**arguments, **ids, "at": datetime.fromisoformat(arguments["at"])})  # type: ignore[arg-type]

    def headers(self, secret: bytes, at: datetime) -> Mapping[str, str]:
        """Headers signed as in Standard Webhooks. at: the time of this attempt. Source: standardwebhooks.com, 1.0.0."""
        seconds = str(int(at.timestamp()))
        signature = hmac.digest(secret, f"{self.name}.{seconds}.".encode() + self.body, sha256)
        return {
            "content-type": "application/json",
            "webhook-id": self.name,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }


def _text(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
