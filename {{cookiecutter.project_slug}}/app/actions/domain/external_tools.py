"""Tools of other MCP servers, which policies/actions.yaml makes actions: each as a person has read and accepted it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from app.actions.domain.action import PROPOSE_PERMISSION, RiskClass
from app.core.base_models import ExactModel
from app.core.errors import Invalid, Unavailable
from app.core.json_types import JsonObject
from app.releases.domain import canonical_json, digest_of

_OTHER = re.compile(r"[^a-z0-9]+")
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

ExternalToolState = Literal["offered", "accepted", "changed", "missing", "not_accepted", "unavailable"]
"""accepted: as the policy names it, and not among its `offered`. changed: its description is not the accepted one.
not_accepted: the server has it, and the policy does not name it."""


class ToolServerUnavailable(Unavailable):
    code, title = "tool_server_unavailable", "The server of this tool cannot be reached"


class ExternalToolChanged(Invalid):
    code, title = "external_tool_changed", "The tool is not the one that was accepted"
    action = "'app actions tools' shows its description now; policies/actions.yaml accepts it by its digest."


class ExternalToolFailed(Invalid):
    code, title = "external_tool_failed", "The tool did not do it"


class AcceptedTool(ExactModel):
    """A tool that a person has read and accepted."""

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of its name, description and input schema, as `app actions tools` shows it.",
    )
    risk: RiskClass = Field(description="read runs at once; irreversible always waits for a person.")
    permission: str = Field(
        PROPOSE_PERMISSION, description="The permission that a key needs for it, besides proposing."
    )


class ExternalServer(ExactModel):
    """An MCP server whose tools may become actions."""

    url: str = Field(max_length=2000, description="Its address, over https; http on this machine alone.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="By header, the name in APP_MCP_SECRETS of the value that is sent."
    )
    timeout_seconds: float = Field(10, gt=0, le=60, description="For one call, with the check of the description.")
    tools: dict[str, AcceptedTool] = Field(
        default_factory=dict, description="By the server's name for it. It is offered as <server>_<tool>."
    )

    @field_validator("url")
    @classmethod
    def _protected(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
        if not parts.hostname or parts.username or parts.fragment or not (parts.scheme == "https" or local):
            raise ValueError("must be an address over https without a user name (http on this machine alone)")
        return url


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A tool as its server describes it. parameters: its input schema."""

    name: str
    description: str
    parameters: JsonObject

    @property
    def digest(self) -> str:
        return digest_of(
            canonical_json({"name": self.name, "description": self.description, "parameters": self.parameters})
        )


@dataclass(frozen=True, slots=True)
class ExternalToolPin:
    """What the policy says about one tool."""

    server_name: str
    server: ExternalServer
    tool: str
    accepted: AcceptedTool

    @property
    def action(self) -> str:
        return action_name(self.server_name, self.tool)

    @property
    def approved_as(self) -> JsonObject:
        """What an approval of this tool is bound to."""
        return {"server": self.server.url, "name": self.tool, "digest": self.accepted.digest}


@dataclass(frozen=True, slots=True)
class ExternalToolStatus:
    """A tool of a server, as the policy and the server see it. description: None where it is not known."""

    server: str
    tool: str
    state: ExternalToolState
    description: ToolDescription | None


def action_name(server: str, tool: str) -> str:
    """The name that a model calls it by."""
    return f"{server}_{_OTHER.sub('_', tool.lower()).strip('_')}"[:64]


def pins_of(servers: Mapping[str, ExternalServer]) -> dict[str, ExternalToolPin]:
    """The accepted tools of all servers, by the name of their action."""
    pins = (
        ExternalToolPin(name, server, tool, accepted)
        for name, server in servers.items()
        for tool, accepted in server.tools.items()
    )
    return {pin.action: pin for pin in pins}
