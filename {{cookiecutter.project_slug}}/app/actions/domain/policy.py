from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from app.actions.domain.external_tools import ExternalServer, pins_of
from app.actions.domain.origins import Origin
from app.core.base_models import ExactModel
from app.core.policies import PolicyModel


class ActionLimits(ExactModel):
    """How often an action may run, and where its arguments may come from."""

    per_hour: int = Field(ge=1, le=100_000, description="For one key, in any sixty minutes.")
    arguments: dict[str, tuple[Origin, ...]] = Field(
        default_factory=dict,
        description="By argument, where all parts of its value may come from; without an entry, from anywhere.",
    )

    def may_come_from(self, origin: Origin) -> bool:
        """Whether every argument may."""
        return all(origin in origins for origins in self.arguments.values())


ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,19}$")]


class ActionPolicy(PolicyModel):
    """policies/actions.yaml: the actions that a model may propose. A request names those that it allows."""

    renamed_keys: ClassVar[Mapping[str, str]] = {"most_rounds": "max_rounds", "most_per_answer": "max_per_answer"}

    offered: dict[str, ActionLimits] = Field(
        default_factory=dict, description="By name; `app actions catalogue` describes each of them."
    )
    servers: dict[ServerName, ExternalServer] = Field(
        default_factory=dict, description="MCP servers, by the name that their actions begin with."
    )
    max_rounds: int = Field(4, ge=1, le=10, description="The most rounds of tool calls for one question.")
    max_per_answer: int = Field(8, ge=1, le=50, description="The most actions of one answer.")

    @model_validator(mode="after")
    def _one_tool_to_a_name(self) -> Self:
        tools = sum(len(server.tools) for server in self.servers.values())
        if len(pins_of(self.servers)) < tools:
            raise ValueError("two tools of one server would be actions of the same name; accept one of them")
        return self


NOTHING_OFFERED = ActionPolicy(owner="nobody")
"""The policy of releases that are older than actions."""
